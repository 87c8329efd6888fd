import fc from "fast-check";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createGates, type Gates, horizonMs } from "../../ledger/gates.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { countMostIn } from "../support/sliding-seconds.ts";

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
const noon = new Date("2200-03-04T12:00:00Z");
const after = (ms: number) => new Date(noon.getTime() + ms);

/** Makes a gate of which nothing was granted yet. */
async function gate(
  key: string,
  {
    rate = null,
    burst = 5,
    quota = null,
    hourly = null,
  }: { rate?: number | null; burst?: number; quota?: number | null; hourly?: number | null },
): Promise<void> {
  await pool.query(
    "INSERT INTO gates (key, permits_per_second, burst, daily_quota, hourly_quota) VALUES ($1, $2, $3, $4, $5)",
    [key, rate, burst, quota, hourly],
  );
}

/** The instants of the slots that are granted, in milliseconds from noon. */
async function grant(key: string, wanted: number, atMs = 0, skipped = 0): Promise<number[]> {
  const granted = await gates.grant({ key, wanted, skipped, at: after(atMs) });
  return Array.from({ length: granted!.granted }, (_, place) =>
    Math.round(atMs + granted!.firstInMs + place * (granted!.pace?.intervalMs ?? 0)),
  );
}

describe("a gate", () => {
  it("that does not exist is open, and is not made by being asked", async () => {
    expect(await gates.grant({ key: "provider/none", wanted: 7 })).toBeNull();
    expect(await gates.look(["provider/none"])).toEqual(new Map());
  });

  it("grants its burst at once, and then as many slots as lie within the horizon", async () => {
    await gate("provider/a", { rate: 20, burst: 5 });
    expect(await grant("provider/a", 3)).toEqual([-200, -150, -100]);
    expect(await grant("provider/a", 99)).toEqual([-50, 0, 50, 100, 150, 200]);
    expect(await grant("provider/a", 99)).toEqual([]);
    expect(await grant("provider/a", 99, 49)).toEqual([]);
    expect(await grant("provider/a", 99, 50)).toEqual([250]);
    expect(await grant("provider/a", 5, 60_000)).toEqual([59_800, 59_850, 59_900, 59_950, 60_000]);
  });

  it("that is slow grants one slot at a time, and says when the next one comes", async () => {
    await gate("provider/a", { rate: 0.5, burst: 1 });
    expect(await grant("provider/a", 9)).toEqual([0]);
    const next = await gates.grant({ key: "provider/a", wanted: 9, at: after(500) });
    expect(next).toMatchObject({ granted: 0, pace: { intervalMs: 2_000 } });
    expect(next!.pace!.nextInMs).toBeCloseTo(1_500);
    expect(await grant("provider/a", 9, 2_000 - horizonMs)).toEqual([2_000]);
  });

  it("widens its slots by 4% at most, where its burst leaves no room for lateness", async () => {
    const paceOf = async (rate: number, burst: number) => {
      await gate(`provider/${rate}-${burst}`, { rate, burst });
      const made = await gates.grant({ key: `provider/${rate}-${burst}`, wanted: 1, at: noon });
      return { rate: 1_000 / made!.pace!.intervalMs, lifetimeMs: Math.round(made!.lifetimeMs!) };
    };
    for (const rate of [0.2, 1, 14, 100, 5_000, 100_000])
      for (const burst of [1, 5, 100, 10_000]) {
        const pace = await paceOf(rate, burst);
        expect(pace.rate).toBeLessThanOrEqual(rate * 1.000_001);
        expect(pace.rate).toBeGreaterThan(rate * 0.96);
        expect(pace.lifetimeMs).toBeGreaterThanOrEqual(39);
      }
    expect((await paceOf(14, 6)).rate).toBeCloseTo(14);
    expect((await paceOf(100, 6)).rate).toBeCloseTo(100);
  });

  it("does not stand still when the database's clock is set back", async () => {
    await gate("provider/a", { rate: 10, burst: 1 });
    await grant("provider/a", 5, 3_600_000);
    expect(await grant("provider/a", 5, 0)).toEqual([200]);
    expect(await grant("provider/a", 5, 50)).toEqual([]);
  });

  it("grants nobody the slots that are skipped, those of a second at most, of no quota", async () => {
    await gate("provider/a", { rate: 20, burst: 5, quota: 10 });
    expect(await grant("provider/a", 1, 0, 6)).toEqual([100]);
    expect(await grant("provider/a", 0, 0, 4)).toEqual([]);
    expect(await grant("provider/a", 9, 150)).toEqual([350]);
    expect(await grant("provider/a", 0, 300, 1_000)).toEqual([]);
    expect(await grant("provider/a", 9, 1_050)).toEqual([]);
    expect(await grant("provider/a", 9, 1_100)).toEqual([1_300]);
    expect(await gates.grant({ key: "provider/a", wanted: 0, at: after(1_100) })).toMatchObject({
      quotaLeft: 7,
    });
  });

  it("that is slow leaves out no more than a second", async () => {
    await gate("provider/a", { rate: 0.5, burst: 1 });
    expect(await grant("provider/a", 9, 0, 3)).toEqual([]);
    expect(await grant("provider/a", 9, 799)).toEqual([]);
    expect(await grant("provider/a", 9, 800)).toEqual([1_000]);
  });

  it("grants its quota once a UTC day, and opens at midnight", async () => {
    await gate("provider/a", { quota: 10 });
    const at = (ms: number, wanted = 7) =>
      gates.grant({ key: "provider/a", wanted, at: after(ms) });
    expect(await at(0)).toMatchObject({ granted: 7, quotaLeft: 3, lifetimeMs: null, pace: null });
    expect(await at(0)).toMatchObject({ granted: 3, quotaLeft: 0, quotaRenewsInMs: day / 2 });
    expect(await at(day / 2 - 1)).toMatchObject({ granted: 0, quotaLeft: 0, quotaRenewsInMs: 1 });
    expect(await at(day / 2, 99)).toMatchObject({ granted: 10, quotaLeft: 0 });
  });

  it("grants the smaller of an hour's quota and a day's, and opens when the one that is used up begins again", async () => {
    await gate("provider/a", { quota: 8, hourly: 5 });
    const at = (ms: number) => gates.grant({ key: "provider/a", wanted: 7, at: after(ms) });
    const hour = 3_600_000;
    const half = hour / 2;
    expect(await at(half)).toMatchObject({ granted: 5, quotaLeft: 0, quotaRenewsInMs: half });
    expect(await at(hour - 1)).toMatchObject({ granted: 0, quotaLeft: 0, quotaRenewsInMs: 1 });
    const rest = { granted: 3, quotaLeft: 0, quotaRenewsInMs: day / 2 - hour };
    expect(await at(hour)).toMatchObject(rest);
    expect(await at(2 * hour)).toMatchObject({ granted: 0, quotaLeft: 0 });
    expect(await at(day / 2)).toMatchObject({ granted: 5, quotaLeft: 0, quotaRenewsInMs: hour });
  });

  it("counts clock hours in UTC, whatever the time zone of the session", async () => {
    await gate("provider/a", { hourly: 5 });
    const half = 1_800_000;
    const client = await pool.connect();
    try {
      await client.query("SET TIME ZONE 'Asia/Kolkata'");
      const there = createGates(client);
      const granted = await there.grant({ key: "provider/a", wanted: 3, at: after(half) });
      expect(granted).toMatchObject({ granted: 3, quotaLeft: 2, quotaRenewsInMs: half });
      await gates.giveBack({ key: "provider/a", slots: 1, hour: granted!.hour });
    } finally {
      await client.query("RESET TIME ZONE");
      client.release();
    }
    expect(await grant("provider/a", 9, half + 1)).toHaveLength(3);
  });

  it("is shut until then, for the longer of two, and says why", async () => {
    const shut = (forMs: number, reason: string) =>
      atLedgerTime(pool, after(0), () => gates.shut({ key: "provider/a", forMs, reason }), {
        isStopped: true,
      });
    await shut(60_000, "too many");
    await shut(30_000, "shorter");
    const at = (ms: number) => gates.grant({ key: "provider/a", wanted: 3, at: after(ms) });
    expect(await at(0)).toMatchObject({ granted: 0, shutMs: 60_000 });
    expect(await at(60_000)).toMatchObject({ granted: 3, shutMs: 0 });
    const { rows } = await pool.query("SELECT shut_reason FROM gates");
    expect(rows).toEqual([{ shut_reason: "too many" }]);
  });

  it("is shut since it was first shut, until it was open", async () => {
    const shut = (ms: number, forMs: number) =>
      atLedgerTime(
        pool,
        after(ms),
        () => gates.shut({ key: "provider/a", forMs, reason: "too many" }),
        { isStopped: true },
      );
    const sinceAt = async (ms: number) =>
      (await gates.look(["provider/a"], after(ms))).get("provider/a")!.shutSince;
    await shut(0, 60_000);
    await shut(30_000, 60_000);
    expect(await sinceAt(89_999)).toEqual(after(0));
    expect(await sinceAt(90_000)).toBeNull();
    await shut(90_000, 1_000);
    expect(await sinceAt(90_500)).toEqual(after(90_000));
  });

  it("is looked at without being taken from", async () => {
    await pool.query(`
      INSERT INTO gates (key, permits_per_second, next_slot_at, shut_until, daily_quota, used_today, quota_day) VALUES
        ('provider/full', 1, NULL, NULL, NULL, 0, NULL),
        ('provider/empty', 0.001, now() + interval '500 seconds', NULL, NULL, 0, NULL),
        ('provider/shut', NULL, NULL, now() + interval '1 hour', NULL, 0, NULL),
        ('provider/used', NULL, NULL, NULL, 5, 5, (now() AT TIME ZONE 'UTC')::date),
        ('provider/old', NULL, NULL, now() - interval '1 hour', 5, 5, '2001-01-01')`);
    const names = ["full", "empty", "shut", "used", "old"];
    const seen = await gates.look(names.map((name) => `provider/${name}`));
    expect(seen.get("provider/full")).toEqual({
      pace: { intervalMs: 1_000, lagMs: 4_000, nextInMs: -4_000 },
      quotaLeft: null,
      quotaRenewsInMs: 0,
      shutMs: 0,
      shutSince: null,
    });
    expect(seen.get("provider/old")).toMatchObject({ quotaLeft: 5, shutMs: 0, pace: null });
    expect(seen.get("provider/shut")).toMatchObject({ quotaLeft: null, pace: null });
    expect(seen.get("provider/shut")!.shutMs / 3_600_000).toBeCloseTo(1, 1);
    expect(seen.get("provider/empty")!.pace!.nextInMs / 500_000).toBeCloseTo(1, 1);
    expect(seen.get("provider/used")!.quotaLeft).toBe(0);
    expect(seen.get("provider/used")!.quotaRenewsInMs).toBeGreaterThan(0);
    expect(seen.get("provider/used")!.quotaRenewsInMs).toBeLessThanOrEqual(day);
  });

  it("is made, or given another rate, where it is needed", async () => {
    await gates.ensure({ key: "release/email", perSecond: 2, burst: 5 });
    expect(await grant("release/email", 9)).toHaveLength(5);
    await gates.ensure({ key: "release/email", perSecond: 2, burst: 5 });
    expect(await grant("release/email", 9)).toEqual([]);
    await gates.ensure({ key: "release/email", perSecond: 4, burst: 5 });
    expect(await grant("release/email", 9, 300)).toEqual([500]);
  });
});

