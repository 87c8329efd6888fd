import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createBreakers } from "../../activities/channels/breakers.ts";
import { createGateCache } from "../../activities/channels/gate-cache.ts";
import { createPublishEvents } from "../../activities/publish-events.ts";
import { packageRoot } from "../../config/package-root.ts";
import { newUuid, creationOf } from "../../domain/ids.ts";
import { defaultPolicy } from "../../domain/policy/policy.ts";
import { suppressRepeatedBounces, suppressUnknownAddresses } from "../../ledger/bounces.ts";
import { createGates } from "../../ledger/gates.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { executeOn } from "../../ledger/sql.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { type LedgerDatabase, useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { listen } from "../support/listening.ts";
import { loopbackHttp } from "../support/outbound.ts";

const hour = 3_600_000;
const day = 24 * hour;
/** Years from what any other clock shows. */
const then = new Date("2040-06-01T12:00:00Z");

const database = useLedgerDatabase();
let pool: Pool;
let seed: LedgerDatabase["seed"];

beforeAll(() => void ({ pool, seed } = database));
afterEach(() => vi.useRealTimers());

const atThen = <Result>(work: () => Promise<Result>) =>
  atLedgerTime(pool, then, work, { isStopped: true });
async function row<Row extends object>(sql: string, values: unknown[] = []): Promise<Row> {
  const { rows } = await pool.query<Row>(sql, values);
  return rows[0]!;
}

describe("the ledger's clock decides", () => {
  it("when a breaker opened, and when it is tried and closed", async () => {
    const breakers = createBreakers({
      pool,
      providers: [{ name: "a", channel: "email" }],
      settings: async () => ({ ...defaultPolicy.breaker, failures: 1, failureShare: 0, trials: 1 }),
      refreshMs: 1_000_000,
    });
    await atThen(async () => {
      await breakers.refresh();
      breakers.of("a").failed("refused");
      await breakers.close();
    });
    const { openSeconds } = defaultPolicy.breaker;
    expect(await row("SELECT state, opened_at, next_trial_at, updated_at FROM breakers")).toEqual({
      state: "open",
      opened_at: then,
      next_trial_at: new Date(then.getTime() + openSeconds * 1_000),
      updated_at: then,
    });
    const later = new Date(then.getTime() + hour);
    await atLedgerTime(
      pool,
      later,
      async () => {
        await breakers.refresh();
        (await breakers.of("a").trial())!.passed();
        await breakers.close();
        expect(breakers.recoveredAt(["a"])).toEqual(later);
      },
      { isStopped: true },
    );
  });

  it("until when a gate is shut, whatever the clock of the worker that shuts it shows", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5 * hour });
    const cache = createGateCache({ gates: createGates(pool), keys: ["provider/a"] });
    await atThen(async () => {
      cache.of("provider/a").shut(Date.now() + 60_000, "too much");
      await expect.poll(() => row("SELECT shut_until FROM gates")).toBeDefined();
      await cache.close();
    });
    const { until } = await row<{ until: Date }>("SELECT shut_until AS until FROM gates");
    expect(until.getTime() - then.getTime()).toBeGreaterThan(50_000);
    expect(until.getTime() - then.getTime()).toBeLessThanOrEqual(60_000);
  });

  it("from when and until when an address is suppressed, and which refusals count", async () => {
    const [recipientId] = await seed.recipients(1);
    const [id] = await seed.notification({ recipientIds: [recipientId!], queue: "mailbox/0" });
    await pool.query("UPDATE deliveries SET created_at = $1", [
      new Date(then.getTime() - 80 * day),
    ]);
    for (const number of [1, 2, 3])
      await pool.query(
        "INSERT INTO earlier_attempts (delivery_id, number, outcome, failure, started_at, finished_at) VALUES ($1, $2::smallint, 'permanent', 'mailbox_full', $3, $3)",
        [id, number, new Date(then.getTime() - number * day)],
      );
    const bounce = {
      id: id!,
      recipientId: recipientId!,
      channel: "email",
      response: null,
    } as const;
    await atThen(async () => {
      await suppressUnknownAddresses(executeOn(pool), [
        { ...bounce, address: "gone@example.org", failure: "unknown_address" },
      ]);
      await suppressRepeatedBounces(executeOn(pool), [
        { ...bounce, address: "full@example.org", failure: "mailbox_full" },
      ]);
    });
    const { rows } = await pool.query(
      "SELECT address, created_at AS at, expires_at AS until FROM suppressions ORDER BY address",
    );
    expect(rows).toEqual([
      { address: "full@example.org", at: then, until: new Date(then.getTime() + 90 * day) },
      { address: "gone@example.org", at: then, until: null },
    ]);
  });

  it("which events are due, and when they were taken", async () => {
    const receiver = await listen(async () => new Response(null, { status: 204 }));
    const environment = new MockActivityEnvironment();
    const publish = createPublishEvents({
      pool,
      gates: createGates(pool),
      receiver: {
        url: receiver.url,
        secrets: ["a-secret-of-events-of-24-characters"],
        http: loopbackHttp(receiver.url),
      },
      http: loopbackHttp(receiver.url),
      sealer: createSealer({ pool, masterKeys: [] }),
      retry: { baseMs: 1, capMs: 1, attempts: 1 },
      sweepMs: 20,
    });
    const [due, later] = [newUuid(), newUuid()];
    for (const [id, at] of [
      [due, then],
      [later, new Date(then.getTime() + hour)],
    ] as const)
      await pool.query(
        "INSERT INTO events (id, kind, due_at) VALUES ($1, 'delivery.completed', $2)",
        [id, at],
      );
    const published = () =>
      pool
        .query<{ id: string; at: Date }>(
          "SELECT id, published_at AS at FROM events WHERE published_at IS NOT NULL",
        )
        .then(({ rows }) => rows);
    await atThen(async () => {
      const running = environment.run(publish) as Promise<void>;
      await expect.poll(published).toEqual([{ id: due, at: then }]);
      environment.cancel("WORKER_SHUTDOWN");
      await running;
    });
    await receiver.close();
  });

  it("when a campaign began and was completed, and between which instants its deliveries were made", async () => {
    await seed.recipients(3);
    const { id, publicId } = await seed.campaign({ laneCount: 1, startAt: then });
    await atThen(() => advanceCampaign(pool, publicId));
    const { rows } = await pool.query<{ id: string; at: Date }>(
      "SELECT id, created_at AS at FROM deliveries",
    );
    expect(rows.flatMap((delivery) => [creationOf(delivery.id), delivery.at])).toEqual(
      Array.from({ length: 6 }, () => then),
    );
    expect(
      await row("SELECT frozen_at, deliveries_from, deliveries_until, updated_at FROM campaigns"),
    ).toEqual({ frozen_at: then, deliveries_from: then, deliveries_until: then, updated_at: then });
    await pool.query("DELETE FROM deliveries WHERE campaign_id = $1", [id]);
    await atThen(() => advanceCampaign(pool, publicId));
    expect(await row("SELECT status, finished_at, updated_at FROM campaigns")).toEqual({
      status: "completed",
      finished_at: then,
      updated_at: then,
    });
  });
});

it("no statement asks another clock", () => {
  const another =
    /clock_timestamp\(\)|statement_timestamp\(\)|CURRENT_TIMESTAMP|(?<![\w.])now\(\)(?= (?:AS|[-+])|::| WHERE)|(?:_at|_until|_from) (?:=|<|>|<=|>=) now\(\)/;
  const asked = ["activities", "api", "ledger", "workers"].flatMap((folder) =>
    readdirSync(join(packageRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
      .filter((path) => another.test(readFileSync(join(packageRoot, folder, path), "utf8")))
      .map((path) => join(folder, path)),
  );
  expect(asked).toEqual([]);
});
