import type { TestWorkflowEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { queueName } from "../../domain/delivery/queues.ts";
import { createLogger } from "../../config/logger.ts";
import { createSealer, type KeptSealer } from "../../ledger/sealer.ts";
import { watchClock } from "../../workers/clock-watch.ts";
import { createWorkerApp } from "../../workers/http.ts";
import { wakeCampaign, wakeQueue } from "../../workflows/client.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { createUncachedClock, atLedgerTime } from "../support/ledger-time.ts";
import { plainHistory } from "../support/plain-history.ts";
import { parseMetrics, sampleOf } from "../support/prometheus.ts";
import type { Answer } from "../support/recording-channel.ts";
import { masterKey } from "../support/sealing.ts";
import { createDevServer, queueEmptied } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];
let sealer: KeptSealer;
let running: Awaited<ReturnType<typeof startWorkers>> | undefined;

beforeAll(async () => {
  [environment, database] = await Promise.all([createDevServer(), createLedgerDatabase()]);
  ({ pool, seed } = database);
  sealer = createSealer({ pool, masterKeys: [masterKey("k1")] });
});
beforeEach(() => database.empty());
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(async () => {
  await environment.teardown();
  await database.drop();
});

async function start(answer?: Answer) {
  running = await startWorkers(environment, pool, answer);
  const { metrics, workers, clock } = running;
  const app = createWorkerApp({ metrics, pool, clock, sealer, workers: () => workers });
  return { ...running, app };
}

let shard = 0;
const ownQueue = (kind: "mailbox" | "critical") => queueName({ kind, shard: shard++ });
const ended = (workflowId: string) => environment.client.workflow.getHandle(workflowId).result();

describe("a worker’s metrics", () => {
  it("count hand-overs, turns, rounds and rows", async () => {
    let number = 0;
    const { app, metrics } = await start(() => (++number === 1 ? "permanent" : "sent"));
    const queue = ownQueue("mailbox");
    await seed.notification({ recipientIds: await seed.recipients(5), queue });
    await wakeQueue(environment.client, queue);
    await queueEmptied(environment.client, queue);
    const { publicId } = await seed.campaign({ laneCount: 1 });
    await wakeCampaign(environment.client, publicId);
    await ended(`campaign/${publicId}`);

    const response = await app.request("/metrics");
    expect(response.headers.get("content-type")).toBe(metrics.registry.contentType);
    const samples = parseMetrics(await response.text());
    const value = (name: string, labels: Record<string, string>) =>
      sampleOf(samples, `tidings_${name}`, labels);
    const provider = { channel: "email", provider: "recording" };
    expect(value("handovers_total", { ...provider, outcome: "permanent" })).toBe(1);
    expect(value("handovers_total", { ...provider, outcome: "sent" })).toBe(9);
    expect(value("handover_duration_seconds_count", provider)).toBe(10);
    expect(value("messages_in_flight", { traffic: "delivery" })).toBe(0);
    expect(value("messages_in_flight_bound", { traffic: "delivery" })).toBeGreaterThan(0);
    expect(value("ledger_rows_total", { change: "claimed" })).toBe(10);
    expect(value("ledger_rows_total", { change: "sent" })).toBe(9);
    expect(value("ledger_rows_total", { change: "failed" })).toBe(1);
    expect(value("ledger_duration_seconds_count", { operation: "turn" })).toBeGreaterThan(1);
    expect(value("ledger_failures_total", { operation: "turn" })).toBe(0);
    expect(value("dispatched_deliveries_total", { queue: "mailbox", outcome: "sent" })).toBe(4);
    expect(value("dispatched_deliveries_total", { queue: "campaign", outcome: "sent" })).toBe(5);
    const rounds = { activity: "dispatch", outcome: "completed" };
    expect(value("activity_duration_seconds_count", rounds)).toBeGreaterThan(1);
    expect(value("activities_running", { activity: "dispatch" })).toBe(0);
    expect(value("workers_running", { task_queue: "orchestration" })).toBe(1);
    // Labels name no campaign, queue or recipient.
    expect(JSON.stringify(samples)).not.toMatch(/cmp_|mailbox\/|example\.org/);
  });

  it("say how many messages are in flight", async () => {
    let open = () => {};
    const dam = new Promise<void>((resolve) => (open = resolve));
    const { metrics } = await start(() => dam.then(() => "sent" as const));
    const queue = ownQueue("critical");
    const recipientIds = await seed.recipients(3);
    await seed.notification({ recipientIds, queue, priority: "critical" });
    await wakeQueue(environment.client, queue);
    const inFlight = async () =>
      sampleOf(parseMetrics(await metrics.registry.metrics()), "tidings_messages_in_flight", {
        traffic: "critical",
      });
    await expect.poll(inFlight).toBe(3);
    open();
    await expect.poll(inFlight).toBe(0);
    await queueEmptied(environment.client, queue);
  });
});

