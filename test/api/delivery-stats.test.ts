import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { foldCounts } from "../../ledger/folding-counts.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
let viewer: { secret: string };
let campaign: string;
const until = new Date();
const hoursAgo = (hours: number) => new Date(until.getTime() - hours * 3_600_000);

beforeAll(async () => {
  api = await startApi();
  await seed(api, 10);
  viewer = await makeKey(api, { role: "viewer" });
  await api.send("POST", "/v1/notification-types", { key: "task.deadline", name: "A deadline" });
  const notify = async (recipients: string[], more = {}) => {
    const { body, status } = await api.send("POST", "/v1/notifications", {
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      recipients,
      ...more,
    });
    expect({ status, body }).toMatchObject({ status: 202 });
  };
  await notify(["u0", "u1"], { type: "task.deadline" });
  await notify(["u2"], { priority: "critical" });
  campaign = (
    await api.send("POST", "/v1/campaigns", {
      name: "=HYPERLINK(1)",
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      audience: { all: true },
    })
  ).body.id;
  // Ten deliveries of the campaign: three failed two hours ago, five were sent three hours ago, two are open.
  await api.prisma.$executeRaw`
    INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, status, due_at, reason, detail, created_at, finished_at)
    SELECT uuid_v7(${hoursAgo(4)}), ${parsePublicId("campaign", campaign)}::uuid, r.id, 'email', 'low', ${`campaign/${campaign}/lane/0`},
      (CASE WHEN n <= 3 THEN 'failed' WHEN n <= 8 THEN 'sent' ELSE 'pending' END)::delivery_status, CASE WHEN n > 8 THEN now() END,
      CASE WHEN n <= 3 THEN 'provider_rejected' END, CASE WHEN n <= 3 THEN '=1+1, "no"' END, ${hoursAgo(4)},
      CASE WHEN n <= 3 THEN ${hoursAgo(2)}::timestamptz WHEN n <= 8 THEN ${hoursAgo(3)}::timestamptz END
    FROM (SELECT id, row_number() OVER (ORDER BY external_id) AS n FROM recipients) r`;
});
afterAll(() => api.stop());

