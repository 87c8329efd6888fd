import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { newUuid, parsePublicId } from "../../domain/ids.ts";
import { sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";
import { createPolicyWorld } from "../support/policy-world.ts";

const until = expect.poll;
/** More than two pages of the list. */
const waitingCount = 230;
const ofCampaign = 2;
const nights = { quietHours: [{ start: "22:00", end: "07:00" }] };
let bulk: string;
let untouched: string;

const world = useConsole(async (api) => {
  await seed(api, waitingCount);
  const send = async (priority: string, count: number) => {
    const { body } = await api.send("POST", "/v1/notifications", {
      recipients: Array.from({ length: count }, (_, i) => `u${i}`),
      template: { key: sampleTemplate.key },
      data: { order: "A-17" },
      priority,
      sendAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    return body.id as string;
  };
  const policy = createPolicyWorld(api.pool);
  const night = new Date(new Date().setUTCHours(48, 0, 0, 0));
  for (const priority of ["normal", "normal", "high"] as const) {
    const recipientId = await policy.recipient({ timeZone: "UTC", preferences: nights });
    await policy.ask({ recipientId, priority });
  }
  await policy.worker().dispatch(night);
  // The worker above would have sent them.
  bulk = await send("low", waitingCount);
  untouched = await send("normal", 20);
  const { id } = await policy.seed.campaign({ priority: "low" });
  const ids = Array.from({ length: ofCampaign }, () => newUuid());
  const recipients = await policy.seed.recipients(ofCampaign);
  await api.pool.query(
    `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at)
     SELECT d.id, $1, d.recipient, 'email', 'low', 'campaign/lane/0', now() + interval '1 hour' FROM unnest($2::uuid[], $3::uuid[]) AS d(id, recipient)`,
    [id, ids, recipients],
  );
});

const countBy = async (condition: string) =>
  Object.fromEntries(
    (
      await world.api.pool.query<{ key: string; count: number }>(
        `SELECT priority || ' ' || status || ' ' || coalesce(reason, 'none') AS key, count(*)::int AS count FROM deliveries d WHERE ${condition} GROUP BY 1`,
      )
    ).rows.map(({ key, count }) => [key, count]),
  );
const ofNotification = (id: string) =>
  countBy(`notification_id = '${parsePublicId("notification", id)}'`);
const queryOf = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams);
const cell = (page: Page, name: string) =>
  page.getByRole("grid").getByRole("button", { name, exact: false });
const picked = (page: Page) =>
  page.getByRole("grid").locator('[aria-selected="true"] button').count();
const table = (page: Page) => page.getByRole("table", { name: "Deliveries" }).locator("tbody tr");

describe("the queue", () => {
  it("changes exactly the deliveries of the selected cell over three pages: matched = changed + skipped", async () => {
    const page = await world.open("queue");
    await cell(page, "Its time or its turn, Low:").click();
    expect(queryOf(page)).toEqual({ reason: "none", priority: "low" });
    await until(() => table(page).count(), patience).toBe(50);
    const all = page.getByRole("group", { name: "With all selected cells" });
    await all.getByRole("button", { name: "Change priority" }).click();
    const dialog = page.getByRole("dialog");
    const matched = waitingCount + ofCampaign;
    await dialog.getByText(`${matched} of the matching deliveries`).waitFor();
    await dialog.getByLabel("New priority").selectOption("high");
    expect(await ofNotification(bulk)).toEqual({ "low pending none": waitingCount });
    await dialog
      .getByRole("button", { name: `Change the priority of ${matched} deliveries` })
      .click();
    await page
      .getByText(
        `${waitingCount} deliveries given another priority. Unchanged: ${ofCampaign} have the priority of their campaign.`,
      )
      .waitFor();
    expect(await ofNotification(bulk)).toEqual({ "high pending none": waitingCount });
    expect(await ofNotification(untouched)).toEqual({ "normal pending none": 20 });
    expect(await countBy("campaign_id IS NOT NULL")).toEqual({ "low pending none": ofCampaign });
    expect(await countBy("reason = 'quiet_hours'")).toEqual({
      "normal pending quiet_hours": 2,
      "high pending quiet_hours": 1,
    });
  });

  it("selects cells with the mouse, by headings and with the keyboard alone, all in the address", async () => {
    const page = await world.open("queue?reason=quiet_hours&priority=normal");
    await until(() => table(page).count(), patience).toBe(2);
    await until(() => picked(page), patience).toBe(1);
    await cell(page, "Quiet hours, High:").click({ modifiers: ["Shift"] });
    await until(() => table(page).count(), patience).toBe(3);
    expect(queryOf(page)).toEqual({ reason: "quiet_hours", priority: "high,normal" });
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await until(() => picked(page), patience).toBe(0);
    await page.getByRole("grid").getByRole("button", { name: "Quiet hours", exact: true }).click();
    expect(queryOf(page)).toEqual({ reason: "quiet_hours" });
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Space");
    await until(() => queryOf(page), patience).toEqual({
      reason: "quiet_hours",
      priority: "high",
    });
    await until(() => table(page).count(), patience).toBe(1);
    await page.getByRole("link", { name: "By queue" }).click();
    await page.getByRole("grid").getByRole("button", { name: "mailbox/0", exact: true }).click();
    await until(() => queryOf(page)["queue"], patience).toBe("mailbox/0");
  });

  it("reprioritises and sends held deliveries by cells, and others keep waiting", async () => {
    const page = await world.open("queue?reason=quiet_hours&priority=normal");
    const all = page.getByRole("group", { name: "With all selected cells" });
    await all.getByRole("button", { name: "Change priority" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("New priority").selectOption("high");
    await dialog.getByRole("button", { name: "Change the priority of 2 deliveries" }).click();
    await page.getByText("2 deliveries given another priority.").waitFor();
    // They are decided again with the new priority, which they wait for now.
    const high = await countBy("priority = 'high' AND reason IS NOT NULL");
    expect(Object.values(high).reduce((sum, count) => sum + count, 0)).toBe(3);
    await page.goto(`${world.url}queue?reason=quiet_hours&priority=high`);
    await all.getByRole("button", { name: "Send now" }).click();
    await dialog.getByRole("button", { name: "Send 1 delivery now" }).click();
    await page.getByText("1 delivery will be sent now.").waitFor();
    expect(await countBy("reason = 'send_requested'")).toEqual({
      "high pending send_requested": 1,
    });
    expect(await ofNotification(untouched)).toEqual({ "normal pending none": 20 });
  });

  it("is read only by a viewer", async () => {
    const page = await world.open("queue?priority=normal", { as: "viewer" });
    const button = page
      .getByRole("group", { name: "With all selected cells" })
      .getByRole("button", { name: "Cancel" });
    expect(await button.getAttribute("title")).toContain("Needs the role sender");
    await button.click({ force: true });
    expect(await page.getByRole("dialog").count()).toBe(0);
  });
});
