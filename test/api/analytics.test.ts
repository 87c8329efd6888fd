import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { type EngagementKind, recordEngagements } from "../../ledger/engagement.ts";
import { foldAnalytics, setReportZone } from "../../ledger/folding-analytics.ts";
import { foldCounts } from "../../ledger/folding-counts.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { type Api, apiKey, sampleTemplate, seed, startApi } from "./harness.ts";

/*
 * Ten deliveries of a campaign that were handed over on Monday 2026-06-01 at 23:50 in Berlin (21:50 UTC), of which one failed, and one notification of a type a day
 * before.
 */
const handedAt = new Date("2026-06-01T21:50:00Z");
const dayBefore = new Date("2026-05-31T21:50:00Z");

let api: Api;
let campaign: string;
let ids: string[];
const engage = (kind: EngagementKind, places: readonly number[], daysLater = 0, count = 1) =>
  inTransaction(api.pool, (client) =>
    recordEngagements(
      executeOn(client),
      places.map((place) => ({
        id: ids[place]!,
        kind,
        at: new Date(handedAt.getTime() + daysLater * 86_400_000 + 60_000),
        count,
      })),
    ),
  );

beforeAll(async () => {
  api = await startApi();
  await seed(api, 10);
  await api.pool.query("UPDATE recipients SET time_zone = 'Europe/Berlin'");
  await api.send("POST", "/v1/notification-types", { key: "task.deadline", name: "A deadline" });
  const created = await api.send("POST", "/v1/campaigns", {
    name: "=HYPERLINK(1)",
    template: { key: sampleTemplate.key },
    data: { order: "1" },
    audience: { all: true },
    type: "task.deadline",
  });
  campaign = created.body.id;
  await api.send("POST", "/v1/notifications", {
    template: { key: sampleTemplate.key },
    data: { order: "1" },
    recipients: ["u0"],
    type: "task.deadline",
  });
  await api.pool.query(
    `UPDATE deliveries SET status = 'sent', due_at = NULL, finished_at = $1, created_at = $1`,
    [dayBefore],
  );
  const { rows } = await api.pool.query<{ id: string }>(
    `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, status, reason, created_at, finished_at)
     SELECT uuid_v7($2), $1, r.id, 'email', 'low', 'campaign/x/lane/0', (CASE WHEN n = 10 THEN 'failed' ELSE 'sent' END)::delivery_status,
       CASE WHEN n = 10 THEN 'provider_rejected' END, $2, $2
     FROM (SELECT id, row_number() OVER (ORDER BY external_id) AS n FROM recipients) r ORDER BY n RETURNING id`,
    [parsePublicId("campaign", campaign), handedAt],
  );
  ids = rows.map(({ id }) => id);
  await engage("opened", [0, 1, 2, 3], 0, 2);
  await engage("clicked", [0, 1], 8);
  await engage("opened_by_machine", [0, 4, 5]);
  await engage("unsubscribed", [2]);
});
afterAll(() => api.stop());

