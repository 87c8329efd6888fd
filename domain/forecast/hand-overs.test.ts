import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hourMs } from "../time/durations.ts";
import { type ChannelLoad, forecastHandOvers, forecastMs, scaleCounts } from "./hand-overs.ts";
import type { HandOverLimit } from "./limit-meter.ts";

const noon = Date.parse("2027-03-01T12:00:00Z");
const none: HandOverLimit = {
  permitsPerSecond: null,
  hourlyQuota: null,
  usedThisHour: 0,
  dailyQuota: null,
  usedToday: 0,
  shutUntil: null,
};
const load = (given: Partial<ChannelLoad>): ChannelLoad => ({
  arrivals: [{ at: noon, count: 1_000 }],
  ahead: 0,
  gate: null,
  providers: [],
  ...given,
});
const forecast = (given: Partial<ChannelLoad>, throttle: number | null = null) =>
  forecastHandOvers({ from: noon, throttle, channels: [load(given)] });
const minutes = (count: number) => noon + count * 60_000;

describe("the hand-overs of a campaign", () => {
  it("are all at once where nothing limits them", () => {
    expect(forecast({})).toEqual({
      first: noon,
      last: noon,
      hours: [{ at: noon, count: 1_000 }],
      beyond: 0,
    });
  });

  it("take as long as the throttle says, over the hours", () => {
    expect(forecast({}, 0.2)).toEqual({
      first: noon,
      last: minutes(1_000 / 12),
      hours: [
        { at: noon, count: 720 },
        { at: minutes(60), count: 280 },
      ],
      beyond: 0,
    });
  });

  it("begin when messages that wait become ready", () => {
    const arrivals = [
      { at: minutes(90), count: 10 },
      { at: noon, count: 5 },
    ];
    expect(forecast({ arrivals })).toMatchObject({
      first: noon,
      last: minutes(90),
      hours: [
        { at: noon, count: 5 },
        { at: minutes(60), count: 10 },
      ],
    });
  });

  it("come after what already waits, which uses the channel but not the throttle", () => {
    const gate = { ...none, permitsPerSecond: 1 };
    expect(forecast({ gate, ahead: 1_800 })).toMatchObject({
      first: minutes(30),
      last: minutes(30 + 1_000 / 60),
    });
  });

  it("wait for quotas, of which a part is used, and go on to the next provider", () => {
    const first = { ...none, hourlyQuota: 400, usedThisHour: 300 };
    const second = { ...none, dailyQuota: 500, usedToday: 200 };
    expect(forecast({ providers: [first, second] }).hours).toEqual([
      { at: noon, count: 400 },
      { at: minutes(60), count: 400 },
      { at: minutes(120), count: 200 },
    ]);
  });

  it("wait until a gate that is shut opens", () => {
    const gate = { ...none, shutUntil: minutes(45) };
    expect(forecast({ gate })).toMatchObject({ first: minutes(45), last: minutes(45) });
  });

  it("are looked at from the first message on, however late it is", () => {
    const years = noon + 60 * 365 * 24 * hourMs;
    const gate = { ...none, permitsPerSecond: 1, dailyQuota: 600, usedToday: 600 };
    expect(forecast({ arrivals: [{ at: years, count: 900 }], ahead: 5, gate })).toMatchObject({
      first: years,
      beyond: 0,
      hours: [{ count: 600 }, { count: 300 }],
    });
  });

  it("may not end within the time that is looked at", () => {
    const { hours, beyond, last } = forecast({ gate: { ...none, dailyQuota: 10 } });
    expect(hours.reduce((sum, { count }) => sum + count, 0) + beyond).toBe(1_000);
    expect(beyond).toBeGreaterThan(600);
    expect(last).toBeLessThan(noon + forecastMs);
  });
});

