import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dayMs, minuteMs } from "../time/durations.ts";
import { type QuietPeriod, type Weekday, type WeekdayPeriod } from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";
import { listQuietSpans, quietUntil } from "./quiet-hours.ts";
import {
  allClockChanges,
  allZones,
  clockTime,
  iso,
  wallClock,
  type WallTime,
} from "../time/wall-clock.testing.ts";

interface QuietTimes {
  quietHours: QuietPeriod[];
  quietHoursEnabled: boolean;
  doNotDisturb: WeekdayPeriod[];
  doNotDisturbEnabled: boolean;
}

/** Quiet times without periods, which are switched on. */
const noPeriods: QuietTimes = {
  quietHours: [],
  quietHoursEnabled: true,
  doNotDisturb: [],
  doNotDisturbEnabled: true,
};

const dayBefore = (weekday: string) =>
  weekdays[(weekdays.findIndex((name) => name === weekday) + 6) % 7];

/** Whether a time on the wall clock lies in a period, by the definition of the preferences. */
const inQuietHours = ({ quietHours, quietHoursEnabled }: QuietTimes, { time }: WallTime) =>
  quietHoursEnabled &&
  quietHours.some(({ start, end }) =>
    start < end ? time >= start && time < end : time >= start || time < end,
  );
const inDoNotDisturb = (
  { doNotDisturb, doNotDisturbEnabled }: QuietTimes,
  { time, weekday }: WallTime,
) =>
  doNotDisturbEnabled &&
  doNotDisturb.some((period) => {
    const overnight = period.end < period.start;
    if (period.weekday === weekday && time >= period.start && (overnight || time < period.end))
      return true;
    return overnight && period.weekday === dayBefore(weekday) && time < period.end;
  });

/** The expected result of `quietUntil`, found minute by minute on a wall clock. */
function findExpected(times: QuietTimes, zone: string, now: number) {
  const clock = wallClock(zone);
  const quiet = inQuietHours(times, clock(now));
  if (!quiet && !inDoNotDisturb(times, clock(now))) return null;
  let until = Math.floor(now / minuteMs) * minuteMs + minuteMs;
  while (until < now + 8 * dayMs) {
    const shown = clock(until);
    if (!inQuietHours(times, shown) && !inDoNotDisturb(times, shown)) break;
    until += minuteMs;
  }
  return {
    until: Math.min(until, now + 8 * dayMs),
    reason: quiet ? "quiet_hours" : "do_not_disturb",
  };
}

const changes = allClockChanges();

/** Minutes of the day: mostly full hours and quarters, so that periods often meet. */
const minutes = fc.oneof(
  fc.integer({ min: 0, max: 23 }).map((hour) => hour * 60),
  fc.integer({ min: 0, max: 95 }).map((quarter) => quarter * 15),
  fc.integer({ min: 0, max: 1_439 }),
);
const period = fc
  .record({ start: minutes, end: fc.oneof(minutes, fc.constant(1_440)) })
  .filter(({ start, end }) => start !== end)
  .map(({ start, end }) => ({ start: clockTime(start), end: clockTime(end) }));
const mostlyOn = fc.integer({ min: 0, max: 4 }).map((number) => number > 0);
const quietTimes: fc.Arbitrary<QuietTimes> = fc.record({
  quietHours: fc.array(period, { maxLength: 4 }),
  doNotDisturb: fc.array(
    fc
      .tuple(fc.constantFrom(...weekdays), period)
      .map(([weekday, times]) => ({ weekday, ...times })),
    { maxLength: 12 },
  ),
  quietHoursEnabled: mostlyOn,
  doNotDisturbEnabled: mostlyOn,
});
/** Instants within two days of a change of clocks in any zone. */
const momentsAroundChanges = fc
  .tuple(
    fc.constantFrom(...changes),
    fc.oneof(
      fc.integer({ min: -180 * minuteMs, max: 180 * minuteMs }),
      fc.integer({ min: -2 * dayMs, max: 2 * dayMs }),
    ),
  )
  .map(([{ zone, at }, distance]) => ({ zone, now: at + distance }));