const get = async (path: string, query: string) => {
  const { status, body } = await api.send("GET", `/v1/analytics/${path}?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body;
};
const june1 = "from=2026-06-01T00:00:00%2B02:00&to=2026-06-02T00:00:00%2B02:00&zone=Europe/Berlin";

describe.each([
  ["before", async () => {}],
  [
    "after",
    async () => {
      await foldCounts(api.pool);
      await api.pool.query("UPDATE analytics_progress SET counted_until = $1", [
        new Date(handedAt.getTime() - 60_000),
      ]);
      await foldAnalytics(api.pool);
    },
  ],
])("reports %s the changes are folded", (_, prepare) => {
  beforeAll(prepare);

  it("count what became of the deliveries that were handed over then, whenever it happened", async () => {
    for (const more of ["&interval=day", "&interval=hour", ""]) {
      const { total, previous, intervals } = await get("overview", june1 + more);
      expect(total.counts).toMatchObject({
        accepted: 10,
        handedOver: 9,
        failed: 1,
        opened: 4,
        opens: 8,
        clicked: 2,
        openedByMachine: 3,
        unsubscribed: 1,
      });
      expect(total.rates.openRate).toMatchObject({ numerator: 4, denominator: 9, value: 4 / 9 });
      expect(total.rates.openRate.low).toBeLessThan(4 / 9);
      expect(total.rates.clickToOpenRate.value).toBe(0.5);
      expect(previous.counts).toMatchObject({ accepted: 1, handedOver: 1, opened: 0 });
      expect(intervals).toHaveLength(more === "&interval=day" ? 1 : 24);
      expect(
        intervals.reduce(
          (sum: number, { counts }: { counts: { handedOver: number } }) => sum + counts.handedOver,
          0,
        ),
      ).toBe(9);
    }
  });

  it("say what each rate is a share of", async () => {
    const { definitions, total } = await get("overview", june1);
    expect(Object.keys(definitions)).toEqual(Object.keys(total.rates));
  });

  it.each([
    ["channels", "email"],
    ["types", "task.deadline"],
    ["templates", sampleTemplate.key],
    ["providers", null],
  ])("are broken down by %s", async (path, key) => {
    const { items } = await get(path, june1);
    expect(items).toMatchObject([
      { key, counts: { handedOver: 9, opened: 4 }, previous: { counts: { handedOver: 1 } } },
    ]);
  });

  it("are broken down by campaign, and restricted by filters", async () => {
    const { items } = await get("campaigns", june1);
    expect(items.map(({ key }: { key: string }) => key)).toEqual([campaign, null]);
    const filtered = async (query: string) =>
      (await get("overview", `${june1}&${query}`)).total.counts.handedOver;
    expect(await filtered(`campaign=${campaign}`)).toBe(9);
    expect(await filtered("type=task.deadline&channel=email")).toBe(9);
    expect(await filtered("channel=push")).toBe(0);
    expect(await filtered("type=no.such")).toBe(0);
    expect(await filtered("provider=other")).toBe(0);
  });

  it("have the steps of a funnel", async () => {
    const { steps } = await get("funnel", june1);
    expect(steps.map(({ count }: { count: number }) => count)).toEqual([10, 9, 9, 4, 2, 0]);
    expect(steps[3].ofStepBefore).toMatchObject({ numerator: 4, denominator: 9 });
  });

  it("equal the ledger, and list the numbers that do not", async () => {
    const time = "from=2026-05-31T00:00:00Z&to=2026-06-03T00:00:00Z";
    expect(await get("reconciliation", time)).toMatchObject({ isEqual: true, differences: [] });
    await api.pool.query("UPDATE engagements SET acted_at = now() WHERE delivery_id = $1", [
      ids[0],
    ]);
    expect(await get("reconciliation", time)).toMatchObject({
      isEqual: false,
      differences: [{ campaign, channel: "email", number: "acted", difference: -1 }],
    });
    await api.pool.query("UPDATE engagements SET acted_at = NULL");
  });

  it("count recipients by how long ago they engaged", async () => {
    const { total, segments } = await get("segments", "");
    expect(total).toBe(10);
    expect(
      segments.map(({ state, recipients }: { state: string; recipients: number }) => [
        state,
        recipients,
      ]),
    ).toEqual([
      ["active", 0],
      ["cooling", 0],
      ["dormant", 4],
      ["never", 6],
    ]);
  });
});

it("have the hours of the recipients' week, and the weeks until they engage", async () => {
  const week = "from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z";
  const { hours } = await get("send-times", week);
  const monday23 = hours.find(
    ({ weekday, hour }: { weekday: number; hour: number }) => weekday === 1 && hour === 23,
  );
  expect(monday23).toMatchObject({ handedOver: 9, opened: 4, clicked: 2 });
  const { cohorts } = await get("cohorts", week);
  expect(cohorts).toMatchObject([
    {
      week: "2026-06-01",
      handedOver: 9,
      weeks: [
        { weeksSince: 0, opened: 4, clicked: 0 },
        { weeksSince: 1, opened: 0, clicked: 2 },
      ],
    },
  ]);
});

it("have days of the report zone, also those before it was set", async () => {
  await setReportZone(api.pool, "Europe/Berlin");
  const { total } = await get("overview", `${june1}&interval=day`);
  expect(total.counts).toMatchObject({ handedOver: 9, opened: 4 });
  await setReportZone(api.pool, "UTC");
});

it("are exported without formulas", async () => {
  const exported = async (query: string) => {
    const response = await api.app.request(`/v1/analytics/export?${june1}&${query}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    expect(response.status).toBe(200);
    return (await response.text()).trimEnd().split(/\r?\n/);
  };
  const lines = await exported("report=campaigns");
  expect(lines[0]).toMatch(/^key,name,accepted,handedOver,.*openRate,openRateLow,openRateHigh/);
  expect(lines[1]).toContain(`${campaign},"'=HYPERLINK(1)",10,9`);
  expect(JSON.parse((await exported("report=channels&format=ndjson"))[0]!)).toMatchObject({
    key: "email",
    opened: 4,
  });
  expect(await exported("report=send-times")).toHaveLength(169);
});

it("keep their numbers when a recipient is erased", async () => {
  await api.send("DELETE", "/v1/recipients/u1");
  const { total } = await get("overview", june1);
  expect(total.counts).toMatchObject({ opened: 4, clicked: 2 });
  expect(
    await get("reconciliation", "from=2026-05-31T00:00:00Z&to=2026-06-03T00:00:00Z"),
  ).toMatchObject({
    isEqual: true,
  });
  // A later engagement of the person is not known any more.
  await engage("acted", [1]);
  expect((await get("overview", june1)).total.counts.acted).toBe(0);
});

it("are refused with a wrong time", async () => {
  for (const query of [
    "from=2026-06-02T00:00:00Z&to=2026-06-01T00:00:00Z",
    "from=2000-01-01T00:00:00Z&interval=hour",
    "zone=Nowhere/Here",
  ])
    expect((await api.send("GET", `/v1/analytics/overview?${query}`)).status).toBe(422);
});
