import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { publicId } from "../../domain/ids.ts";
import { createRecordingWorker } from "../support/recording-worker.ts";
import { sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";
import { createPolicyWorld } from "../support/policy-world.ts";

const until = expect.poll;
const world = useConsole(async (api) => {
  await seed(api, 6);
  await api.send("PUT", "/v1/recipients/unreachable", { attributes: {} });
});

async function notify(more: object = {}): Promise<string> {
  const { status, body } = await world.api.send("POST", "/v1/notifications", {
    recipients: ["u0", "u1", "u2"],
    template: { key: sampleTemplate.key },
    data: { order: "A-17" },
    ...more,
  });
  expect([status, body.errors]).toEqual([202, undefined]);
  return body.id;
}

const read = async (path: string) => (await world.api.send("GET", path)).body;
const countNotifications = () => world.api.prisma.notification.count();
const rows = (page: Page) => page.getByRole("table", { name: "Notifications" }).locator("tbody tr");
const queryOf = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams);

describe("the notifications", () => {
  it("are filtered by the address, and one says what became of it and why somebody got it or not", async () => {
    const id = await notify({ priority: "high", sendAt: new Date(Date.now() + 3_600_000) });
    await notify({ priority: "low" });
    const page = await world.open("notifications?priority=high&recipient=ada@example.org");
    await until(() => rows(page).count(), patience).toBe(1);
    await page.keyboard.press("j");
    await page.keyboard.press("o");
    await page.getByText("3 deliveries = 3 pending").waitFor();
    expect(new URL(page.url()).pathname).toMatch(new RegExp(`/notifications/${id}$`));
    const box = page.getByRole("region", { name: "Why did a recipient get it, or not?" });
    await box.getByRole("textbox", { name: "Recipient" }).fill("u1@exam");
    await page.keyboard.press("Enter");
    await box.getByRole("button", { name: /^u1/ }).click();
    const recipient = await read("/v1/recipients/u1");
    await until(() => queryOf(page)["of"], patience).toBe(recipient.id);
    const { stages } = await read(`/v1/explanations?source=${id}&recipient=u1`);
    await box.getByText(stages[0].summary.slice(0, 40)).waitFor();
    await box.getByRole("link", { name: "Why, rule by rule" }).click();
    await page.getByRole("dialog").getByText("The decision").waitFor();
    await page.keyboard.press("Escape");
    await box.getByRole("textbox", { name: "Recipient" }).fill("u5@exam");
    await page.keyboard.press("Enter");
    await box.getByRole("button", { name: /^u5/ }).click();
    await box.getByText("The notification does not name this recipient.").waitFor();
  });

  it("are cancelled as a whole after a count, and only their own deliveries", async () => {
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const [id, other] = [await notify({ sendAt }), await notify({ sendAt })];
    const page = await world.open(`notifications/${id}`);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("button", { name: "Cancel 3 deliveries" }).click();
    await page.getByText("3 deliveries = 3 cancelled").waitFor();
    expect((await read(`/v1/notifications/${other}`)).counts.pending).toBe(3);
  });

  it("need the role sender to be sent", async () => {
    const page = await world.open("notifications", { as: "viewer" });
    const button = page.getByRole("button", { name: "Notify" });
    expect(await button.getAttribute("title")).toContain("Needs the role sender");
    await button.click({ force: true });
    expect(await page.getByRole("dialog").count()).toBe(0);
  });
});