const anyMoments = fc.record({
  zone: fc.constantFrom(...allZones),
  now: fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2031, 0, 1) }),
});

describe("quietUntil", () => {
  it("finds the first minute that is not quiet, around every change of clocks in every zone", () => {
    const faults: string[] = [];
    for (const [index, { zone, at }] of changes.entries()) {
      const clock = wallClock(zone);
      const shownNearby = Array.from({ length: 241 }, (_, minute) =>
        clock(at + (minute - 120) * minuteMs),
      );
      const nearby = (minute: number) => shownNearby[minute + 120] as WallTime;
      // Periods around the change, up to it, from it on, and over midnight. Each change of a zone is tested with another one.
      const periods: Partial<QuietTimes>[] = [
        { quietHours: [{ start: nearby(-45).time, end: nearby(20).time }] },
        { quietHours: [{ start: nearby(-61).time, end: nearby(-1).time }] },
        { quietHours: [{ start: nearby(0).time, end: nearby(75).time }] },
        {
          doNotDisturb: [
            {
              weekday: nearby(-30).weekday as Weekday,
              start: nearby(-30).time,
              end: nearby(45).time,
            },
          ],
        },
      ];
      const times = { ...noPeriods, ...periods[Math.floor(index / 2) % 4] };
      let next: number | null = null;
      for (let minute = 120; minute >= -120; minute--) {
        const now = at + minute * minuteMs;
        const shown = nearby(minute);
        const until = quietUntil(times, zone, now)?.until ?? null;
        if (!inQuietHours(times, shown) && !inDoNotDisturb(times, shown)) {
          next = now;
          if (until !== null) faults.push(`${zone} ${iso(now)}: held for no reason`);
        } else if (next !== null && until !== next)
          faults.push(`${zone} ${iso(now)}: until ${until}, not ${next}`);
      }
    }
    expect(faults).toEqual([]);
  }, 60_000);

  it.each([
    ["about changes of clocks", momentsAroundChanges],
    ["at any time", anyMoments],
  ])(
    "agrees with a clock that is watched minute by minute, %s",
    (_, moments) => {
      fc.assert(
        fc.property(quietTimes, moments, (times, { zone, now }) => {
          expect(quietUntil(times, zone, now)).toEqual(findExpected(times, zone, now));
        }),
        { numRuns: 300 },
      );
    },
    60_000,
  );

  const utc = (text: string) => Date.parse(`2026-${text}Z`);
  const night: QuietTimes = { ...noPeriods, quietHours: [{ start: "22:00", end: "07:00" }] };

  it("includes the start of a period, and excludes its end", () => {
    expect(quietUntil(night, "UTC", utc("07-01T21:59:59.999"))).toBeNull();
    expect(quietUntil(night, "UTC", utc("07-01T22:00"))).toEqual({
      until: utc("07-02T07:00"),
      reason: "quiet_hours",
    });
    expect(quietUntil(night, "UTC", utc("07-02T06:59:59.999"))?.until).toBe(utc("07-02T07:00"));
    expect(quietUntil(night, "UTC", utc("07-02T07:00"))).toBeNull();
  });

  it("joins periods of both kinds that adjoin or overlap, for the reason of the current one", () => {
    const times: QuietTimes = {
      ...noPeriods,
      quietHours: [
        { start: "20:00", end: "24:00" },
        { start: "06:00", end: "06:30" },
      ],
      doNotDisturb: [
        { weekday: "thursday", start: "00:00", end: "05:00" },
        { weekday: "thursday", start: "04:00", end: "06:00" },
        { weekday: "wednesday", start: "19:00", end: "20:00" },
      ],
    };
    // 1 July 2026 is a Wednesday.
    expect(quietUntil(times, "UTC", utc("07-01T21:00"))).toEqual({
      until: utc("07-02T06:30"),
      reason: "quiet_hours",
    });
    expect(quietUntil(times, "UTC", utc("07-01T19:30"))).toEqual({
      until: utc("07-02T06:30"),
      reason: "do_not_disturb",
    });
    expect(quietUntil(times, "UTC", utc("07-02T21:00"))?.until).toBe(utc("07-03T00:00"));
  });

  it("ends an overnight period of a weekday on the next day, also from Sunday to Monday", () => {
    const times: QuietTimes = {
      ...noPeriods,
      doNotDisturb: [{ weekday: "sunday", start: "22:00", end: "08:00" }],
    };
    expect(quietUntil(times, "UTC", utc("07-05T23:00"))?.until).toBe(utc("07-06T08:00"));
    expect(quietUntil(times, "UTC", utc("07-06T07:59"))?.until).toBe(utc("07-06T08:00"));
    expect(quietUntil(times, "UTC", utc("07-05T07:00"))).toBeNull();
    expect(quietUntil(times, "UTC", utc("07-06T23:00"))).toBeNull();
  });

  it("ends after 8 days if the periods have no end", () => {
    const now = utc("07-01T12:34:56.789");
    const always: QuietTimes = {
      ...noPeriods,
      quietHours: [{ start: "00:00", end: "24:00" }],
    };
    const eachDay: QuietTimes = {
      ...noPeriods,
      doNotDisturb: weekdays.map((weekday) => ({ weekday, start: "09:00", end: "08:59" })),
    };
    expect(quietUntil(always, "Europe/Berlin", now)).toEqual({
      until: now + 8 * dayMs,
      reason: "quiet_hours",
    });
    expect(quietUntil(eachDay, "UTC", now)?.until).toBe(utc("07-02T08:59"));
  });

  it("is quiet in both occurrences of an hour, and not in one that is skipped", () => {
    const oneToTwo: QuietTimes = {
      ...noPeriods,
      quietHours: [{ start: "01:00", end: "02:00" }],
    };
    // In New York, 01:00 to 02:00 passes twice from 05:00Z on.
    expect(quietUntil(oneToTwo, "America/New_York", utc("11-01T05:30"))?.until).toBe(
      utc("11-01T07:00"),
    );
    expect(quietUntil(oneToTwo, "America/New_York", utc("11-01T06:30"))?.until).toBe(
      utc("11-01T07:00"),
    );
    const twoToThree: QuietTimes = {
      ...noPeriods,
      quietHours: [{ start: "02:00", end: "03:00" }],
    };
    expect(quietUntil(twoToThree, "America/New_York", utc("03-08T06:59"))).toBeNull();
    expect(quietUntil(twoToThree, "America/New_York", utc("03-08T07:00"))).toBeNull();
    // A period that ends within the skipped hour ends when that hour is skipped.
    const toHalfPast: QuietTimes = {
      ...noPeriods,
      quietHours: [{ start: "01:00", end: "02:30" }],
    };
    expect(quietUntil(toHalfPast, "America/New_York", utc("03-08T06:10"))?.until).toBe(
      utc("03-08T07:00"),
    );
  });

  it("is null without periods", () => {
    expect(quietUntil(noPeriods, "UTC", utc("07-01T03:00"))).toBeNull();
  });

  it("ignores the periods of a kind that is switched off", () => {
    const times: QuietTimes = {
      ...noPeriods,
      quietHours: [{ start: "00:00", end: "06:00" }],
      // 1 July 2026 is a Wednesday.
      doNotDisturb: [{ weekday: "wednesday", start: "02:00", end: "08:00" }],
    };
    const at = utc("07-01T03:00");
    expect(quietUntil({ ...times, quietHoursEnabled: false }, "UTC", at)).toEqual({
      until: utc("07-01T08:00"),
      reason: "do_not_disturb",
    });
    expect(quietUntil({ ...times, doNotDisturbEnabled: false }, "UTC", at)).toEqual({
      until: utc("07-01T06:00"),
      reason: "quiet_hours",
    });
    const off = { ...times, quietHoursEnabled: false, doNotDisturbEnabled: false };
    expect(quietUntil(off, "UTC", at)).toBeNull();
  });
});

