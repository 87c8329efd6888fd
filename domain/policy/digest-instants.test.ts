import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestInstants, nextDigestAt } from "./digest-instants.ts";
import { dayMs, hourMs, minuteMs } from "../time/durations.ts";
import { digestModes, type DigestPreferences, type Weekday } from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";
import {
  allClockChanges,
  allZones,
  clockTime,
  iso,
  wallClock,
  type ClockChange,
} from "../time/wall-clock.testing.ts";

const quarterMs = 15 * minuteMs;
const daily = (time: string): DigestPreferences => ({ mode: "daily", time, weekday: "monday" });
const weekly = (time: string, weekday: Weekday): DigestPreferences => ({
  mode: "weekly",
  time,
  weekday,
});
const hourly: DigestPreferences = { mode: "hourly", time: "08:00", weekday: "monday" };
const quarterHours = Array.from({ length: 96 }, (_, quarter) => clockTime(quarter * 15));

const zones = fc.constantFrom(...allZones);
const digests = fc.record({
  mode: fc.constantFrom(...digestModes.filter((mode) => mode !== "immediate")),
  time: fc.constantFrom(...quarterHours),
  weekday: fc.constantFrom(...weekdays),
});
const instants = fc.integer({ min: Date.UTC(2010, 0, 1), max: Date.UTC(2060, 0, 1) });

/** What the clock shows in every quarter hour for `days` days before and after a change of clocks. */
function listQuarters({ zone, at }: ClockChange, days: number) {
  const clock = wallClock(zone);
  return Array.from({ length: 2 * days * 96 }, (_, index) => {
    const instant = at + (index - days * 96) * quarterMs;
    return { instant, ...clock(instant) };
  });
}

type Quarters = ReturnType<typeof listQuarters>;

/** Returns a function that finds the first instant of a local time. A time that is skipped is counted from the last time before it. */
function indexInstants(quarters: Quarters): (date: string, time: string) => number {
  const first = new Map<string, number>();
  for (const { date, time, instant } of quarters) {
    const shown = `${date}T${time}Z`;
    if (!first.has(shown)) first.set(shown, instant);
  }
  return (date, time) => {
    const wanted = `${date}T${time}Z`;
    const instant = first.get(wanted);
    if (instant !== undefined) return instant;
    const before = [...first].findLast(([shown]) => shown < wanted);
    if (!before) throw new Error(`nothing before ${wanted}`);
    return before[1] + Date.parse(wanted) - Date.parse(before[0]);
  };
}

describe("nextDigestAt", () => {
  it("is exactly one for each local day and time, around every change of clocks in every zone", () => {
    const faults: string[] = [];
    for (const [index, change] of allClockChanges().entries()) {
      const quarters = listQuarters(change, 2.5);
      const instantOf = indexInstants(quarters);
      const dates = [...new Set(quarters.map(({ date }) => date))].slice(1, -1);
      const firstInstant = quarters.find(({ date }) => date === dates[0])?.instant ?? 0;
      const shownTimes = new Map<string, number>();
      for (const { time } of quarters) shownTimes.set(time, (shownTimes.get(time) ?? 0) + 1);
      // The times that are skipped or repeated, and some others, which differ from change to change.
      const times = quarterHours.filter(
        (time, quarter) => quarter % 16 === index % 16 || shownTimes.get(time) !== 5,
      );
      for (const time of times) {
        const expected = dates.map((date) => instantOf(date, time));
        const found = digestInstants(daily(time), change.zone, firstInstant - 1, dates.length);
        if (found.join() !== expected.join())
          faults.push(`${change.zone} daily ${time}: ${found.map(iso).join()}`);
        dates.forEach((date, day) => {
          const weekday = weekdays[(new Date(date).getUTCDay() + 6) % 7] ?? "monday";
          const next = nextDigestAt(weekly(time, weekday), change.zone, firstInstant - 1);
          if (next !== expected[day])
            faults.push(`${change.zone} ${weekday} ${time}: ${iso(next)}`);
        });
      }
    }
    expect(faults).toEqual([]);
  }, 60_000);

  it("is whenever the clock shows a full hour in hourly mode, around every change of clocks", () => {
    const faults: string[] = [];
    for (const change of allClockChanges()) {
      const fullHours = listQuarters(change, 0.5)
        .filter(({ time }) => time.endsWith(":00"))
        .map(({ instant }) => instant);
      const found = digestInstants(
        hourly,
        change.zone,
        change.at - 12 * hourMs - 1,
        fullHours.length,
      );
      if (found.join() !== fullHours.join()) faults.push(`${change.zone} ${iso(change.at)}`);
    }
    expect(faults).toEqual([]);
  }, 60_000);

  it("is the same from every instant between two digests", () => {
    fc.assert(
      fc.property(
        digests,
        zones,
        instants,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (digest, zone, after, share) => {
          const next = nextDigestAt(digest, zone, after);
          expect(next).toBeGreaterThan(after);
          const between = after + Math.floor((next - 1 - after) * share);
          expect(nextDigestAt(digest, zone, between)).toBe(next);
          expect(nextDigestAt(digest, zone, next)).toBeGreaterThan(next);
        },
      ),
    );
  }, 60_000);

  it("comes once a day or week, over a year in any zone", () => {
    fc.assert(
      fc.property(
        zones,
        fc.integer({ min: 2012, max: 2059 }),
        fc.constantFrom(...quarterHours),
        fc.constantFrom(...weekdays),
        (zone, year, time, weekday) => {
          const days = digestInstants(daily(time), zone, Date.UTC(year, 0, 1), 366);
          days.forEach((at, index) => {
            const even = (days[0] ?? 0) + index * dayMs;
            expect(Math.abs(at - even)).toBeLessThan(4 * hourMs);
          });
          const weeks = digestInstants(weekly(time, weekday), zone, Date.UTC(year, 0, 1), 53);
          weeks.forEach((at, index) => {
            const even = (weeks[0] ?? 0) + index * 7 * dayMs;
            expect(Math.abs(at - even)).toBeLessThan(4 * hourMs);
          });
        },
      ),
      { numRuns: 30 },
    );
  }, 60_000);

  it("is on a quarter hour of UTC", () => {
    fc.assert(
      fc.property(
        digests,
        zones,
        fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2060, 0, 1) }),
        (digest, zone, after) => {
          expect(nextDigestAt(digest, zone, after) % quarterMs).toBe(0);
        },
      ),
    );
  }, 60_000);

  it("does not exist in immediate mode", () => {
    expect(() => nextDigestAt({ ...hourly, mode: "immediate" }, "UTC", 0)).toThrow(RangeError);
  });
});