const stats = async (query: string) => {
  const { status, body } = await api.send("GET", `/v1/stats/deliveries?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body;
};
const totals = async (query: string) => {
  const { total, series, rest } = await stats(query);
  const sum = (numbers: number[]) => numbers.reduce((all, number) => all + number, 0);
  for (const each of [...series, rest]) expect(sum(each.counts)).toBe(each.total);
  expect(sum([...series, rest].map((each: { total: number }) => each.total))).toBe(total);
  return Object.fromEntries(
    series.map(({ key, total: own }: { key: object; total: number }) => [
      Object.values(key).join(" "),
      own,
    ]),
  );
};

describe.each([
  ["before", async () => {}],
  ["after", async () => void (await foldCounts(api.pool))],
])("GET /v1/stats/deliveries, %s the changes are folded", (_, prepare) => {
  beforeAll(prepare);

  it("counts what ended in the last 24 hours, hour by hour", async () => {
    const { from, until: end, bucketSeconds, total, series } = await stats("by=status");
    expect(bucketSeconds).toBe(3_600);
    expect((Date.parse(end) - Date.parse(from)) / 3_600_000).toBe(series[0].counts.length);
    expect(total).toBe(8);
    const bucketOf = (at: Date) => Math.floor((at.getTime() - Date.parse(from)) / 3_600_000);
    expect(series[0]).toMatchObject({ key: { status: "sent" }, total: 5 });
    expect(series[0].counts[bucketOf(hoursAgo(3))]).toBe(5);
    expect(series[1]).toMatchObject({ key: { status: "failed" }, total: 3 });
  });

  it("counts what was created, open deliveries with their channel and priority too", async () => {
    expect(await totals("time=created&by=status")).toEqual({ open: 5, sent: 5, failed: 3 });
    expect(await totals("time=created&by=priority,status")).toEqual({
      "low sent": 5,
      "low failed": 3,
      "low open": 2,
      "normal open": 2,
      "critical open": 1,
    });
    expect(await totals("time=created&by=status&priority=low")).toEqual({
      sent: 5,
      failed: 3,
      open: 2,
    });
  });

  it("filters by each property", async () => {
    expect(await totals(`time=created&by=source&campaign=${campaign}`)).toEqual({ campaign: 10 });
    expect(await totals("time=created&by=type")).toEqual({ "": 11, "task.deadline": 2 });
    expect(await totals("time=created&type=task.deadline&by=campaign")).toEqual({ "": 2 });
    expect(await totals("time=created&by=source&source=notification")).toEqual({ notification: 3 });
    expect(await totals("status=failed&by=channel")).toEqual({ email: 3 });
    expect(await totals("provider=nobody")).toEqual({});
    expect(await totals("time=created&type=never.heard")).toEqual({});
  });

  it("agrees with the ledger in the campaign's progress, list and reconciliation", async () => {
    const { body } = await api.send("GET", "/v1/campaigns");
    expect(body.items[0].counts).toEqual({
      open: 2,
      sent: 5,
      delivered: 0,
      failed: 3,
      suppressed: 0,
      cancelled: 0,
      unknown: 0,
    });
    const { counts } = (await api.send("GET", `/v1/campaigns/${campaign}/progress`)).body;
    expect((await api.send("GET", `/v1/campaigns/${campaign}/reconciliation`)).body).toMatchObject(
      counts,
    );
  });
});

describe("GET /v1/stats/deliveries", () => {
  it.each([
    [
      "bucket=minute&from=2020-01-01T00:00:00Z&until=2020-01-01T01:00:00Z",
      "within the last 2 days",
    ],
    ["from=2020-01-01T00:00:00Z", "at most 720 buckets"],
    ["from=2027-01-02T00:00:00Z&until=2027-01-01T00:00:00Z", "before `until`"],
    ["by=status,type,channel", "one or two"],
  ])("refuses %s", async (query, words) => {
    const { status, body } = await api.send("GET", `/v1/stats/deliveries?${query}`);
    expect(status).toBe(422);
    expect(JSON.stringify(body)).toContain(words);
  });
});

describe("GET /v1/deliveries/count", () => {
  it("counts what the list contains", async () => {
    for (const [query, count] of [
      ["", 13],
      ["?status=failed", 3],
      ["?status=failed,sent&priority=low", 8],
      ["?recipient=u0", 2],
      ["?recipient=nobody", 0],
    ] as const)
      expect((await api.send("GET", `/v1/deliveries/count${query}`)).body).toEqual({
        count,
        isCapped: false,
      });
  });
});

describe("GET /v1/deliveries/export", () => {
  it("writes CSV without formulas, and is audited with its filters and its number of lines", async () => {
    const { status, headers, body } = await api.send("GET", "/v1/deliveries/export?status=failed");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(headers.get("content-disposition")).toMatch(
      /^attachment; filename="deliveries-[\d-]+\.csv"$/,
    );
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    const lines = body.trimEnd().split("\r\n");
    expect(lines).toHaveLength(4);
    expect(lines[1]).toContain(`"'=1+1, ""no"""`);
    const { items } = (await api.send("GET", "/v1/audit?action=delivery.export")).body;
    expect(items[0].after).toEqual({
      format: "csv",
      filters: { status: ["failed"] },
      lines: 3,
      complete: true,
    });
  });

  it("writes NDJSON as the list shows it, more than one reading long", async () => {
    await api.prisma.$executeRaw`
      INSERT INTO deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, status, created_at, finished_at, reason)
      SELECT uuid_v7(now()), ${parsePublicId("campaign", campaign)}::uuid, (SELECT id FROM recipients LIMIT 1), 'snooze:' || n, 'email', 'low', 'mailbox/0', 'cancelled', now(), now(), 'delivery_cancelled'
      FROM generate_series(1, 2500) AS n`;
    const { body } = await api.send("GET", "/v1/deliveries/export?format=ndjson&status=cancelled");
    const rows = body
      .trimEnd()
      .split("\n")
      .map((line: string) => JSON.parse(line));
    expect(rows).toHaveLength(2_500);
    expect(new Set(rows.map(({ id }: { id: string }) => id)).size).toBe(2_500);
    const list = await api.send("GET", "/v1/deliveries?status=cancelled&limit=1");
    expect(rows[0]).toEqual(list.body.items[0]);
  });

  it("is bounded in number, and records who stopped reading", async () => {
    const open = async () => {
      const controller = new AbortController();
      const reply = await api.app.request("/v1/deliveries/export?status=cancelled&format=ndjson", {
        headers: { authorization: `Bearer ${viewer.secret}` },
        signal: controller.signal,
      });
      return { reply, reader: reply.body?.getReader() };
    };
    const [first, second] = [await open(), await open()];
    expect([first.reply.status, second.reply.status]).toEqual([200, 200]);
    const third = await open();
    expect(third.reply.status).toBe(503);
    expect(third.reply.headers.get("retry-after")).toBe("30");
    await first.reader!.cancel();
    await second.reader!.cancel();
    const { items } = (await api.send("GET", "/v1/audit?action=delivery.export&limit=2")).body;
    expect(items.map(({ after }: { after: { complete: boolean } }) => after.complete)).toEqual([
      false,
      false,
    ]);
    const again = await open();
    expect(again.reply.status).toBe(200);
    await again.reader!.cancel();
  });
});