describe("the quiet spans between two instants", () => {
  const spansOf = (times: Partial<QuietTimes>, zone: string, from: string, until: string) =>
    listQuietSpans({ ...noPeriods, ...times }, zone, Date.parse(from), Date.parse(until)).map(
      (span) => [iso(span.from), iso(span.until), span.reason],
    );
  const nights = { quietHours: [{ start: "22:00", end: "07:00" }] };

  it("is cut at both ends, and has one span for a night over midnight", () => {
    expect(
      spansOf(nights, "Europe/Berlin", "2027-03-01T00:00:00Z", "2027-03-02T00:00:00Z"),
    ).toEqual([
      ["2027-03-01T00:00:00.000Z", "2027-03-01T06:00:00.000Z", "quiet_hours"],
      ["2027-03-01T21:00:00.000Z", "2027-03-02T00:00:00.000Z", "quiet_hours"],
    ]);
  });

  it("has a night of 8 hours in spring and of 10 hours in autumn", () => {
    expect(
      spansOf(nights, "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z"),
    ).toEqual([["2027-03-27T21:00:00.000Z", "2027-03-28T05:00:00.000Z", "quiet_hours"]]);
    expect(
      spansOf(nights, "America/New_York", "2027-11-06T12:00:00Z", "2027-11-07T14:00:00Z"),
    ).toEqual([["2027-11-07T02:00:00.000Z", "2027-11-07T12:00:00.000Z", "quiet_hours"]]);
  });

  it("has both passes of a repeated hour, and none of a kind that is switched off", () => {
    const early = { quietHours: [{ start: "01:00", end: "01:30" }] };
    const night = ["2027-11-07T04:00:00Z", "2027-11-07T08:00:00Z"] as const;
    expect(spansOf(early, "America/New_York", ...night)).toEqual([
      ["2027-11-07T05:00:00.000Z", "2027-11-07T05:30:00.000Z", "quiet_hours"],
      ["2027-11-07T06:00:00.000Z", "2027-11-07T06:30:00.000Z", "quiet_hours"],
    ]);
    const off = { ...early, quietHoursEnabled: false };
    expect(spansOf(off, "America/New_York", ...night)).toEqual([]);
  });

  it("agrees with the decision at every instant, in every zone and around every change of clocks", () => {
    fc.assert(
      fc.property(quietTimes, momentsAroundChanges, (times, { zone, now }) => {
        const reasons = listQuietSpans(times, zone, now - 4 * dayMs, now + 4 * dayMs)
          .filter((span) => span.from <= now && now < span.until)
          .map(({ reason }) => reason);
        const reason = reasons.includes("quiet_hours") ? "quiet_hours" : (reasons[0] ?? null);
        expect(reason).toBe(quietUntil(times, zone, now)?.reason ?? null);
      }),
    );
  });
});