describe("digestInstants", () => {
  it.each([
    [
      "New York, where 02:30 is skipped",
      daily("02:30"),
      "America/New_York",
      "2026-03-07T12:00Z",
      ["2026-03-08T07:30", "2026-03-09T06:30", "2026-03-10T06:30"],
    ],
    [
      "New York, where 01:30 is repeated",
      daily("01:30"),
      "America/New_York",
      "2026-10-31T12:00Z",
      ["2026-11-01T05:30", "2026-11-02T06:30", "2026-11-03T06:30"],
    ],
    [
      "New York, asked between both passes",
      daily("01:30"),
      "America/New_York",
      "2026-11-01T06:10Z",
      ["2026-11-02T06:30"],
    ],
    [
      "New York, a Sunday whose 02:30 is skipped",
      weekly("02:30", "sunday"),
      "America/New_York",
      "2026-03-02T00:00Z",
      ["2026-03-08T07:30", "2026-03-15T06:30"],
    ],
    [
      "Lord Howe, where half an hour is skipped",
      daily("02:15"),
      "Australia/Lord_Howe",
      "2026-10-02T16:00Z",
      ["2026-10-03T15:45", "2026-10-04T15:15"],
    ],
    [
      "Lord Howe, where half an hour is repeated",
      daily("01:45"),
      "Australia/Lord_Howe",
      "2026-04-04T00:00Z",
      ["2026-04-04T14:45", "2026-04-05T15:15"],
    ],
    [
      "Kathmandu",
      daily("08:00"),
      "Asia/Kathmandu",
      "2026-05-01T02:14Z",
      ["2026-05-01T02:15", "2026-05-02T02:15"],
    ],
    [
      "Troll, where two hours are skipped",
      daily("02:00"),
      "Antarctica/Troll",
      "2026-03-28T12:00Z",
      ["2026-03-29T02:00", "2026-03-30T00:00"],
    ],
    [
      "Troll, where two hours are repeated",
      daily("01:30"),
      "Antarctica/Troll",
      "2026-10-24T12:00Z",
      ["2026-10-24T23:30", "2026-10-26T01:30"],
    ],
    [
      "Nuuk, where the end of a day is skipped",
      daily("23:30"),
      "America/Nuuk",
      "2026-03-28T12:00Z",
      ["2026-03-29T01:30", "2026-03-30T00:30"],
    ],
    [
      "Nuuk, asked after midnight when yesterday's is still to come",
      daily("23:30"),
      "America/Nuuk",
      "2026-03-29T01:10Z",
      ["2026-03-29T01:30", "2026-03-30T00:30"],
    ],
    [
      "Nuuk, for a weekly digest on Saturday",
      weekly("23:30", "saturday"),
      "America/Nuuk",
      "2026-03-29T01:10Z",
      ["2026-03-29T01:30", "2026-04-05T00:30"],
    ],
    [
      "Apia, which skipped a day",
      daily("08:00"),
      "Pacific/Apia",
      "2011-12-29T00:00Z",
      ["2011-12-29T18:00", "2011-12-30T18:00", "2011-12-31T18:00"],
    ],
    [
      "Apia, which skipped that Friday",
      weekly("08:00", "friday"),
      "Pacific/Apia",
      "2011-12-24T00:00Z",
      ["2011-12-30T18:00", "2012-01-05T18:00"],
    ],
    [
      "New York, every hour, also of those it has twice",
      hourly,
      "America/New_York",
      "2026-11-01T04:30Z",
      ["2026-11-01T05:00", "2026-11-01T06:00", "2026-11-01T07:00"],
    ],
    [
      "Lord Howe, every full hour, of which one is skipped",
      hourly,
      "Australia/Lord_Howe",
      "2026-10-03T14:00Z",
      ["2026-10-03T14:30", "2026-10-03T16:00", "2026-10-03T17:00"],
    ],
  ] as const)("%s", (_, digest, zone, after, expected) => {
    const found = digestInstants(digest, zone, Date.parse(after), expected.length);
    expect(found.map((at) => iso(at).slice(0, 16))).toEqual(expected);
  });

  it("repeats nextDigestAt", () => {
    fc.assert(
      fc.property(
        digests,
        zones,
        instants,
        fc.integer({ min: 0, max: 20 }),
        (digest, zone, after, count) => {
          const found = digestInstants(digest, zone, after, count);
          expect(found).toHaveLength(count);
          found.forEach((at, index) =>
            expect(at).toBe(nextDigestAt(digest, zone, found[index - 1] ?? after)),
          );
        },
      ),
    );
  }, 60_000);
});