describe("a worker’s health", () => {
  it("is ready while all its workers run and the database answers", async () => {
    const { app, workers } = await start();
    const ready = async () => {
      const response = await app.request("/readyz");
      return [response.status, await response.json()] as const;
    };
    await expect.poll(async () => (await ready())[0]).toBe(200);
    expect((await ready())[1]).toEqual({
      status: "ready",
      database: "up",
      writes: "accepted",
      outcomesUnwritten: 0,
      sealing: "up",
      clockAheadMs: expect.any(Number) as number,
      workers: { orchestration: "RUNNING", delivery: "RUNNING", "delivery-critical": "RUNNING" },
    });
    const without = createWorkerApp({
      metrics: running!.metrics,
      pool: { query: () => Promise.reject(new Error("away")) } as unknown as Pool,
      clock: running!.clock,
      sealer,
      workers: () => workers,
    });
    const away = await without.request("/readyz");
    expect(away.status).toBe(503);
    expect(await away.json()).toMatchObject({
      status: "unready",
      database: "down",
      writes: "unknown",
    });
    const unwritten = createWorkerApp({
      metrics: { ...running!.metrics, unwritten: () => 7 },
      pool,
      clock: running!.clock,
      sealer,
      workers: () => workers,
    });
    const withheld = await unwritten.request("/readyz");
    expect(withheld.status).toBe(503);
    expect(await withheld.json()).toMatchObject({ status: "unready", outcomesUnwritten: 7 });
    // Without the key that wrapped the data keys, messages are sent as always.
    const keyless = createWorkerApp({
      metrics: running!.metrics,
      pool,
      clock: running!.clock,
      sealer: createSealer({ pool, masterKeys: [masterKey("k2")] }),
      workers: () => workers,
    });
    const degraded = await keyless.request("/readyz");
    expect(degraded.status).toBe(200);
    expect(await degraded.json()).toMatchObject({ status: "degraded", sealing: "failing" });
    await running!.stop();
    running = undefined;
    expect((await ready())[0]).toBe(503);
    expect((await app.request("/healthz")).status).toBe(200);
  });

  it("is not ready while its clock is more than 2 s off, and says by how much", async () => {
    const { metrics, workers, app } = await start();
    await expect.poll(async () => (await app.request("/readyz")).status).toBe(200);
    const clock = createUncachedClock(pool);
    const asking = createWorkerApp({ metrics, pool, clock, sealer, workers: () => workers });
    const seen = async (aheadMs: number) =>
      atLedgerTime(pool, new Date(Date.now() - aheadMs), async () => {
        const logged: string[] = [];
        const logger = createLogger("worker", "info", { write: (line) => void logged.push(line) });
        const { status } = await asking.request("/readyz");
        watchClock({ clock, logger }).stop();
        await clock.refresh();
        const samples = parseMetrics(await metrics.registry.metrics());
        const seconds = sampleOf(samples, "tidings_clock_ahead_seconds", {});
        return { status, seconds: Math.round(seconds!), warned: logged.length > 0 };
      });
    expect(await seen(1_000)).toEqual({ status: 200, seconds: 1, warned: false });
    expect(await seen(3_000)).toEqual({ status: 503, seconds: 3, warned: true });
    expect(await seen(-3_000)).toEqual({ status: 503, seconds: -3, warned: true });
  });
});

describe("the id of a request", () => {
  it("goes with its wake to the dispatches it brings about, and into their log", async () => {
    const { logged } = await start();
    const queue = ownQueue("mailbox");
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    await wakeQueue(environment.client, queue, { requestId: "request-1" });
    await queueEmptied(environment.client, queue);
    const entries = () => logged.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries()).toContainEqual(
      expect.objectContaining({
        msg: "dispatched",
        queue,
        requestId: "request-1",
        counts: { sent: 1 },
      }),
    );
    const { publicId } = await seed.campaign({ laneCount: 1 });
    await wakeCampaign(environment.client, publicId, { requestId: "request-2" });
    await ended(`campaign/${publicId}`);
    expect(entries()).toContainEqual(
      expect.objectContaining({ campaignId: publicId, requestId: "request-2", next: "drain" }),
    );
    const lane = `campaign/${publicId}/lane/0`;
    expect(entries()).toContainEqual(
      expect.objectContaining({ queue: lane, requestId: "request-2" }),
    );
  });

  it("is not needed: what was woken without one is dispatched", async () => {
    const { logged } = await start();
    const queue = ownQueue("mailbox");
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    await environment.client.workflow.signalWithStart("deliveryQueue", {
      workflowId: queue,
      taskQueue: "orchestration",
      args: [{ queue }],
      signal: "wake",
    });
    await queueEmptied(environment.client, queue);
    expect(logged.join("")).toContain('"counts":{"sent":1}');
  });
});

describe("an error of the database", () => {
  it("stands in the history without what it quotes", async () => {
    const { metrics } = await start();
    await pool.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'cannot take %', (SELECT email FROM recipients WHERE id = NEW.recipient_id) USING DETAIL = 'of Ada';
      END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON open_deliveries FOR EACH ROW EXECUTE FUNCTION refuse();
      ALTER TABLE open_deliveries ENABLE ALWAYS TRIGGER refuse`);
    const queue = ownQueue("mailbox");
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    await wakeQueue(environment.client, queue);
    const handle = environment.client.workflow.getHandle(queue);
    const failure = async () =>
      (await handle.describe()).raw.pendingActivities?.[0]?.lastFailure ?? null;
    await expect.poll(failure).not.toBeNull();
    const told = plainHistory(await failure());
    expect(told).toContain("P0001");
    expect(told).toContain("ledger");
    expect(told).not.toMatch(/example\.org|Ada/);
    await pool.query("DROP TRIGGER refuse ON open_deliveries");
    await queueEmptied(environment.client, queue);
    const history = plainHistory(await handle.fetchHistory());
    expect(history).not.toMatch(/example\.org|Ada/);
    const failed = { activity: "dispatch", outcome: "failed" };
    const samples = parseMetrics(await metrics.registry.metrics());
    expect(sampleOf(samples, "tidings_activity_duration_seconds_count", failed)).toBeGreaterThan(0);
  });
});
