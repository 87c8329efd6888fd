import { performance } from "node:perf_hooks";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { leaseMs } from "../../activities/dispatch/leases.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { advanceLedgerTime, createUncachedClock } from "../support/ledger-time.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { testLinks } from "../support/links.ts";
import { patience } from "../support/patience.ts";
import { createRecordingChannel } from "../support/recording-channel.ts";

const queue = "mailbox/0";
const inFlightBound = 10;
const owed = 60;

let database: LedgerDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
  await pool.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = TG_ARGV[0]; END $$`,
  );
});
beforeEach(() => database.empty());
afterEach(async () => {
  vi.restoreAllMocks();
  await accept();
  await pool.query("UPDATE clock_offset SET value = '0', stopped_at = NULL");
});
afterAll(() => database.drop());

/** Rows can be claimed, for that changes them where they stand; what became of them has no room. */
async function refuse(sqlState: string, of = ""): Promise<void> {
  await pool.query(
    `CREATE TRIGGER refused BEFORE INSERT ON ended_deliveries FOR EACH ROW ${of} EXECUTE FUNCTION refuse('${sqlState}');
     ALTER TABLE ended_deliveries ENABLE ALWAYS TRIGGER refused`,
  );
}
const accept = () => pool.query("DROP TRIGGER IF EXISTS refused ON ended_deliveries");

/** A worker's dispatch; `run` repeats it, as its workflow does, until nothing is open: also where it has failed. */
function worker() {
  const recording = createRecordingChannel();
  const held: boolean[] = [];
  const { dispatch, sender } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([recording.channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 20 },
    mailboxShards: 1,
    links: testLinks,
    wake: () => Promise.resolve(),
    onHeld: (failure) => held.push(failure !== null),
    answersMs: 50,
    lingerMs: 0,
  });
  const environment = new MockActivityEnvironment();
  const run = async () => {
    for (;;) {
      const round = environment.run(dispatch, { queue }) as ReturnType<typeof dispatch>;
      if ((await round.catch(() => null))?.open === 0) return;
    }
  };
  return { ...recording, sender, held, run };
}

/**
 * All leases have run out, as the ledger's clock has it and as this process measures. A look at what is due that began before would find
 * the rows that this process still has, as if it had stood still for so long: there is a new one before the ledger's clock is set.
 */
async function outliveLeases(): Promise<void> {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + 2 * leaseMs);
  const statements = vi.spyOn(pool, "query");
  const looks = () =>
    statements.mock.calls.filter(([query]) => (query as { name?: string }).name === "due").length;
  const before = looks();
  await expect.poll(looks, patience).toBeGreaterThan(before);
  await advanceLedgerTime(pool, new Date(Date.now() + 2 * leaseMs));
}

async function owe(count = owed): Promise<void> {
  const recipientIds = await database.seed.recipients(count);
  await database.seed.notification({ recipientIds, queue });
}

const asksAgain = async (settled: { mock: { calls: unknown[] } }, times: number) => {
  const before = settled.mock.calls.length;
  await expect
    .poll(() => settled.mock.calls.length, patience)
    .toBeGreaterThanOrEqual(before + times);
};

describe("while the ledger takes no outcomes", () => {
  it("nothing more is handed over, nothing is repeated however long it lasts, and all of it goes on by itself", async () => {
    await owe();
    const { requests, copies, sender, held, run } = worker();
    await refuse("53100");
    const statements = vi.spyOn(pool, "query");
    const running = run();
    await expect.poll(() => sender.unwritten, patience).toBeGreaterThan(0);
    await asksAgain(statements, 3);
    expect(requests.length).toBeLessThanOrEqual(inFlightBound);

    await outliveLeases();
    await asksAgain(statements, 20);
    expect(requests.length).toBeLessThanOrEqual(inFlightBound);
    expect(sender.unwritten).toBe(requests.length);
    expect(held).toEqual([true]);

    await accept();
    await running;
    expect(await database.statuses()).toEqual({ sent: owed });
    expect([...copies().values()]).toEqual(Array.from({ length: owed }, () => 1));
    expect(sender.unwritten).toBe(0);
    expect(held).toEqual([true, false]);
  });

  it("a worker that stops gives them up when their leases have expired", async () => {
    await owe(5);
    const { sender, run } = worker();
    await refuse("53100");
    const running = run();
    await expect.poll(() => sender.unwritten, patience).toBe(5);
    await outliveLeases();
    await sender.drain();
    expect(sender.unwritten).toBe(0);
    await database.empty();
    await running;
  });
});

it("an outcome that will never be taken does not hold up the others", async () => {
  await owe();
  const { rows } = await pool.query<{ id: string }>("SELECT id FROM open_deliveries LIMIT 1");
  const { requests, sender, run } = worker();
  await refuse("23514", `WHEN (NEW.id = '${rows[0]!.id}')`);
  const running = run();
  await expect.poll(() => database.statuses(), patience).toEqual({ sent: owed - 1, sending: 1 });
  expect(sender.unwritten).toBe(0);
  expect(requests).toHaveLength(owed);
  await accept();
  await outliveLeases();
  await running;
  expect(await database.statuses()).toEqual({ sent: owed });
});
