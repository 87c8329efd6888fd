import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestHour, nextTimeOfHour } from "./best-hour.ts";
import { dayMs, hourMs, minuteMs } from "../time/durations.ts";
import { allClockChanges, allZones, iso, wallClock } from "../time/wall-clock.testing.ts";

const looks = (some: Record<number, number>) =>
  Array.from({ length: 24 }, (_, hour) => some[hour] ?? 0);
const counts = fc.array(fc.nat(50), { minLength: 24, maxLength: 24 });

describe("bestHour", () => {
  it("is the hour in which most messages are read, with its neighbours counting half", () => {
    expect(bestHour(looks({ 9: 10, 20: 9 }), 1)).toBe(9);
    // A habit of the evening, against one busy hour.
    expect(bestHour(looks({ 9: 10, 19: 8, 20: 8, 21: 7 }), 1)).toBe(20);
  });

  it("counts the hours around midnight as neighbours", () => {
    expect(bestHour(looks({ 23: 4, 0: 5, 1: 4, 12: 8 }), 1)).toBe(0);
    expect(bestHour(looks({ 22: 4, 23: 5, 0: 4, 12: 8 }), 1)).toBe(23);
  });

  it("is the earlier of two equal hours", () => {
    expect(bestHour(looks({ 8: 3, 17: 3 }), 1)).toBe(8);
    expect(bestHour(new Array<number>(24).fill(1), 1)).toBe(0);
  });

  it("is null for too few readings, or for other than 24 counts", () => {
    expect(bestHour(looks({ 9: 5, 10: 4 }), 10)).toBeNull();
    expect(bestHour(looks({ 9: 5, 10: 5 }), 10)).toBe(9);
    expect(bestHour([], 1)).toBeNull();
    expect(bestHour(new Array<number>(23).fill(5), 1)).toBeNull();
  });

  it("moves with the counts, and has a reading in it or next to it", () => {
    fc.assert(
      fc.property(counts, fc.nat(23), (engaged, turn) => {
        fc.pre(engaged.some((count) => count > 0));
        const best = bestHour(engaged, 1) ?? -1;
        const weight = (hours: number[], hour: number) =>
          [23, 0, 0, 1].reduce((sum, step) => sum + (hours[(hour + step) % 24] ?? 0), 0);
        expect(weight(engaged, best)).toBe(
          Math.max(...engaged.map((_, hour) => weight(engaged, hour))),
        );
        expect(weight(engaged, best)).toBeGreaterThan(0);
        const turned = [...engaged.slice(turn), ...engaged.slice(0, turn)];
        expect(weight(turned, bestHour(turned, 1) ?? -1)).toBe(weight(engaged, best));
      }),
    );
  });
});

describe("nextTimeOfHour", () => {
  /** Finds the time minute by minute, until the clock shows that hour. */
  function watchClock(zone: string, hour: number, now: number): number {
    const clock = wallClock(zone);
    const shows = (at: number) => Number(clock(at).time.slice(0, 2)) === hour;
    if (shows(now)) return now;
    let at = Math.floor(now / minuteMs) * minuteMs + minuteMs;
    while (!shows(at)) at += minuteMs;
    return at;
  }

  const momentsAroundChanges = fc
    .tuple(
      fc.constantFrom(...allClockChanges()),
      fc.oneof(
        fc.integer({ min: -3 * hourMs, max: 3 * hourMs }),
        fc.integer({ min: -2 * dayMs, max: 2 * dayMs }),
      ),
    )
    .map(([{ zone, at }, distance]) => ({ zone, now: at + distance }));
  const anyMoments = fc.record({
    zone: fc.constantFrom(...allZones),
    now: fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2031, 0, 1) }),
  });

  it.each([
    ["around changes of clocks", momentsAroundChanges],
    ["at any time", anyMoments],
  ])(
    "agrees with a clock that is watched minute by minute, %s",
    (_, moments) => {
      fc.assert(
        fc.property(moments, fc.nat(23), ({ zone, now }, hour) => {
          expect(iso(nextTimeOfHour(zone, hour, now))).toBe(iso(watchClock(zone, hour, now)));
        }),
        { numRuns: 500 },
      );
    },
    60_000,
  );

  it.each([
    [
      "is now within that hour",
      "Europe/Berlin",
      14,
      "2026-07-01T12:34:56.789Z",
      "2026-07-01T12:34:56.789Z",
    ],
    [
      "is today before that hour",
      "Europe/Berlin",
      14,
      "2026-07-01T11:59:59.999Z",
      "2026-07-01T12:00:00.000Z",
    ],
    [
      "is tomorrow after that hour",
      "Europe/Berlin",
      14,
      "2026-07-01T13:00:00.000Z",
      "2026-07-02T12:00:00.000Z",
    ],
    [
      "is the next day if the hour is skipped",
      "America/New_York",
      2,
      "2026-03-08T06:30:00.000Z",
      "2026-03-09T06:00:00.000Z",
    ],
    [
      "is the rest of an hour of which half is skipped",
      "Australia/Lord_Howe",
      2,
      "2026-10-03T15:20:00.000Z",
      "2026-10-03T15:30:00.000Z",
    ],
    [
      "is now in the second pass of that hour",
      "America/New_York",
      1,
      "2026-11-01T06:10:00.000Z",
      "2026-11-01T06:10:00.000Z",
    ],
  ])("%s", (_, zone, hour, now, expected) => {
    expect(iso(nextTimeOfHour(zone, hour, Date.parse(now)))).toBe(expected);
  });
});