describe("a pause", () => {
  const nights = { ...noPeriods, quietHours: [{ start: "22:00", end: "07:00" }] };
  const at = (text: string) => Date.parse(text);

  it("holds messages until it ends, or until the period ends in which it ends", () => {
    const now = at("2027-03-01T12:00:00Z");
    const paused = (pausedUntil: string) => {
      const quiet = quietUntil({ ...nights, pausedUntil }, "UTC", now);
      return quiet && { ...quiet, until: new Date(quiet.until).toISOString() };
    };
    expect(paused("2027-03-01T13:00:00Z")).toEqual({
      until: "2027-03-01T13:00:00.000Z",
      reason: "do_not_disturb",
    });
    expect(paused("2027-03-20T23:00:00Z")?.until).toBe("2027-03-21T07:00:00.000Z");
    expect(paused("2027-03-01T12:00:00Z")).toBeNull();
  });

  it("is one of the spans of quiet", () => {
    const [from, until] = [at("2027-03-01T12:00:00Z"), at("2027-03-02T00:00:00Z")];
    const pausedUntil = "2027-03-01T13:00:00Z";
    expect(listQuietSpans({ ...nights, pausedUntil }, "UTC", from, until)).toEqual([
      { from, until: at(pausedUntil), reason: "do_not_disturb" },
      { from: at("2027-03-01T22:00:00Z"), until, reason: "quiet_hours" },
    ]);
  });
});