describe("what is given back", () => {
  it("is there for others, of the day's quota, and lost to the rate", async () => {
    await gate("provider/a", { rate: 1, burst: 5, quota: 5 });
    const granted = await gates.grant({ key: "provider/a", wanted: 5, at: noon });
    await gates.giveBack({ key: "provider/a", slots: 2, hour: granted!.hour });
    expect(await grant("provider/a", 5)).toEqual([]);
    expect(await grant("provider/a", 5, 10_000)).toHaveLength(2);
    expect(await grant("provider/a", 5, 20_000)).toEqual([]);
  });

  it("is none of the next hour's quota, and still of the day's", async () => {
    await gate("provider/a", { quota: 9, hourly: 5 });
    const before = await gates.grant({ key: "provider/a", wanted: 5, at: noon });
    expect(await grant("provider/a", 9, 3_600_000)).toHaveLength(4);
    await gates.giveBack({ key: "provider/a", slots: 3, hour: before!.hour });
    expect(await grant("provider/a", 9, 3_600_000)).toHaveLength(1);
    expect(await grant("provider/a", 9, 7_200_000)).toHaveLength(2);
  });

  it("is none of the next day's quota", async () => {
    await gate("provider/a", { quota: 5 });
    const yesterday = await gates.grant({ key: "provider/a", wanted: 5, at: noon });
    expect(await grant("provider/a", 5, day)).toHaveLength(5);
    await gates.giveBack({ key: "provider/a", slots: 5, hour: yesterday!.hour });
    expect(await grant("provider/a", 5, day)).toEqual([]);
  });
});

