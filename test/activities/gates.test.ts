import fc from "fast-check";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createGates, type Gates } from "../../ledger/gates.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

let database: LedgerDatabase;
let pool: Pool;
let gates: Gates;

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
  gates = createGates(pool);
});
beforeEach(() => database.empty());
afterAll(async () => {
  await database.drop();
});

const day = 86_400_000;
/** Noon of a day that is not over, far enough ahead that the clock does not reach it. */
const noon = new Date("2200-03-04T12:00:00Z");
const after = (ms: number) => new Date(noon.getTime() + ms);

interface Settings {
  rate?: number | null;
  burst?: number;
  permits?: number;
  quota?: number | null;
}

/** A gate that is full at `noon`, and has a rate unless told otherwise. */
async function gate(
  key: string,
  { rate = 1, burst = 5, permits = burst, quota = null }: Settings = {},
) {
  await pool.query(
    "INSERT INTO gates (key, permits_per_second, burst, permits, daily_quota, refilled_at) VALUES ($1, $2, $3, $4, $5, $6)",
    [key, rate, burst, permits, quota, noon],
  );
}

const take = async (key: string, wanted: number, asOf = noon) => {
  const { granted, opensInMs } = await gates.take({ key, wanted, asOf });
  return { granted, opensInMs };
};

describe("a gate", () => {
  it("that does not exist is open, and is not made by being asked", async () => {
    expect(await take("provider/none", 7)).toEqual({ granted: 7, opensInMs: 0 });
    expect(await gates.look(["provider/none"])).toEqual(new Map());
  });

  it("grants its burst at once, and its rate from then on", async () => {
    await gate("provider/a", { rate: 4, burst: 5 });
    expect(await take("provider/a", 3)).toEqual({ granted: 3, opensInMs: 0 });
    expect(await take("provider/a", 3)).toEqual({ granted: 2, opensInMs: 0 });
    expect(await take("provider/a", 3)).toEqual({ granted: 0, opensInMs: 250 });
    expect(await take("provider/a", 3, after(100))).toEqual({ granted: 0, opensInMs: 150 });
    expect(await take("provider/a", 3, after(250))).toEqual({ granted: 1, opensInMs: 0 });
    expect(await take("provider/a", 99, after(60_000))).toEqual({ granted: 5, opensInMs: 0 });
  });

  it("grants its quota once a UTC day, and opens at midnight", async () => {
    await gate("provider/a", { rate: null, quota: 10 });
    expect(await take("provider/a", 7)).toEqual({ granted: 7, opensInMs: 0 });
    expect(await take("provider/a", 7)).toEqual({ granted: 3, opensInMs: 0 });
    expect(await take("provider/a", 7)).toEqual({ granted: 0, opensInMs: day / 2 });
    expect(await take("provider/a", 1, after(day / 2 - 1))).toEqual({ granted: 0, opensInMs: 1 });
    expect(await take("provider/a", 99, after(day / 2))).toEqual({ granted: 10, opensInMs: 0 });
  });

  it("is shut until then, for the longer of two, and says why", async () => {
    await gates.shut({ key: "provider/a", until: after(60_000), reason: "too many" });
    await gates.shut({ key: "provider/a", until: after(30_000), reason: "shorter" });
    expect(await take("provider/a", 3)).toEqual({ granted: 0, opensInMs: 60_000 });
    expect(await take("provider/a", 3, after(60_000))).toEqual({ granted: 3, opensInMs: 0 });
    const { rows } = await pool.query("SELECT shut_reason FROM gates");
    expect(rows).toEqual([{ shut_reason: "too many" }]);
  });

  it("opens when the last of what holds it is over", async () => {
    await gate("provider/a", { rate: 0.01, permits: 0, quota: 1 });
    await gates.shut({ key: "provider/a", until: after(5_000), reason: "too many" });
    expect(await take("provider/a", 1)).toEqual({ granted: 0, opensInMs: 100_000 });
    expect(await take("provider/a", 1, after(100_000))).toEqual({ granted: 1, opensInMs: 0 });
    expect(await take("provider/a", 1, after(300_000))).toEqual({
      granted: 0,
      opensInMs: day / 2 - 300_000,
    });
  });

  it("is looked at without being taken from", async () => {
    await pool.query(`
      INSERT INTO gates (key, permits_per_second, permits, shut_until, daily_quota, used_today, quota_day) VALUES
        ('provider/full', 1, 5, NULL, NULL, 0, NULL),
        ('provider/empty', 0.001, 0.5, NULL, NULL, 0, NULL),
        ('provider/shut', NULL, 5, now() + interval '1 hour', NULL, 0, NULL),
        ('provider/used', NULL, 5, NULL, 5, 5, (now() AT TIME ZONE 'UTC')::date),
        ('provider/old', NULL, 5, now() - interval '1 hour', 5, 5, '2001-01-01')`);
    const names = ["full", "empty", "shut", "used", "old"];
    const seen = await gates.look(names.map((name) => `provider/${name}`));
    const open = { counted: true, shutMs: 0, emptyMs: 0 };
    expect(seen.get("provider/full")).toEqual(open);
    expect(seen.get("provider/old")).toEqual(open);
    expect(seen.get("provider/shut")).toMatchObject({ counted: false, emptyMs: 0 });
    expect(seen.get("provider/shut")!.shutMs / 3_600_000).toBeCloseTo(1, 1);
    expect(seen.get("provider/empty")).toMatchObject({ counted: true, shutMs: 0 });
    expect(seen.get("provider/empty")!.emptyMs / 500_000).toBeCloseTo(1, 1);
    expect(seen.get("provider/used")).toMatchObject({ counted: true, shutMs: 0 });
    expect(seen.get("provider/used")!.emptyMs).toBeGreaterThan(0);
    expect(seen.get("provider/used")!.emptyMs).toBeLessThanOrEqual(day);
  });

  it("is made, or given another rate, where it is needed", async () => {
    await gates.ensure({ key: "release/email", perSecond: 2, burst: 5 });
    expect((await gates.take({ key: "release/email", wanted: 9, asOf: noon })).granted).toBe(5);
    await gates.ensure({ key: "release/email", perSecond: 2, burst: 5 });
    expect((await gates.take({ key: "release/email", wanted: 9, asOf: noon })).granted).toBe(0);
    await gates.ensure({ key: "release/email", perSecond: 4, burst: 5 });
    expect(await take("release/email", 9)).toEqual({ granted: 0, opensInMs: 250 });
  });
});

