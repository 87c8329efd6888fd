import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readLedger } from "../../ledger/health-figures.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { assess } from "../../domain/health.ts";
import { newUuid } from "../../domain/ids.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { Priority } from "../../domain/priority.ts";
import { useClocks } from "../../domain/time/local-time.ts";
import { nodeClocks } from "../../domain/time/node-clocks.ts";
import { knownVersion } from "../../domain/time/iana-names.ts";
import { queueName, waitingDigests } from "../../domain/delivery/queues.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { parseMetrics, sampleOf } from "../support/prometheus.ts";
import { createSeeder } from "../support/seed.ts";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
let templateVersionId: string;
let ada: string;
let bob: string;
beforeAll(async () => {
  // As on a machine whose data is new.
  useClocks({ ...nodeClocks, source: "system", version: knownVersion, releasedBy: Date.now() });
  api = await startApi();
  await prepare(api);
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, earlier_attempts, notifications, campaigns, groups, breakers, policy_versions CASCADE`;
});
afterAll(async () => {
  useClocks(nodeClocks);
  await api.stop();
});

async function prepare(own: Api) {
  templateVersionId = await createSeeder(own.pool).templateVersion();
  [ada, bob] = (await createSeeder(own.pool).recipients(2)) as [string, string];
}

interface Ended {
  count?: number;
  status?: DeliveryStatus;
  reason?: Reason | null;
  /** Before now. */
  secondsAgo?: number;
  /** Counted from the request. */
  tookMs?: number;
  group?: string | null;
  holdCount?: number;
  forgivenCount?: number;
  /** Of an attempt of each. */
  outcome?: "sent" | "transient" | "permanent";
  campaign?: boolean;
}

/** Deliveries that ended as workers leave them. */
async function ended(own: Api, wanted: Ended = {}): Promise<void> {
  const { count = 1, status = "sent", secondsAgo = 60, tookMs = 100, group = null } = wanted;
  const { holdCount = 0, forgivenCount = 0, campaign = false } = wanted;
  const reason = wanted.reason ?? (status === "sent" ? null : "provider_rejected");
  const finishedAt = new Date(Date.now() - secondsAgo * 1_000);
  const askedAt = new Date(finishedAt.getTime() - tookMs);
  const source = campaign
    ? (await createSeeder(own.pool).campaign({ templateVersionId })).id
    : newUuid();
  if (!campaign)
    await own.pool.query(
      "INSERT INTO notifications (id, template_version_id, send_at, created_at) VALUES ($1, $2, $3, $3::timestamptz - interval '1 hour')",
      [source, templateVersionId, askedAt],
    );
  const { rows } = await own.pool.query<{ id: string }>(
    `INSERT INTO deliveries (id, ${campaign ? "campaign_id" : "notification_id"}, recipient_id, leg, channel, priority, queue, status, reason, finished_at, group_id, hold_count, attempt_count, forgiven_count)
     SELECT uuid_v7(clock_timestamp()), $1, $2, n::text, 'email', 'normal', 'mailbox/0', $3::delivery_status, $4, $5, $6, $7, 1, $8 FROM generate_series(1, $9::int) AS n RETURNING id`,
    [source, ada, status, reason, finishedAt, group, holdCount, forgivenCount, count],
  );
  const { outcome = status === "sent" ? "sent" : "permanent" } = wanted;
  await own.pool.query(
    `INSERT INTO attempts (delivery_id, number, provider, outcome, failure, started_at, finished_at)
     SELECT id, 1, 'smtp', $2::text::attempt_outcome, CASE WHEN $2::text <> 'sent' THEN 'smtp_5xx' END, $3, $3 FROM unnest($1::uuid[]) AS id`,
    [rows.map(({ id }) => id), outcome, finishedAt],
  );
}

interface Waiting {
  count?: number;
  recipient?: string;
  queue?: string;
  priority?: Priority;
  dueInSeconds?: number;
  reason?: Reason | null;
}

async function waiting(own: Api, wanted: Waiting = {}): Promise<string[]> {
  const { count = 1, recipient = ada, queue = "mailbox/0", priority = "normal" } = wanted;
  const dueAt = new Date(Date.now() + (wanted.dueInSeconds ?? -10) * 1_000);
  const ids: string[] = [];
  for (let made = 0; made < count; made += 1)
    ids.push(
      ...(await createSeeder(own.pool).notification({
        recipientIds: [recipient],
        queue,
        priority,
        dueAt,
        templateVersionId,
      })),
    );
  await own.pool.query("UPDATE deliveries SET reason = $2 WHERE id = ANY($1::uuid[])", [
    ids,
    wanted.reason ?? null,
  ]);
  return ids;
}

const timeZoneData = { version: knownVersion, source: "system", ageDays: 30 } as const;

/** As it is now, whatever was remembered. */
async function measured() {
  const reading = await readLedger(api.pool, createRulebookReader(api.pool));
  return {
    ...reading.measured,
    ...assess({ ...reading.measured, memory: 0.1, timeZoneData }, reading.policy),
  };
}

describe("what ended within the window", () => {
  it("is nothing at first, which is good", async () => {
    expect(await measured()).toMatchObject({
      word: "good",
      reasons: [],
      seconds: 900,
      sent: 0,
      failed: 0,
      attempts: 0,
      latencyMs: null,
    });
  });

  it.each([
    ["good", 19, 1],
    ["fair", 9, 1],
    ["poor", 4, 1],
  ] as const)("is %s where of %i sent %i failed", async (word, sent, failed) => {
    await ended(api, { count: sent });
    await ended(api, { count: failed, status: "failed" });
    // What was not to be sent is neither.
    await ended(api, { count: 7, status: "suppressed", reason: "no_address" });
    await ended(api, { count: 7, status: "cancelled", reason: "delivery_cancelled" });
    const found = await measured();
    expect(found).toMatchObject({ sent, failed });
    expect(found.indicators.deliveryRate.word).toBe(word);
  });

  it("counts attempts, those too that are to be made again, and none from before", async () => {
    await ended(api, { count: 8 });
    await ended(api, { count: 1, status: "failed" });
    const [again] = await waiting(api, { reason: "retry", dueInSeconds: 60 });
    await api.pool.query(
      `INSERT INTO attempts (delivery_id, number, provider, outcome, failure, started_at, finished_at)
       SELECT $1, n, 'smtp', 'transient', 'smtp_4xx', at, at FROM generate_series(1, 3) AS n, LATERAL (SELECT now() - CASE n WHEN 1 THEN interval '1 hour' ELSE interval '1 minute' END AS at) AS t`,
      [again],
    );
    expect(await measured()).toMatchObject({
      attempts: 11,
      failedAttempts: 3,
      indicators: { errorRate: { word: "poor" } },
    });
  });

  it("does not count what ended before it", async () => {
    await ended(api, { count: 3, secondsAgo: 901 });
    await ended(api, { count: 2, secondsAgo: 899 });
    expect(await measured()).toMatchObject({ sent: 2, attempts: 2 });
    await api.pool.query(
      `INSERT INTO policy_versions (version, document, created_by) VALUES (1, '{"health": {"windowMinutes": 60}}', 'a test')`,
    );
    expect(await measured()).toMatchObject({ sent: 5, seconds: 3_600 });
  });

  it("shows latencies from the time of sending, except for deliveries that were held", async () => {
    for (const tookMs of [100, 200, 300]) await ended(api, { tookMs });
    const hour = 3_600_000;
    const group = newUuid();
    await api.pool.query(
      "INSERT INTO groups (id, kind, recipient_id, channel, status, closes_at) VALUES ($1, 'digest', $2, 'email', 'closed', now())",
      [group, ada],
    );
    await ended(api, { tookMs: hour, holdCount: 1 });
    await ended(api, { tookMs: hour, group });
    await ended(api, { tookMs: hour, forgivenCount: 1 });
    await ended(api, { tookMs: hour, status: "failed" });
    await ended(api, { tookMs: hour, campaign: true });
    // Asked for at once by an operator.
    await ended(api, { tookMs: -hour });
    const { latencyMs, indicators } = await measured();
    expect(latencyMs!.p50).toBeCloseTo(200);
    expect(latencyMs!.p99).toBeLessThanOrEqual(300);
    expect(indicators.latency.word).toBe("good");
    await ended(api, { count: 20, tookMs: 3_000 });
    expect((await measured()).indicators.latency).toMatchObject({ word: "poor", value: 3_000 });
  });

  it("shows the messages that batches and digests save, and the rate a minute", async () => {
    const group = newUuid();
    await api.pool.query(
      "INSERT INTO groups (id, kind, recipient_id, channel, status, closes_at) VALUES ($1, 'batch', $2, 'email', 'closed', now())",
      [group, ada],
    );
    await ended(api, { count: 5, group });
    await ended(api, { count: 10 });
    await ended(api, { count: 5, group, status: "failed" });
    const { indicators } = await measured();
    expect(indicators.batchEfficiency.value).toBeCloseTo(4 / 15);
    expect(indicators.throughput.value).toBeCloseTo(1);
  });

  it("is looked at no further back than ten thousand, and then taken for as long as these took", async () => {
    await ended(api, { count: 5_000, secondsAgo: 600, status: "failed" });
    await ended(api, { count: 10_000, secondsAgo: 100 });
    const { sent, failed, seconds, indicators } = await measured();
    expect({ sent, failed }).toEqual({ sent: 10_000, failed: 0 });
    expect(seconds).toBeGreaterThanOrEqual(100);
    expect(seconds).toBeLessThan(500);
    expect(indicators.throughput.value).toBeCloseTo(600_000 / seconds);
  });
});

describe("what waits", () => {
  it("is not due where its campaign does not run, in whichever queue it waits", async () => {
    await waiting(api, { dueInSeconds: -100 });
    for (const [status, ago, queue] of [
      ["running", 200, "mailbox/0"],
      ["paused", 9_000, "mailbox/0"],
      ["paused", 9_000, "mailbox/1"],
      ["paused", 9_000, waitingDigests],
      ["paused", -3_600, "mailbox/0"],
    ] as const) {
      const { id } = await createSeeder(api.pool).campaign({ templateVersionId });
      await api.pool.query("UPDATE campaigns SET status = $2::campaign_status WHERE id = $1", [
        id,
        status,
      ]);
      await api.pool.query(
        `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at) VALUES ($1, $2, $3, 'email', 'normal', $4, $5)`,
        [newUuid(), id, ada, queue, new Date(Date.now() - ago * 1_000)],
      );
    }
    const reading = await readLedger(api.pool, createRulebookReader(api.pool));
    expect(reading.open.find(({ kind }) => kind === "mailbox")).toMatchObject({ open: 5, due: 2 });
    expect(reading.open.find(({ kind }) => kind === "digest")).toMatchObject({
      open: 1,
      due: 0,
      overdueSeconds: null,
    });
    const { oldestDueSeconds, ...normal } = reading.measured.depths[2]!;
    expect(normal).toMatchObject({ due: 2, later: 4, ofCampaigns: 0 });
    expect(oldestDueSeconds).toBeGreaterThanOrEqual(200);
    expect(oldestDueSeconds).toBeLessThan(300);
    // What MAX_UNSENT bounds, and MAX_SCHEDULED.
    expect([reading.unsent, reading.scheduled]).toEqual([1, 0]);
  });

  it("is counted by priority: what is due, what is later, and what campaigns have", async () => {
    await waiting(api, { count: 2, dueInSeconds: -100 });
    await waiting(api, { dueInSeconds: 3_600, reason: "quiet_hours" });
    await waiting(api, { queue: "critical/0", priority: "critical", dueInSeconds: -30 });
    await waiting(api, {
      queue: waitingDigests,
      priority: "low",
      reason: "digest",
      dueInSeconds: -5,
    });
    for (const [status, ago] of [
      ["running", 9_000],
      ["paused", 90_000],
    ] as const) {
      const { id, publicId: name } = await createSeeder(api.pool).campaign({ templateVersionId });
      await api.pool.query("UPDATE campaigns SET status = $2::campaign_status WHERE id = $1", [
        id,
        status,
      ]);
      await api.pool.query(
        `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at) VALUES ($1, $2, $3, 'email', 'normal', $4, $5)`,
        [
          newUuid(),
          id,
          ada,
          queueName({ kind: "lane", campaignId: name, lane: 0 }),
          new Date(Date.now() - ago * 1_000),
        ],
      );
    }
    const { depths, indicators } = await measured();
    expect(depths).toMatchObject([
      { priority: "critical", due: 1, later: 0, ofCampaigns: 0 },
      { priority: "high", due: 0, later: 0, ofCampaigns: 0 },
      { priority: "normal", due: 2, later: 1, ofCampaigns: 2 },
      { priority: "low", due: 1, later: 0, ofCampaigns: 0 },
    ]);
    const ages = depths.map(({ oldestDueSeconds }) => oldestDueSeconds);
    expect(ages[1]).toBeNull();
    for (const [index, atLeast] of [
      [0, 30],
      [2, 100],
      [3, 5],
    ] as const) {
      expect(ages[index]).toBeGreaterThanOrEqual(atLeast);
      expect(ages[index]).toBeLessThan(atLeast + 60);
    }
    expect(indicators.backlog.value).toBe(4);
    expect(indicators.oldestDue.word).toBe("fair");
  });

  it("is counted by reason, with the number of recipients at their limit", async () => {
    const later = { dueInSeconds: 600 };
    await waiting(api, { ...later, reason: "quiet_hours" });
    await waiting(api, { ...later, count: 2, reason: "recipient_limit" });
    await waiting(api, { ...later, reason: "organisation_limit" });
    await waiting(api, { ...later, reason: "type_limit", recipient: bob });
    await waiting(api, later);
    await ended(api, { status: "failed" });
    expect(await measured()).toMatchObject({
      waiting: { quiet_hours: 1, recipient_limit: 2, organisation_limit: 1, type_limit: 1 },
      recipientsAtLimit: 2,
      indicators: { limits: { word: "good", value: 2 } },
    });
  });

  it("is poor where it waits for a provider, and fair where another is used", async () => {
    await api.pool.query(
      "INSERT INTO breakers (provider, channel, state) VALUES ('first', 'email', 'open'), ('second', 'email', 'closed')",
    );
    expect(await measured()).toMatchObject({
      word: "fair",
      breakers: [
        { provider: "first", state: "open" },
        { provider: "second", state: "closed" },
      ],
      reasons: [expect.stringMatching(/^The breaker of first is open\. .* after a reset\.$/)],
    });
    await waiting(api, { reason: "provider_unavailable", dueInSeconds: 60 });
    expect((await measured()).word).toBe("poor");
  });

  it("is judged by the policy in force", async () => {
    await waiting(api, { count: 3 });
    expect((await measured()).indicators.backlog.word).toBe("good");
    await api.pool.query(
      `INSERT INTO policy_versions (version, document, created_by) VALUES (1, '{"health": {"backlog": {"warning": 1, "critical": 3}}}', 'a test')`,
    );
    expect((await measured()).indicators.backlog).toMatchObject({
      word: "poor",
      value: 3,
      thresholds: { fair: 1, poor: 3 },
    });
  });
});

describe("GET /v1/health", () => {
  it("says how it goes, to a viewer, and /metrics says the same", async () => {
    const own = await startApi();
    await prepare(own);
    const { secret } = await makeKey(own, { role: "viewer" });
    const authorization = `Bearer ${secret}`;
    await own.pool.query(
      "INSERT INTO time_zone_releases (version, source, fingerprints, covers_from, covers_to) VALUES ($1, 'system', '{}', now(), now())",
      [knownVersion],
    );
    await ended(own, { count: 4 });
    await ended(own, { count: 1, status: "failed" });
    await waiting(own, { count: 2 });
    await waiting(own, { reason: "recipient_limit", dueInSeconds: 60 });
    await own.pool.query(
      "INSERT INTO breakers (provider, channel, state) VALUES ('smtp', 'email', 'half_open')",
    );
    const { status, body } = await own.send("GET", "/v1/health", undefined, { authorization });
    expect([status, body]).toMatchObject([
      200,
      {
        word: "poor",
        reasons: [
          expect.stringContaining("80% of the deliveries that ended"),
          expect.stringContaining("20% of the attempts failed"),
          expect.stringContaining("breaker of smtp is half open"),
        ],
        windowSeconds: 900,
        indicators: {
          deliveryRate: { word: "poor", value: 0.8, thresholds: { fair: 0.95, poor: 0.85 } },
          backlog: { word: "good", value: 2, thresholds: { fair: 100, poor: 500 } },
          memory: { value: expect.any(Number), thresholds: { fair: 0.8, poor: 0.95 } },
        },
        waiting: { recipient_limit: 1 },
        breakers: [{ provider: "smtp", state: "half_open" }],
        timeZoneData: {
          version: knownVersion,
          source: "system",
          ageDays: 0,
          workers: { version: knownVersion, source: "system" },
        },
        latencyMs: { p50: expect.any(Number) },
      },
    ]);
    expect(Date.parse(body.measuredAt)).toBeLessThanOrEqual(Date.now());

    const response = await own.app.request("/metrics", { headers: { authorization } });
    const samples = parseMetrics(await response.text());
    const value = (name: string, labels?: Record<string, string>) =>
      sampleOf(samples, `tidings_${name}`, labels);
    expect(value("health")).toBe(2);
    expect(value("health_indicator", { indicator: "deliveryRate" })).toBe(2);
    expect(value("health_indicator", { indicator: "breakers" })).toBe(1);
    expect(value("health_indicator", { indicator: "backlog" })).toBe(0);
    expect(value("queue_depth", { priority: "normal", state: "due" })).toBe(2);
    expect(value("queue_depth", { priority: "normal", state: "later" })).toBe(1);
    expect(value("oldest_due_seconds", { priority: "normal" })).toBeGreaterThanOrEqual(10);
    expect(value("waiting_deliveries", { reason: "recipient_limit" })).toBe(1);
    expect(value("recipients_at_limit")).toBe(1);
    expect(value("delivery_rate")).toBe(0.8);
    expect(value("error_rate")).toBe(0.2);
    expect(value("delivery_latency_seconds", { quantile: "0.95" })).toBeCloseTo(0.1);
    expect(value("sent_per_minute")).toBeCloseTo(4 / 15);
    expect(value("batch_efficiency")).toBe(0);
    expect(value("backlog_deliveries")).toBe(2);
    expect(value("backlog_threshold", { level: "critical" })).toBe(500);
    expect(value("memory_share")).toBeGreaterThan(0);
    expect(value("memory_share")).toBeLessThan(1);
    await own.stop();
  });

  it("leaves figures out that there are none of", async () => {
    const own = await startApi();
    const { body } = await own.send("GET", "/v1/health");
    expect(body).toMatchObject({
      word: "good",
      reasons: [],
      latencyMs: null,
      indicators: { deliveryRate: { word: "good", value: null } },
    });
    const { body: text } = await own.send("GET", "/metrics");
    const samples = parseMetrics(text);
    expect(sampleOf(samples, "tidings_health")).toBe(0);
    for (const name of ["delivery_rate", "error_rate", "batch_efficiency"])
      expect(samples.filter((sample) => sample.name === `tidings_${name}`)).toEqual([]);
    await own.stop();
  });

  it("cannot say while the database is away", async () => {
    const away = await startApi();
    await away.stop();
    expect(await away.send("GET", "/v1/health")).toMatchObject({
      status: 503,
      body: { type: "urn:tidings:problem:unavailable" },
    });
  });
});