describe("the dialog that notifies", () => {
  it("counts what would happen, which then happens, and is one effect however often it is pressed", async () => {
    const page = await world.open("notifications");
    await page.getByRole("button", { name: "Notify" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Recipients", { exact: true }).fill("u1, u2\nunreachable\nnobody");
    await dialog.getByLabel("Template", { exact: true }).selectOption(sampleTemplate.key);
    await dialog.getByRole("button", { name: "Preview" }).click();
    await dialog.getByText("“nobody” names no recipient").waitFor();
    await dialog.getByLabel("Recipients", { exact: true }).fill("u1, u2\nunreachable");
    await dialog.getByRole("button", { name: "Preview" }).click();
    // The form is that of the template: the order is required.
    await dialog.getByRole("alert").getByText("is required").waitFor();
    await dialog.getByLabel("Order", { exact: true }).fill("B-18");
    const send = dialog.getByRole("button", { name: /^Send/ });
    expect(await send.isDisabled()).toBe(true);
    await dialog.getByRole("button", { name: "Preview" }).click();
    const preview = dialog.getByRole("region", { name: "What would happen" });
    await preview.getByText("= 2 sent at once + 0 wait + 1 not sent").waitFor();
    await preview.getByText("No address").first().waitFor();
    const before = await countNotifications();
    await dialog.getByRole("button", { name: "Send 3 deliveries" }).dblclick();
    await dialog.getByText("3 deliveries = 3 pending").waitFor();
    expect(await countNotifications()).toBe(before + 1);
    const href = await dialog
      .getByRole("link", { name: "Open the notification" })
      .getAttribute("href");
    const id = href!.split("/").at(-1)!;
    const worker = createRecordingWorker(world.api.pool);
    const { deliveries } = await read(`/v1/notifications/${id}`);
    for (const queue of new Set(deliveries.map((one: { queue: string }) => one.queue)))
      await worker.dispatch(queue as string);
    expect((await read(`/v1/notifications/${id}`)).counts).toMatchObject({
      sent: 2,
      suppressed: 1,
    });
    await dialog.getByText("3 deliveries = 2 sent + 1 suppressed").waitFor();
  });

  it("sends a text of its own at a time, and has to preview again after a change", async () => {
    const page = await world.open("notifications?notify=new&tz=utc");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Recipients", { exact: true }).fill("u3");
    await dialog.getByRole("radio", { name: "A plain text" }).check();
    await dialog
      .getByLabel("Subject", { exact: true })
      .fill("Hello {{ recipient.attributes.name }}");
    await dialog.getByLabel("Text", { exact: true }).fill("Good morning.");
    await dialog.getByRole("checkbox", { name: "Inbox" }).check();
    const year = new Date().getUTCFullYear() + 1;
    await dialog.getByLabel(/^Not before/).fill(`${year}-03-01T09:00`);
    await dialog.getByRole("button", { name: "Preview" }).click();
    await dialog.getByRole("button", { name: "Send 1 delivery" }).waitFor();
    await dialog.getByLabel("Priority").selectOption("low");
    expect(await dialog.getByRole("button", { name: "Send", exact: true }).isDisabled()).toBe(true);
    await dialog.getByRole("button", { name: "Preview" }).click();
    await dialog.getByRole("button", { name: "Send 1 delivery" }).click();
    await dialog.getByText("1 delivery = 1 pending").waitFor();
    const { items } = await read("/v1/notifications?limit=1");
    expect(await read(`/v1/notifications/${items[0].id}`)).toMatchObject({
      priority: "low",
      sendAt: `${year}-03-01T09:00:00.000Z`,
      content: { in_app: { title: "Hello {{ recipient.attributes.name }}" } },
      deliveries: [{ channel: "in_app" }],
    });
  });
});

describe("a delivery", () => {
  it("shows what was sent in a frame, with its text and headers, and leads to its neighbours", async () => {
    const html = '<p style="color: red">Dear {{ who }}</p><script>parent.x = 1</script>';
    const id = await notify({
      template: undefined,
      content: { email: { subject: "To {{ who }}", html, text: "Plain {{ who }}" } },
      data: { who: "Ada <b>" },
      priority: "critical",
    });
    const page = await world.open(`deliveries?source=${id}`);
    const table = page.getByRole("table", { name: "Deliveries" });
    await table.locator("tbody tr").first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("o");
    await page.getByRole("heading", { name: "What would be sent now" }).waitFor();
    const frame = page.frameLocator("iframe");
    await frame.getByText("Dear Ada <b>").waitFor();
    expect(await page.evaluate("'x' in window")).toBe(false);
    await page.getByRole("radio", { name: "Text" }).check({ force: true });
    await page.getByText("Plain Ada <b>").waitFor();
    await page.getByRole("radio", { name: "Headers" }).check({ force: true });
    await page.getByText("Tidings <tidings@example.org>").waitFor();
    const first = page.url();
    await page.keyboard.press("]");
    await until(() => page.url(), patience).not.toBe(first);
    await page.keyboard.press("[");
    await until(() => page.url(), patience).toBe(first);
  });

  it("can be given another priority", async () => {
    const id = await notify({ sendAt: new Date(Date.now() + 3_600_000).toISOString() });
    const { deliveries } = await read(`/v1/notifications/${id}`);
    const page = await world.open(`deliveries/${deliveries[0].id}`);
    await page.getByRole("button", { name: "Change priority" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("New priority").selectOption("low");
    await dialog.getByRole("button", { name: "Change the priority of 1 delivery" }).click();
    await page.getByText("1 delivery given another priority.").waitFor();
    expect((await read(`/v1/deliveries/${deliveries[0].id}`)).priority).toBe("low");
  });
});

describe("the rule that decided", () => {
  it("is named in the drawer with what it saw and who set it, for each rule that a recipient can meet", async () => {
    const { api } = world;
    const policy = createPolicyWorld(api.pool);
    const noon = new Date(new Date().setUTCHours(48 + 12, 30, 0, 0));
    const siesta = { quietHours: [{ start: "12:00", end: "14:00" }] };
    const someone = (preferences: object | null = null) =>
      policy.recipient({ timeZone: "UTC", preferences });
    const set = (recipientId: string, column: string) =>
      api.pool.query(`UPDATE recipients SET ${column} WHERE id = $1`, [recipientId]);

    const met: Record<string, { delivery: string; fact: string; origin?: string }> = {};
    const meet = async (
      rule: string,
      fact: string,
      {
        recipientId,
        origin,
        ...asked
      }: Partial<Parameters<typeof policy.ask>[0]> & { recipientId: string; origin?: string },
    ) => {
      const delivery = await policy.ask({ recipientId, at: noon, ...asked });
      met[rule] = { delivery, fact, ...(origin !== undefined && { origin }) };
    };

    const erased = await someone();
    await meet("erased", "yes", { recipientId: erased });
    const suppressed = await someone();
    await api.send("POST", "/v1/suppressions", {
      channel: "email",
      address: `user-${suppressed}@example.org`,
      reason: "manual",
    });
    await meet("suppressed", "manual", { recipientId: suppressed });
    const homeless = await someone();
    await set(homeless, "email = NULL");
    await meet("address", "no", { recipientId: homeless });
    const late = new Date(noon.getTime() - 60_000);
    await meet("expired", String(noon.getUTCFullYear()), {
      recipientId: await someone(),
      expiresAt: late,
    });
    await meet("critical", "PriorityCritical", {
      recipientId: await someone(siesta),
      priority: "critical",
    });
    await meet("switched_off", "habit.reminder", {
      recipientId: await someone({ types: { "habit.reminder": false } }),
      type: "habit.reminder",
    });
    await meet("minimum_priority", "PriorityLow", {
      recipientId: await someone({ minimumPriority: "high" }),
      priority: "low",
      origin: "Recipient, version 1",
    });
    await meet("quiet_hours", "12:00–14:00", {
      recipientId: await someone(siesta),
      origin: "Recipient, version 1",
    });
    await meet("digest", "daily", {
      recipientId: await someone({ digest: { mode: "daily" } }),
      type: "habit.reminder",
      origin: "Recipient, version 1",
    });
    await meet("batching", "Collects for30 min", {
      recipientId: await someone(),
      type: "habit.reminder",
      origin: "Policy",
    });
    const limited = await someone({ maxPerHour: 1 });
    await policy.ask({ recipientId: limited, at: new Date(noon.getTime() - 1_000) });
    await meet("limits", "recipient limit", {
      recipientId: limited,
      origin: "Recipient, version 1",
    });
    const reader = await someone({ intelligentTiming: true });
    await set(
      reader,
      `engaged_hours = (SELECT array_agg(CASE WHEN h = 14 THEN 50 ELSE 0 END ORDER BY h) FROM generate_series(0, 23) h)`,
    );
    await meet("best_hour", "14", { recipientId: reader, origin: "Recipient, version 1" });
    await set(erased, "erased_at = now(), email = NULL, phone = NULL, external_id = NULL");

    await policy.worker().dispatch(noon);
    const page = await world.open("deliveries");
    const decided = page.locator("[data-outcome=decided]");
    for (const [rule, { delivery, fact, origin }] of Object.entries(met)) {
      const id = publicId("delivery", delivery);
      const explained = await read(`/v1/deliveries/${id}/explanation`);
      const names = explained.rules
        .filter(({ outcome }: { outcome: string }) => outcome === "decided")
        .map(({ name }: { name: string }) => name);
      expect([rule, names]).toEqual([rule, [rule]]);
      await page.goto(`${world.url}deliveries?why=${id}&tz=utc`);
      await page.getByText(explained.summary).waitFor();
      const text = (await decided.textContent()) ?? "";
      expect(text.toLowerCase()).toContain(rule.replaceAll("_", " "));
      expect([rule, text]).toEqual([rule, expect.stringContaining(fact)]);
      if (origin !== undefined)
        expect([rule, text]).toEqual([rule, expect.stringContaining(origin)]);
    }
  });
});