describe("what is given back", () => {
  it("is there for others, of the rate and of the day's quota", async () => {
    await gate("provider/a", { rate: 1, burst: 5, quota: 5 });
    const grant = await gates.take({ key: "provider/a", wanted: 5, asOf: noon });
    await grant.giveBack(2);
    expect(await take("provider/a", 5)).toEqual({ granted: 2, opensInMs: 0 });
    expect(await take("provider/a", 5)).toEqual({ granted: 0, opensInMs: day / 2 });
  });

  it("is none of the next day's quota", async () => {
    await gate("provider/a", { rate: null, quota: 5 });
    const yesterday = await gates.take({ key: "provider/a", wanted: 5, asOf: noon });
    expect(await take("provider/a", 5, after(day))).toEqual({ granted: 5, opensInMs: 0 });
    await yesterday.giveBack(5);
    expect((await take("provider/a", 5, after(day))).granted).toBe(0);
  });
});

it("never grants more than rate, burst and quota allow, whoever asks when", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        rate: fc.option(fc.constantFrom(0.5, 1, 3, 10)),
        burst: fc.integer({ min: 1, max: 8 }),
        quota: fc.integer({ min: 1, max: 30 }),
      }),
      fc.array(
        fc.record({
          wait: fc.integer({ min: 0, max: day / 3 }),
          wanted: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
          unused: fc.integer({ min: 0, max: 3 }),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      async ({ rate, burst, quota }, rounds) => {
        await pool.query("DELETE FROM gates");
        await gate("provider/a", { rate, burst, quota });
        let at = 0;
        const used = new Map<number, number>();
        let sinceStart = 0;
        for (const { wait, wanted, unused } of rounds) {
          at += wait;
          const today = Math.floor(after(at).getTime() / day);
          const grants = await Promise.all(
            wanted.map((count) =>
              gates.take({ key: "provider/a", wanted: count, asOf: after(at) }),
            ),
          );
          for (const [index, grant] of grants.entries()) {
            expect(grant.granted).toBeLessThanOrEqual(wanted[index]!);
            expect(grant.granted === 0).toBe(grant.opensInMs > 0);
            const back = index === 0 ? Math.min(unused, grant.granted) : 0;
            await grant.giveBack(back);
            used.set(today, (used.get(today) ?? 0) + grant.granted - back);
            sinceStart += grant.granted - back;
          }
          expect(used.get(today)!).toBeLessThanOrEqual(quota);
          if (rate !== null)
            expect(sinceStart).toBeLessThanOrEqual(burst + (rate * at) / 1_000 + 1e-6);
        }
      },
    ),
    { numRuns: 60 },
  );
});