const someLimit: fc.Arbitrary<HandOverLimit> = fc.record({
  permitsPerSecond: fc.option(fc.double({ min: 0.001, max: 5, noNaN: true })),
  hourlyQuota: fc.option(fc.integer({ min: 1, max: 500 })),
  usedThisHour: fc.integer({ min: 0, max: 600 }),
  dailyQuota: fc.option(fc.integer({ min: 1, max: 2_000 })),
  usedToday: fc.integer({ min: 0, max: 2_500 }),
  shutUntil: fc.option(fc.integer({ min: noon - hourMs, max: noon + 5 * hourMs })),
});
const someLoad: fc.Arbitrary<ChannelLoad> = fc.record({
  arrivals: fc.array(
    fc.record({
      at: fc.integer({ min: noon - hourMs, max: noon + 40 * hourMs }),
      count: fc.integer({ min: 0, max: 3_000 }),
    }),
    { maxLength: 6 },
  ),
  ahead: fc.integer({ min: 0, max: 1_000 }),
  gate: fc.option(someLimit),
  providers: fc.array(fc.option(someLimit), { maxLength: 3 }),
});

it("hands over each message once, and in no hour or day more than the throttle and the quotas allow", () => {
  fc.assert(
    fc.property(
      fc.array(someLoad, { minLength: 1, maxLength: 2 }),
      fc.option(fc.double({ min: 0.01, max: 2, noNaN: true })),
      fc.integer({ min: 0, max: 2 * hourMs }),
      (channels, throttle, offset) => {
        const from = noon + offset;
        const found = forecastHandOvers({ from, throttle, channels });
        const owed = channels.flatMap(({ arrivals }) => arrivals);
        const sum = (of: readonly { count: number }[]) =>
          of.reduce((all, one) => all + one.count, 0);
        expect(sum(found.hours) + found.beyond).toBe(sum(owed));
        const [only] = channels;
        for (const { at, count } of found.hours) {
          if (throttle !== null) expect(count).toBeLessThanOrEqual(Math.ceil(throttle * 3_600));
          if (channels.length > 1) continue;
          for (const limit of [
            only!.gate,
            only!.providers.length === 1 ? only!.providers[0]! : null,
          ]) {
            if (!limit) continue;
            const { permitsPerSecond, hourlyQuota, usedThisHour } = limit;
            const isNow = Math.floor(at / hourMs) === Math.floor(from / hourMs);
            if (permitsPerSecond !== null)
              expect(count).toBeLessThanOrEqual(Math.ceil(permitsPerSecond * 3_600));
            if (hourlyQuota !== null)
              expect(count).toBeLessThanOrEqual(
                isNow ? Math.max(0, hourlyQuota - usedThisHour) : hourlyQuota,
              );
          }
        }
        if (channels.length === 1 && only!.gate?.dailyQuota != null) {
          const dayOf = (at: number) => Math.floor(at / (24 * hourMs));
          for (const day of new Set(found.hours.map(({ at }) => dayOf(at))))
            expect(sum(found.hours.filter(({ at }) => dayOf(at) === day))).toBeLessThanOrEqual(
              only!.gate.dailyQuota,
            );
        }
        if (found.first !== null) {
          expect(found.first).toBeGreaterThanOrEqual(from);
          expect(found.last!).toBeGreaterThanOrEqual(found.first);
          expect(found.first).toBeGreaterThanOrEqual(
            Math.min(...owed.filter(({ count }) => count > 0).map(({ at }) => at)),
          );
        }
      },
    ),
  );
});

it("scales counts to a sum", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1 }),
      fc.integer({ min: 0, max: 1_000_000 }),
      (counts, to) => {
        fc.pre(counts.some((count) => count > 0));
        const scaled = scaleCounts(counts, to);
        expect(scaled.reduce((sum, count) => sum + count, 0)).toBe(to);
        for (const [index, count] of scaled.entries()) {
          expect(count).toBeGreaterThanOrEqual(0);
          if (counts[index] === 0) expect(count).toBe(0);
        }
      },
    ),
  );
});
