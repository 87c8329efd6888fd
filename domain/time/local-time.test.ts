import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dayMs, minuteMs } from "./durations.ts";
import { clockSpanAt, instantOf, listLocalDays, localTimeAt, minuteOf } from "./local-time.ts";
import { weekdays } from "./local-time.ts";
import {
  allClockChanges,
  allZones,
  clockTime,
  iso,
  offsetMinutes,
  wallClock,
  type WallTime,
} from "./wall-clock.testing.ts";

const zones = fc.constantFrom(...allZones);
const instants = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2060, 0, 1) });

function shownBy(zone: string, at: number): WallTime {
  const { day, minute, weekday } = localTimeAt(zone, at);
  return {
    date: iso(day * dayMs).slice(0, 10),
    time: clockTime(minute),
    weekday: weekdays[weekday - 1] ?? "",
  };
}

const dayOf = (date: string) => Date.parse(date) / dayMs;

describe("localTimeAt", () => {
  it("agrees with Intl in any zone at any time", () => {
    fc.assert(
      fc.property(zones, instants, (zone, at) => {
        expect(shownBy(zone, at)).toEqual(wallClock(zone)(at));
      }),
      { numRuns: 2_000 },
    );
  }, 60_000);

  it("changes in the same millisecond as the clocks", () => {
    const faults = allClockChanges().flatMap(({ zone, at }) =>
      [at - 1, at].filter(
        (instant) =>
          JSON.stringify(shownBy(zone, instant)) !== JSON.stringify(wallClock(zone)(instant)),
      ),
    );
    expect(faults).toEqual([]);
    expect(allClockChanges().length).toBeGreaterThan(1_000);
  }, 60_000);

  it("accepts every name that Intl accepts", () => {
    const at = Date.UTC(2026, 6, 1, 12);
    const names = ["PST", "us/pacific", "AMERICA/LOS_ANGELES", "Etc/GMT+7", "IST", "utc"];
    expect(names.map((name) => shownBy(name, at).time)).toEqual([
      ...new Array<string>(4).fill("05:00"),
      "17:30",
      "12:00",
    ]);
  });

  it("uses UTC for an unknown zone", () => {
    const at = Date.UTC(2026, 6, 1, 12, 34);
    for (const name of ["Mars/Olympus", "", "+99:00", "__proto__"])
      expect(localTimeAt(name, at)).toEqual(localTimeAt("UTC", at));
  });

  it("stays correct with more names and years than its caches hold", () => {
    const summer = Date.UTC(2026, 6, 1);
    for (let variant = 0; variant < 2_000; variant++) {
      const name = [..."europe/berlin"]
        .map((letter, index) => ((variant >> index) & 1 ? letter.toUpperCase() : letter))
        .join("");
      expect(localTimeAt(name, summer).minute).toBe(120);
    }
    for (let year = 2000; year < 2100; year++)
      expect(localTimeAt("Europe/Berlin", Date.UTC(year, 0, 1)).minute).toBe(60);
    expect(localTimeAt("Europe/Berlin", summer).minute).toBe(120);
  });

  it("counts days and weekdays before 1970 too", () => {
    expect(localTimeAt("America/New_York", 0)).toEqual({ day: -1, minute: 1_140, weekday: 3 });
    expect(localTimeAt("UTC", -9 * dayMs)).toEqual({ day: -9, minute: 0, weekday: 2 });
  });
});

describe("clockSpanAt", () => {
  it("contains the instant and has one offset until its end", () => {
    fc.assert(
      fc.property(zones, instants, (zone, at) => {
        const { offset, end } = clockSpanAt(zone, at);
        expect(end).toBeGreaterThan(at);
        expect(clockSpanAt(zone, end - 1).offset).toBe(offset);
      }),
    );
  });

  it("throws on a number that is not an instant", () => {
    expect(() => clockSpanAt("UTC", Number.NaN)).toThrow(RangeError);
    expect(() => clockSpanAt("UTC", Number.POSITIVE_INFINITY)).toThrow(RangeError);
  });
});

