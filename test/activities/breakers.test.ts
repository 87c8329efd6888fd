import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createBreakers, type Breakers, type Trial } from "../../activities/channels/breakers.ts";
import { defaultPolicy, type Policy } from "../../domain/policy/policy.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";

let database: LedgerDatabase;
let pool: Pool;
const workers: Breakers[] = [];

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
beforeEach(() => pool.query("TRUNCATE breakers"));
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.close();
});
afterAll(() => database.drop());

/** Long enough that nothing of it passes by itself. */
const tolerant: Policy["breaker"] = { ...defaultPolicy.breaker, openSeconds: 3_600 };
/** Failures in a row open it, whatever their share. */
const patient: Policy["breaker"] = { ...tolerant, failureShare: 0 };
/** A worker's breakers, which look for others only when asked to. */
async function worker(
  settings: Policy["breaker"] = patient,
  among: readonly string[] = ["smtp-1"],
  logger?: Parameters<typeof createBreakers>[0]["logger"],
): Promise<Breakers> {
  const breakers = createBreakers({
    pool,
    providers: among.map((name) => ({ name, channel: "email" })),
    settings: () => Promise.resolve(settings),
    refreshMs: 3_600_000,
    ...(logger && { logger }),
  });
  workers.push(breakers);
  await breakers.refresh();
  return breakers;
}

interface Stored {
  state: string;
  failures: number;
  reason: string | null;
  trials_taken: number;
  trials_passed: number;
}

async function stored(provider = "smtp-1"): Promise<Stored> {
  const { rows } = await pool.query<Stored>(
    "SELECT state, cardinality(failed_at) AS failures, reason, trials_taken, trials_passed FROM breakers WHERE provider = $1",
    [provider],
  );
  return rows[0]!;
}

/** What was reported is written when this resolves. */
const settled = (expected: Partial<Stored>, provider?: string) =>
  vi.waitFor(async () => expect(await stored(provider)).toMatchObject(expected), patience);

async function fail(breakers: Breakers, times: number): Promise<void> {
  for (let index = 0; index < times; index += 1) breakers.of("smtp-1").failed("no answer");
}

/** Opens it, at a worker. */
async function open(breakers: Breakers): Promise<void> {
  await fail(breakers, 5);
  await settled({ state: "open" });
  await vi.waitFor(() => expect(breakers.of("smtp-1").closed).toBe(false), patience);
}

/** Whatever it waits for has come, and a worker that has just started finds it so. */
async function due(settings: Policy["breaker"] = patient): Promise<Breakers> {
  await pool.query("UPDATE breakers SET next_trial_at = now() - interval '1 second'");
  return worker(settings);
}