it("is never passed within any second by more than its burst, whichever process asks when and uses slots as late as they may", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        rate: fc.constantFrom(0.5, 1, 3, 14, 100, 333.3),
        burst: fc.integer({ min: 1, max: 120 }),
      }),
      fc.array(
        fc.record({
          wait: fc.integer({ min: 0, max: 700 }),
          wanted: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 3 }),
          lateness: fc.constantFrom(0, 0.5, 1),
        }),
        { minLength: 1, maxLength: 15 },
      ),
      async ({ rate, burst }, rounds) => {
        await pool.query("DELETE FROM gates");
        await gate("provider/a", { rate, burst });
        const used: number[] = [];
        let at = 0;
        for (const { wait, wanted, lateness } of rounds) {
          at += wait;
          const grants = await Promise.all(
            wanted.map((count) => gates.grant({ key: "provider/a", wanted: count, at: after(at) })),
          );
          for (const [index, made] of grants.entries()) {
            expect(made!.granted).toBeLessThanOrEqual(wanted[index]!);
            for (let place = 0; place < made!.granted; place++) {
              const from = at + made!.firstInMs + place * made!.pace!.intervalMs;
              used.push(Math.max(at, from + lateness * made!.lifetimeMs!));
            }
          }
        }
        expect(countMostIn(used)).toBeLessThanOrEqual(rate + burst);
      },
    ),
    { numRuns: 100 },
  );
});