describe("instantOf", () => {
  it("is the first instant at which the clock shows the local time", () => {
    fc.assert(
      fc.property(zones, instants, (zone, at) => {
        const { day, minute } = localTimeAt(zone, at);
        const found = instantOf(zone, day, minute);
        expect(found).toBeLessThanOrEqual(at);
        expect(wallClock(zone)(found)).toEqual(wallClock(zone)(at));
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

  it("takes the first of two equal local times around each clock change, and moves a skipped one forward", () => {
    const faults: string[] = [];
    const check = (zone: string, shown: WallTime, expected: number) => {
      const found = instantOf(zone, dayOf(shown.date), minuteOf(shown.time));
      if (found !== expected)
        faults.push(
          `${zone} ${shown.date} ${shown.time}: ${iso(found)} instead of ${iso(expected)}`,
        );
    };
    for (const { zone, at } of allClockChanges()) {
      const clock = wallClock(zone);
      const shift =
        offsetMinutes(clock(at), at) - offsetMinutes(clock(at - minuteMs), at - minuteMs);
      const repeated = Math.max(0, -shift);
      for (let step = -150; step < 150; step += 5) {
        const instant = at + step * minuteMs;
        const first = step >= 0 && step < repeated ? instant - repeated * minuteMs : instant;
        check(zone, clock(instant), first);
      }
      // A skipped local time counts as if the clocks had not changed.
      const last = clock(at - minuteMs);
      for (let skipped = 0; skipped < shift; skipped += 5) {
        const shown = iso(Date.parse(`${last.date}T${last.time}Z`) + (skipped + 1) * minuteMs);
        check(
          zone,
          { date: shown.slice(0, 10), time: shown.slice(11, 16), weekday: "" },
          at + skipped * minuteMs,
        );
      }
    }
    expect(faults).toEqual([]);
  }, 60_000);

  it("treats the end of a day as the start of the next", () => {
    fc.assert(
      fc.property(zones, fc.integer({ min: 11_000, max: 32_000 }), (zone, day) => {
        expect(instantOf(zone, day, 1_440)).toBe(instantOf(zone, day + 1, 0));
      }),
    );
  });

  it.each([
    ["America/New_York", "2026-03-08", "02:30", "2026-03-08T07:30:00.000Z"],
    ["America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30:00.000Z"],
    ["Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:45:00.000Z"],
    ["Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45:00.000Z"],
    ["Antarctica/Troll", "2026-03-29", "01:30", "2026-03-29T01:30:00.000Z"],
    ["Antarctica/Troll", "2026-10-25", "02:30", "2026-10-25T00:30:00.000Z"],
    ["Asia/Kathmandu", "2026-05-01", "08:00", "2026-05-01T02:15:00.000Z"],
    ["America/Nuuk", "2026-03-28", "23:30", "2026-03-29T01:30:00.000Z"],
    ["Pacific/Apia", "2011-12-30", "12:00", "2011-12-30T22:00:00.000Z"],
    ["Pacific/Apia", "2011-12-31", "12:00", "2011-12-30T22:00:00.000Z"],
  ])("%s, %s %s is %s", (zone, date, time, expected) => {
    expect(iso(instantOf(zone, dayOf(date), minuteOf(time)))).toBe(expected);
  });
});

it("parses a time of day", () => {
  for (let minute = 0; minute <= 1_440; minute++) expect(minuteOf(clockTime(minute))).toBe(minute);
});

describe("the local days between two instants", () => {
  const daysOf = (zone: string, from: string, until: string) =>
    listLocalDays(zone, Date.parse(from), Date.parse(until)).map(({ date, from, until }) => [
      date,
      new Date(from).toISOString(),
      (until - from) / 3_600_000,
    ]);

  it("have 23 and 25 hours where the clocks change", () => {
    expect(daysOf("Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-29T12:00:00Z")).toEqual([
      ["2027-03-27", "2027-03-26T23:00:00.000Z", 24],
      ["2027-03-28", "2027-03-27T23:00:00.000Z", 23],
      ["2027-03-29", "2027-03-28T22:00:00.000Z", 24],
    ]);
    expect(daysOf("America/New_York", "2027-11-07T05:00:00Z", "2027-11-07T06:00:00Z")).toEqual([
      ["2027-11-07", "2027-11-07T04:00:00.000Z", 25],
    ]);
  });

  it("do not include a day that begins when the time ends, or one that the zone skipped", () => {
    expect(daysOf("UTC", "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z")).toHaveLength(1);
    expect(
      daysOf("Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-31T12:00:00Z").map(([date]) => date),
    ).toEqual(["2011-12-29", "2011-12-31", "2012-01-01"]);
  });
});
