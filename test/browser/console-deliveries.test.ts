import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { type Api, sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { tabTo } from "../support/keyboard.ts";
import { patience } from "../support/patience.ts";
import { createPolicyWorld } from "../support/policy-world.ts";

const until = expect.poll;
/** More than two pages of the list. */
const waitingCount = 230;
const nights = { quietHours: [{ start: "22:00", end: "07:00" }] };
let held: string;
let failed: string;

const world = useConsole(async (api) => {
  await seed(api, waitingCount);
  const policy = createPolicyWorld(api.pool);
  const night = new Date(new Date().setUTCHours(48, 0, 0, 0));
  const sleeper = await policy.recipient({ timeZone: "UTC", preferences: nights });
  held = publicId("delivery", await policy.ask({ recipientId: sleeper, type: "habit.reminder" }));
  await policy.worker().dispatch(night);
  failed = publicId("delivery", await policy.ask({ recipientId: await policy.recipient() }));
  const answer = { outcome: "permanent", failure: "unknown_address" } as const;
  const response = "550 5.1.1 <img src=x onerror=alert(1)> no such user";
  await policy.worker(() => ({ ...answer, response })).dispatch();
  await policy.worker(() => "sent").dispatch();
});

async function notify(api: Api, recipients: string[], priority: string): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/notifications", {
    recipients,
    template: { key: sampleTemplate.key },
    data: { order: "A-17" },
    priority,
    sendAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
  expect(status).toBe(202);
  return body.id;
}

const statusOf = async (id: string) =>
  (await world.api.send("GET", `/v1/deliveries/${id}`)).body.status as string;
const countByStatus = async (notification: string) =>
  Object.fromEntries(
    (
      await world.api.prisma.$queryRaw<{ status: string; count: number }[]>`
        SELECT status::text, count(*)::int AS count FROM deliveries
        WHERE notification_id = ${parsePublicId("notification", notification)}::uuid GROUP BY status`
    ).map(({ status, count }) => [status, count]),
  );
const rows = (page: Page) => page.locator("tbody tr[id]");
const queryOf = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams);
const decided = (page: Page) => page.locator("[data-outcome=decided]");