describe("a closed breaker", () => {
  it("is there for each provider that a worker has, and stays as it was where it is there already", async () => {
    await open(await worker());
    const breakers = await worker(patient, ["smtp-1", "smtp-2"]);
    expect([...breakers.states()]).toEqual([
      ["smtp-1", "open"],
      ["smtp-2", "closed"],
    ]);
    const { rows } = await pool.query("SELECT provider, channel FROM breakers ORDER BY provider");
    expect(rows).toEqual([
      { provider: "smtp-1", channel: "email" },
      { provider: "smtp-2", channel: "email" },
    ]);
  });

  it("opens at the threshold and not before, and says why and until when", async () => {
    const breakers = await worker();
    const breaker = breakers.of("smtp-1");
    await fail(breakers, 4);
    await settled({ state: "closed", failures: 4, reason: "no answer" });
    expect(breaker.closed).toBe(true);
    expect(breaker.opensAt(Date.now())).toBeNull();
    breaker.failed("connection refused");
    await settled({ state: "open", failures: 5, reason: "connection refused" });
    await vi.waitFor(() => expect(breaker.closed).toBe(false), patience);
    const opensInMs = breaker.opensAt(Date.now())! - Date.now();
    expect(opensInMs / 3_600_000).toBeCloseTo(1, 1);
    expect(breaker.trialsAt(Date.now())).toBe(0);
  });

  it("counts the failures of all workers", async () => {
    const [one, other] = [await worker(), await worker()];
    await fail(one, 3);
    await fail(other, 2);
    await settled({ state: "open" });
    await one.refresh();
    expect(one.of("smtp-1").closed).toBe(false);
  });

  it("counts only failures without a success in between, by any worker", async () => {
    const [one, other] = [await worker(), await worker()];
    await fail(one, 4);
    await settled({ failures: 4 });
    one.of("smtp-1").succeeded();
    await settled({ failures: 0 });
    await fail(one, 4);
    await settled({ failures: 4 });
    await other.refresh();
    other.of("smtp-1").succeeded();
    await settled({ failures: 0 });
    await fail(one, 4);
    await settled({ state: "closed", failures: 4 });
  });

  it("opens where enough failures came before a success, though they are written together", async () => {
    const breakers = await worker();
    await fail(breakers, 5);
    breakers.of("smtp-1").succeeded();
    await settled({ state: "open" });
  });

  it("does not open where a success came between, though they are written together", async () => {
    const breakers = await worker();
    await fail(breakers, 4);
    breakers.of("smtp-1").succeeded();
    await fail(breakers, 4);
    await settled({ state: "closed", failures: 4 });
  });

  it("counts what lies within the window, and that slides", async () => {
    const breakers = await worker();
    await pool.query(
      "UPDATE breakers SET failed_at = ARRAY[now() - interval '301 seconds', now() - interval '299 seconds', now() - interval '1 second']",
    );
    await fail(breakers, 2);
    await settled({ state: "closed", failures: 4 });
    await fail(breakers, 1);
    await settled({ state: "open", failures: 5 });
  });

  it("costs no statement while all goes well", async () => {
    const breakers = await worker();
    const query = vi.spyOn(pool, "query");
    for (let index = 0; index < 1_000; index += 1) breakers.of("smtp-1").succeeded();
    expect(query).not.toHaveBeenCalled();
    query.mockRestore();
  });

  it("keeps what it could not write", async () => {
    const breakers = await worker();
    const query = vi.spyOn(pool, "query").mockImplementation(() => {
      throw new Error("away");
    });
    await fail(breakers, 3);
    await vi.waitFor(() => expect(query).toHaveBeenCalled(), patience);
    query.mockRestore();
    await fail(breakers, 2);
    await breakers.refresh();
    await settled({ state: "open" });
  });
});

