import { createUncachedClock, atLedgerTime } from "../support/ledger-time.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { minuteMs } from "../../domain/time/durations.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { provider } from "../channels/email-channel.ts";
import { guardedChannel } from "../channels/guarded-channel.ts";
import { startScriptedServer } from "../channels/scripted-server.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { testLinks } from "../support/links.ts";

const queue = "mailbox/0";
const inFlightBound = 10;
const retry = { baseMs: 60_000, capMs: 3_600_000, attempts: 10 };

let database: LedgerDatabase;
let pool: Pool;
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
beforeEach(async () => {
  await database.empty();
  await pool.query("TRUNCATE breakers, policy_versions");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(() => database.drop());

/** A worker's dispatch, over a server that takes messages while `well` says so. */
async function worker(well: () => boolean) {
  const received: string[] = [];
  const server = await startScriptedServer(async (connection) => {
    await connection.greet("PIPELINING");
    for (;;) {
      const recipient = await connection.envelope();
      await connection.content();
      if (well()) received.push(recipient);
      connection.write(well() ? "250 taken" : "451 4.3.0 out of order");
    }
  });
  cleanups.push(() => server.close());
  const guarded = await guardedChannel(pool, [provider(server.port, { connections: 5 })]);
  cleanups.push(() => guarded.stop());
  const { channel, look } = guarded;
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([channel]),
    retry,
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: () => Promise.resolve(),
    lingerMs: 0,
  });
  const run = (at: Date) =>
    atLedgerTime(
      pool,
      at,
      () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
    );
  return { channel, look, run, received };
}

interface Waiting {
  reason: string | null;
  attempts: number;
  count: number;
}
const ledger = async () =>
  (
    await pool.query<Waiting>(
      "SELECT reason, attempt_count AS attempts, count(*)::int FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2",
    )
  ).rows;

async function owe(count: number): Promise<void> {
  const recipientIds = await database.seed.recipients(count);
  await database.seed.notification({ recipientIds, queue });
}

it("what is over a provider's quota waits as it is, and says until when", async () => {
  await pool.query("INSERT INTO gates (key, daily_quota) VALUES ('provider/first', 20)");
  const { run, received } = await worker(() => true);
  await owe(100);
  const out = await run(new Date());
  expect(received).toHaveLength(20);
  expect(out.open).toBe(80);
  const midnight = new Date().setUTCHours(24, 0, 0, 0);
  expect(Math.abs(Date.parse(out.nextDueAt!) - midnight)).toBeLessThan(minuteMs);
  expect(await ledger()).toEqual([
    { reason: null, attempts: 0, count: 80 },
    { reason: null, attempts: 1, count: 20 },
  ]);
});

describe("an outage of the only provider", () => {
  it("costs what was in flight an attempt and the rest nothing, and everything is sent once afterwards", async () => {
    let well = false;
    const { channel, look, run, received } = await worker(() => well);
    await owe(400);
    const out = await run(new Date());
    // It comes back when the provider is tried, and not before.
    const opensAt = channel.opensAt(new Date())!.getTime();
    expect(Math.abs(Date.parse(out.nextDueAt!) - opensAt)).toBeLessThan(minuteMs);
    const waiting = await ledger();
    expect(waiting.reduce((sum, { count }) => sum + count, 0)).toBe(400);
    const tried = waiting.filter(({ attempts }) => attempts > 0);
    expect(tried).toEqual([{ reason: "retry", attempts: 1, count: expect.any(Number) }]);
    expect(tried[0]!.count).toBeGreaterThanOrEqual(5);
    expect(tried[0]!.count).toBeLessThanOrEqual(5 + inFlightBound);
    // Most of them were never read.
    expect(waiting).toContainEqual({ reason: null, attempts: 0, count: expect.any(Number) });

    well = true;
    await pool.query("UPDATE breakers SET next_trial_at = now() - interval '1 second'");
    await pool.query(
      "INSERT INTO policy_versions (version, document, created_by) VALUES (1, $1, 'test')",
      [{ release: { channelPerSecond: 100_000, recipientSeconds: 0 } }],
    );
    await look();
    for (let hours = 2; hours < 6; hours += 1) await run(new Date(Date.now() + hours * 3_600_000));
    expect(await database.statuses()).toEqual({ sent: 400 });
    expect(received).toHaveLength(400);
    expect(new Set(received).size).toBe(400);
    expect(await ledger()).toEqual([
      { reason: null, attempts: 1, count: 400 - tried[0]!.count },
      { reason: null, attempts: 2, count: tried[0]!.count },
    ]);
  });
});