describe("the deliveries", () => {
  it("keep the filters, the drawer and the zone in the address, which shows the same elsewhere", async () => {
    const page = await world.open("deliveries");
    await page.getByRole("button", { name: "Status" }).click();
    await page.getByRole("checkbox", { name: "Failed" }).check();
    await page.keyboard.press("Escape");
    await until(() => rows(page).count(), patience).toBe(1);
    await page.getByRole("radio", { name: "UTC" }).check();
    await rows(page).first().click();
    await page.getByRole("dialog").getByText("Facts").waitFor();
    expect(queryOf(page)).toEqual({ status: "failed", tz: "utc", peek: failed });

    const elsewhere = await world.open(`deliveries${new URL(page.url()).search}`);
    await elsewhere.getByRole("dialog").getByText(failed).waitFor();
    expect(await rows(elsewhere).count()).toBe(1);
    expect(await elsewhere.getByRole("radio", { name: "UTC" }).isChecked()).toBe(true);
    await page.goBack();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  it("leave out what is not valid in an address", async () => {
    const page = await world.open("deliveries?status=failed,nonsense&recipient=ada@example.org");
    await until(() => rows(page).count(), patience).toBe(1);
    await page.getByRole("button", { name: "Status: Failed" }).waitFor();
  });

  it("say that nothing matches, and clear the filters", async () => {
    const page = await world.open("deliveries?channel=sms");
    await page.getByText("No deliveries match these filters").waitFor();
    await page.getByRole("button", { name: "Clear all filters" }).click();
    await rows(page).first().waitFor();
    expect(queryOf(page)).toEqual({});
  });

  it("are explained by the rule that decided, with what it saw and who set it", async () => {
    const page = await world.open(`deliveries?why=${held}`);
    await decided(page).waitFor();
    expect(await decided(page).locator("summary").textContent()).toContain("Quiet hours");
    expect(await decided(page).textContent()).toContain("22:00–07:00");
    expect(await decided(page).textContent()).toContain("Recipient, version 1");
    expect(await page.locator("[data-outcome=not_asked]").count()).toBeGreaterThan(0);
    const sentence = (await world.api.send("GET", `/v1/deliveries/${held}/explanation`)).body;
    await page.getByText(sentence.summary).waitFor();
  });

  it("show the provider’s words as text", async () => {
    const page = await world.open(`deliveries/${failed}`);
    await page
      .locator("blockquote", { hasText: "<img src=x onerror=alert(1)> no such user" })
      .waitFor();
    expect(await page.locator("img").count()).toBe(0);
  });

  it("have filters that fade out at the edge of a phone, behind which there are more", async () => {
    const bar = (page: Page) =>
      page.evaluate<unknown>(`(() => {
        const element = document.querySelector("[role=group][aria-label=Filters]");
        return {
          fades: getComputedStyle(element).maskImage !== "none",
          goesOn: element.scrollWidth > element.clientWidth,
        };
      })()`);
    const phone = await world.open("deliveries", { viewport: { width: 390, height: 844 } });
    await phone.getByRole("group", { name: "Filters" }).waitFor();
    await until(() => bar(phone), patience).toEqual({ fades: true, goesOn: true });
    // At the end, the last filter is not in the fade.
    const clearance = await phone.evaluate<number>(`(() => {
      const element = document.querySelector("[role=group][aria-label=Filters]");
      element.scrollLeft = element.scrollWidth;
      const rightOf = (one) => one.getBoundingClientRect().right;
      return rightOf(element) - rightOf(element.lastElementChild);
    })()`);
    expect(clearance).toBeGreaterThanOrEqual(39);
    const desktop = await world.open("deliveries");
    await desktop.getByRole("group", { name: "Filters" }).waitFor();
    await until(() => bar(desktop), patience).toEqual({ fades: false, goesOn: false });
    expect(world.complaints).toEqual([]);
  });

  it("are reached with the keyboard alone", async () => {
    const page = await world.open("deliveries");
    await rows(page).first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await until(() => page.locator("tbody tr:focus").count(), patience).toBe(1);
    await page.keyboard.press("w");
    await page.getByRole("dialog").waitFor();
    const first = queryOf(page)["why"];
    await page.keyboard.press("k");
    await until(() => queryOf(page)["why"], patience).not.toBe(first);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("x");
    await page.getByText("1 selected").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("q");
    await page.getByRole("heading", { name: "Queue", exact: true }).waitFor();
  });

  it("are cancelled exactly as counted, over all pages, and others are left alone", async () => {
    const everybody = Array.from({ length: waitingCount }, (_, i) => `u${i}`);
    const wanted = await notify(world.api, everybody, "low");
    const other = await notify(world.api, everybody.slice(0, 20), "normal");
    const page = await world.open(`deliveries?source=${wanted}&priority=low`);
    await until(() => rows(page).count(), patience).toBe(50);
    await rows(page).first().getByRole("checkbox").check();
    await page.getByRole("button", { name: "All that match" }).click();
    const bar = page.getByRole("toolbar");
    await bar.getByRole("button", { name: "Cancel", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(`${waitingCount} of the matching deliveries`).waitFor();
    expect(await countByStatus(wanted)).toEqual({ pending: waitingCount });
    await dialog.getByRole("button", { name: `Cancel ${waitingCount} deliveries` }).click();
    await page.getByText(`${waitingCount} deliveries cancelled.`).waitFor();
    expect(await countByStatus(wanted)).toEqual({ cancelled: waitingCount });
    expect(await countByStatus(other)).toEqual({ pending: 20 });
  });

  it("are cancelled over all pages with the keyboard alone", async () => {
    const everybody = Array.from({ length: waitingCount }, (_, i) => `u${i}`);
    const wanted = await notify(world.api, everybody, "low");
    const page = await world.open(`deliveries?source=${wanted}`);
    await until(() => rows(page).count(), patience).toBe(50);
    await page.keyboard.press("j");
    await page.keyboard.press("Control+a");
    await page.getByText("50 selected").waitFor();
    await tabTo(page, page.getByRole("button", { name: "All that match" }));
    await page.keyboard.press("Enter");
    const bar = page.getByRole("toolbar");
    await tabTo(page, bar.getByRole("button", { name: "Cancel", exact: true }));
    await page.keyboard.press("Enter");
    const cancel = page
      .getByRole("dialog")
      .getByRole("button", { name: `Cancel ${waitingCount} deliveries` });
    await tabTo(page, cancel);
    await page.keyboard.press("Enter");
    await page.getByText(`${waitingCount} deliveries cancelled.`).waitFor();
    expect(await countByStatus(wanted)).toEqual({ cancelled: waitingCount });
  });

  it("are retried after a count and a confirmation", async () => {
    const page = await world.open(`deliveries?peek=${failed}`);
    const drawer = page.getByRole("dialog");
    await drawer.getByRole("button", { name: "Retry" }).click();
    const dialog = page.getByRole("dialog", { name: "Retry 1 delivery" });
    await dialog.getByText("1 of 1 can be changed").waitFor();
    expect(await statusOf(failed)).toBe("failed");
    await dialog.getByRole("button", { name: "Retry 1 delivery" }).click();
    await page.getByText("1 delivery will be retried.").waitFor();
    expect(await statusOf(failed)).toBe("pending");
    await drawer.getByText("Pending").waitFor();
  });

  it("do not move while somebody looks at them, and count what is new", async () => {
    const source = await notify(world.api, ["u1", "u2"], "high");
    const page = await world.open("deliveries?priority=high");
    await until(() => rows(page).count(), patience).toBe(2);
    await page.getByText("Live", { exact: true }).waitFor();
    const [first] = (await world.api.send("GET", `/v1/deliveries?notification=${source}`)).body
      .items;
    await world.api.send("POST", `/v1/deliveries/${first.id}/cancel`);
    await notify(world.api, ["u3"], "high");
    await page.getByRole("button", { name: "1 new. Show it" }).waitFor();
    expect(await rows(page).count()).toBe(2);
    await rows(page).first().getByText("Cancelled", { exact: true }).waitFor();
    await page.getByRole("button", { name: "1 new. Show it" }).click();
    await until(() => rows(page).count(), patience).toBe(3);
  });

  it("are read only by a viewer, who sees which role a change needs", async () => {
    const page = await world.open(`deliveries?peek=${held}`, { as: "viewer" });
    const button = page.getByRole("button", { name: "Send now" });
    await button.waitFor();
    expect(await button.getAttribute("aria-disabled")).toBe("true");
    expect(await button.getAttribute("title")).toContain("Needs the role sender");
    await button.click({ force: true });
    await page.locator("tbody tr[id]").first().focus();
    await page.keyboard.press("c");
    expect(await page.getByRole("dialog").count()).toBe(1);
  });
});