describe("an open breaker", () => {
  it("gives no trial before its time", async () => {
    const breakers = await worker();
    await open(breakers);
    expect(await breakers.of("smtp-1").trial()).toBeNull();
    expect(await (await worker()).of("smtp-1").trial()).toBeNull();
    await settled({ state: "open" });
  });

  it("gives exactly so many trials over all workers, and closes when all have passed", async () => {
    await open(await worker());
    const both = [await due(), await worker()];
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, index) => both[index % 2]!.of("smtp-1").trial()),
    );
    const trials = asked.filter((trial): trial is Trial => trial !== null);
    expect(trials).toHaveLength(3);
    await settled({ state: "half_open", trials_taken: 3, trials_passed: 0 });
    trials[0]!.passed();
    trials[1]!.passed();
    await settled({ state: "half_open", trials_passed: 2 });
    trials[2]!.passed();
    await settled({ state: "closed", failures: 0 });
    for (const breakers of both) {
      await breakers.refresh();
      expect(breakers.of("smtp-1").closed).toBe(true);
    }
    expect(both[0]!.recoveredAt(["smtp-1"])).toBeInstanceOf(Date);
  });

  it("is open again after one trial that failed, whatever the others say", async () => {
    await open(await worker());
    const breakers = await due();
    const breaker = breakers.of("smtp-1");
    const [one, two, three] = [await breaker.trial(), await breaker.trial(), await breaker.trial()];
    one!.passed();
    two!.failed("connection refused");
    await settled({
      state: "open",
      trials_taken: 0,
      trials_passed: 0,
      reason: "connection refused",
    });
    three!.passed();
    await breakers.refresh();
    await settled({ state: "open", trials_passed: 0 });
    expect(breaker.opensAt(Date.now())! - Date.now()).toBeGreaterThan(3_000_000);
  });

  it("gives out a trial again of which nothing was made", async () => {
    await open(await worker());
    const breaker = (await due({ ...patient, trials: 1 })).of("smtp-1");
    const trial = await breaker.trial();
    expect(await breaker.trial()).toBeNull();
    trial!.giveBack();
    await settled({ state: "half_open", trials_taken: 0 });
    expect(await breaker.trial()).not.toBeNull();
  });

  it("gives out trials again that were not answered, and counts none of the old ones", async () => {
    await open(await worker());
    // A round is known by the instant at which it expires, and this test begins two within one millisecond on a fast machine.
    const late = await (await due({ ...patient, openSeconds: 7_200 })).of("smtp-1").trial();
    const breaker = (await due()).of("smtp-1");
    expect(breaker.trialsAt(Date.now())).toBe(3);
    const fresh: (Trial | null)[] = [];
    for (let index = 0; index < 4; index += 1) fresh.push(await breaker.trial());
    expect(fresh.map((trial) => trial !== null)).toEqual([true, true, true, false]);
    late!.passed();
    for (const trial of fresh.slice(0, 2)) trial!.passed();
    await settled({ state: "half_open", trials_taken: 3, trials_passed: 2 });
    fresh[2]!.passed();
    await settled({ state: "closed" });
  });

  it("is still open after a restart", async () => {
    await open(await worker());
    const { closed } = (await worker()).of("smtp-1");
    expect(closed).toBe(false);
  });

  it("takes no notice of calls that were made before", async () => {
    const breakers = await worker();
    await open(breakers);
    breakers.of("smtp-1").succeeded();
    await fail(breakers, 20);
    await breakers.refresh();
    await settled({ state: "open", failures: 5 });
  });

  it("says its changes once, each", async () => {
    const lines: unknown[] = [];
    const log = (fields: unknown, message?: string) => lines.push([fields, message]);
    const logger = { info: log, warn: log } as unknown as NonNullable<
      Parameters<typeof createBreakers>[0]["logger"]
    >;
    const breakers = await worker({ ...patient, trials: 1 }, ["smtp-1"], logger);
    await open(breakers);
    await pool.query("UPDATE breakers SET next_trial_at = now()");
    // What was on its way before that may still say that it is open.
    const trial = await vi.waitUntil(async () => {
      await breakers.refresh();
      return breakers.of("smtp-1").trial();
    }, patience);
    trial.passed();
    await settled({ state: "closed" });
    await vi.waitFor(
      () =>
        expect(lines).toEqual([
          [
            expect.objectContaining({ provider: "smtp-1", to: "open", reason: "no answer" }),
            "the provider is not used for a while, because it failed too often",
          ],
          [expect.objectContaining({ to: "half_open" }), "the provider is tested with trial calls"],
          [{ provider: "smtp-1", from: "half_open", to: "closed" }, "the provider is in use again"],
        ]),
      patience,
    );
  });
});

describe("an outage", () => {
  const among = ["smtp-1", "smtp-2"];
  const at = (seconds: number) => new Date(Date.UTC(2026, 10, 24, 12, 0, seconds));
  type Known = [state: string, openedAt: Date | null, closedAt: Date | null];
  const set = (provider: string, ...[state, opened, closed]: Known) =>
    pool.query(
      "UPDATE breakers SET state = $2::breaker_state, opened_at = $3, closed_at = $4, next_trial_at = CASE WHEN $2 <> 'closed' THEN now() END WHERE provider = $1",
      [provider, state, opened, closed],
    );

  it.each<[string, Known, Known, Date | null]>([
    ["never was", ["closed", null, null], ["closed", null, null], null],
    ["of one alone was none", ["closed", at(0), at(9)], ["closed", null, null], null],
    ["ended with the first that came back", ["closed", at(0), at(9)], ["open", at(5), null], at(9)],
    ["of all ended likewise", ["closed", at(0), at(9)], ["closed", at(5), at(7)], at(7)],
    ["one after the other was none", ["closed", at(0), at(4)], ["closed", at(5), at(7)], null],
    ["goes on", ["open", at(0), null], ["half_open", at(5), at(2)], null],
  ])("%s", async (_, first, second, expected) => {
    const breakers = await worker(patient, among);
    await set("smtp-1", ...first);
    await set("smtp-2", ...second);
    await breakers.refresh();
    expect(breakers.recoveredAt(among)).toEqual(expected);
  });
});
