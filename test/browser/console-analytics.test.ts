import { expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { type EngagementKind, recordEngagements } from "../../ledger/engagement.ts";
import { foldAnalytics } from "../../ledger/folding-analytics.ts";
import { foldCounts } from "../../ledger/folding-counts.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { type Api, sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const people = 240;
const days = 7;

/** A campaign on each of some days, by which hundreds of deliveries are handed over, of which most are opened in the morning. */
async function prepare(api: Api): Promise<void> {
  await seed(api, people);
  await api.send("POST", "/v1/templates", {
    ...sampleTemplate,
    key: "linked",
    content: {
      email: { subject: "Sale", html: '<a href="https://shop.example.org/{{ order }}">Shop</a>' },
    },
  });
  await api.pool.query("UPDATE recipients SET time_zone = 'Europe/Berlin'");
  const { body } = await api.send("POST", "/v1/campaigns", {
    name: "Spring sale",
    template: { key: "linked" },
    data: { order: "1" },
    audience: { all: true },
    tracking: { opens: true, clicks: true },
  });
  await api.pool.query(
    "UPDATE campaigns SET status = 'completed', frozen_at = date_trunc('day', now()) - $1 * interval '1 day', finished_at = now()",
    [days],
  );
  await api.pool.query("UPDATE analytics_progress SET counted_until = date_trunc('minute', now())");
  const campaign = parsePublicId("campaign", body.id);
  const { rows } = await api.pool.query<{ id: string; hour: number }>(
    `WITH made AS (
       SELECT uuid_v7(at) AS id, r.id AS recipient, n, day, at,
         CASE WHEN n % 40 = 1 THEN 'failed' WHEN n % 25 = 2 THEN 'suppressed' WHEN n % 3 = 0 THEN 'delivered' ELSE 'sent' END::delivery_status AS state
       FROM (SELECT id, (row_number() OVER (ORDER BY external_id))::int AS n FROM recipients) AS r, generate_series(1, $2) AS day,
         LATERAL (SELECT date_trunc('day', now()) - day * interval '1 day' + (n % 4 * 3 + 8) * interval '1 hour' AS at) AS t
     )
     INSERT INTO deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, status, reason, created_at, finished_at)
     SELECT id, $1, recipient, 'snooze:' || day, CASE WHEN n % 5 = 0 THEN 'push' ELSE 'email' END::channel, 'normal', 'campaign/x/lane/0', state,
       CASE WHEN state IN ('failed', 'suppressed') THEN 'provider_rejected' END, at, at FROM made ORDER BY id
     RETURNING id, (extract(hour FROM finished_at))::int AS hour`,
    [campaign, days],
  );
  const engage = (kind: EngagementKind, isOf: (hour: number, place: number) => boolean) =>
    inTransaction(api.pool, (client) =>
      recordEngagements(
        executeOn(client),
        rows
          .filter(({ hour }, place) => isOf(hour, place))
          .map(({ id }) => ({ id, kind, at: null, count: 1 })),
      ),
    );
  await engage("opened", (hour, place) => (hour < 11 ? place % 4 !== 3 : place % 4 === 0));
  await engage("clicked", (_, place) => place % 16 === 0);
  await engage("clicked_by_machine", (_, place) => place % 8 === 0);
  await engage("unsubscribed", (_, place) => place % 160 === 0);
  await foldCounts(api.pool);
  // The hand-overs of these days are counted by the hour, as if the worker had always run.
  await api.pool.query(
    "UPDATE analytics_progress SET counted_until = date_trunc('day', now()) - $1 * interval '1 day'",
    [days + 1],
  );
  await foldAnalytics(api.pool);
}

const world = useConsole(prepare);
const searchOf = (page: { url(): string }) => Object.fromEntries(new URL(page.url()).searchParams);

it("the analytics show rates with their numbers, charts with their tables, and lead to deliveries", async () => {
  const page = await world.open("analytics?tz=utc", { as: "viewer" });
  const rate = page.locator("main dl > div").filter({ hasText: "Open rate" }).first();
  await rate.getByText(/^[\d,]+ of [\d,]+$/).waitFor();
  await rate.getByText(/^95% interval: [\d.]+% to [\d.]+%$/).waitFor();
  await page
    .getByRole("table", { name: "Outcomes over time, by status (UTC)" })
    .getByRole("columnheader", { name: "Sent" })
    .waitFor();
  await page
    .getByRole("region", { name: "Send times" })
    .getByText(/Opened most: \w+day \d\d:00 \([\d.]+% of \d+\)/)
    .waitFor();
  const funnel = page.getByRole("region", { name: "Funnel" });
  expect(await funnel.getByRole("rowheader").allInnerTexts()).toEqual([
    "Ended",
    "Handed over",
    "Not bounced",
    "Opened",
    "Clicked",
    "Acted on",
  ]);
  await page
    .getByRole("region", { name: "Recipients by engagement" })
    .getByText("Active")
    .waitFor();

  const weeks = page.getByRole("table", { name: /weeks after the week of the hand-over/ });
  await weeks.getByRole("row", { name: /^All weeks/ }).waitFor();
  const cell = weeks.locator("tbody tr").last().locator("td span[title]").first();
  expect(await cell.getAttribute("title")).toMatch(/^[\d,]+ of [\d,]+ messages opened/);
  await page
    .getByRole("group", { name: "What the weeks show" })
    .getByRole("button", { name: "Clicked" })
    .click();
  await expect.poll(() => cell.getAttribute("title"), patience).toMatch(/messages clicked/);
  expect(searchOf(page)).toMatchObject({ cohorts: "clicked" });

  const byChannel = page.getByRole("region", { name: "By channel" });
  await byChannel.getByRole("row", { name: /Email/ }).waitFor();
  await byChannel.getByRole("link", { name: "Push" }).click();
  await expect.poll(() => searchOf(page)["channel"], patience).toBe("push");
  await expect.poll(() => byChannel.locator("tbody tr").count(), patience).toBe(1);

  await page.getByRole("button", { name: "Campaign", exact: true }).click();
  await page
    .getByRole("region", { name: "By campaign" })
    .getByRole("row", { name: /Spring sale/ })
    .waitFor();
  expect(searchOf(page)).toMatchObject({ by: "campaigns", channel: "push", tz: "utc" });

  await page.getByLabel("Compare with the period before").uncheck();
  await expect
    .poll(() => page.getByText("before", { exact: false }).count(), patience)
    .toBeLessThan(4);

  await page.getByRole("region", { name: "Outcomes over time" }).getByRole("link").first().click();
  await expect.poll(() => new URL(page.url()).pathname, patience).toBe("/console/deliveries");
  expect(searchOf(page)).toMatchObject({ channel: "push", status: "delivered" });
  expect(world.complaints).toEqual([]);
});

it("a campaign shows what people did, and its links are switched off and on", async () => {
  const { items } = (await world.api.send("GET", "/v1/campaigns")).body;
  const [{ id }] = items as [{ id: string }];
  const page = await world.open(`campaigns/${id}?tab=engagement&tz=utc`);
  const done = page.getByRole("region", { name: "What people did" });
  const clicked = done.getByRole("row", { name: /^Clicked/ });
  await clicked.getByText(/^[\d.]+%$/).waitFor();
  await clicked.getByText(/^of [\d,]+ not bounced/).waitFor();
  await clicked.getByText(/^[1-9]\d* by programs$/).waitFor();
  expect(await done.getByRole("rowheader").allInnerTexts()).toEqual([
    "Opened",
    "Clicked",
    "Unsubscribed",
    "Bounced",
    "Complained",
  ]);
  const links = page.getByRole("table", { name: "Links of the campaign" });
  await links.getByRole("cell", { name: "https://shop.example.org/{…}" }).waitFor();

  await page.getByRole("button", { name: "Switch the links off" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Links to unsubscribe keep working").waitFor();
  await dialog.getByRole("button", { name: "Switch the links off" }).click();
  await page.getByText("Links are switched off").waitFor();
  expect((await world.api.send("GET", `/v1/campaigns/${id}`)).body.redirects).toBe(false);
  const [entry] = (await world.api.send("GET", `/v1/audit?resource=${id}`)).body.items;
  expect(entry).toMatchObject({ action: "campaign.edit", after: { redirects: false } });

  const viewer = await world.open(`campaigns/${id}?tab=engagement`, { as: "viewer" });
  await viewer.getByText("Links are switched off").waitFor();
  const on = viewer.getByRole("button", { name: "Switch the links on" });
  expect(await on.getAttribute("aria-disabled")).toBe("true");
  await page.getByRole("button", { name: "Switch the links on" }).click();
  await dialog.getByRole("button", { name: "Switch the links on" }).click();
  await page.getByText("Links lead to their targets").waitFor();

  await page.getByRole("link", { name: "Analytics of the campaign" }).click();
  await expect.poll(() => searchOf(page)["source"], patience).toBe(id);
  await page.locator("main dl > div").filter({ hasText: "Click rate" }).first().waitFor();
});

it("the analytics say so where there is nothing, where nothing matches, and where they cannot be read", async () => {
  const page = await world.open("analytics?from=2020-01-01&to=2020-01-02");
  await page.getByText("Nothing ended in this time").first().waitFor();
  await page.goto(`${world.url}analytics?type=no.such`);
  await page.getByText("No deliveries match these filters").waitFor();
  await page.getByRole("button", { name: "Clear all filters" }).click();
  await page.getByRole("region", { name: "Outcomes over time" }).waitFor();
  await page.route("**/v1/analytics/**", (route) => route.abort());
  await page.goto(`${world.url}analytics`);
  await page.getByText("The API does not respond").first().waitFor();
});
