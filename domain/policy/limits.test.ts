import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hourMs, minuteMs } from "../time/durations.ts";
import {
  arrangeLimits,
  countGrants,
  findRoomAt,
  type Limit,
  listLimitWindows,
  noGrants,
} from "./limits.ts";

const perMinute = { perMinute: 10, perHour: 100, perDay: 500 };
const burst = { messages: 5, seconds: 10 };

const someLimit = fc.record({
  reason: fc.constant("organisation_limit" as const),
  limit: fc.integer({ min: 1, max: 5 }),
  windowMs: fc.constantFrom(1_000, 7_000, minuteMs, hourMs),
  type: fc.constantFrom(null, 1),
});

describe("listLimitWindows", () => {
  it("adds the window of a burst limit to the others", () => {
    const windows = (limits: Parameters<typeof listLimitWindows>[0]) =>
      listLimitWindows(limits, "type_limit", 3).map(({ limit, windowMs }) => [limit, windowMs]);
    expect(windows({ burst })).toEqual([[5, 10_000]]);
    expect(windows({ ...perMinute, burst })).toEqual([[5, 10_000], ...windows(perMinute)]);
    expect(windows({ burst: null })).toEqual([]);
  });
});

describe("findRoomAt", () => {
  it("is the first instant at which the window holds fewer grants than the limit", () => {
    fc.assert(
      fc.property(someLimit, fc.array(fc.nat(20_000), { maxLength: 12 }), (limit: Limit, ats) => {
        const granted = ats.toSorted((a, b) => a - b);
        const log = { granted, types: granted.map((_, index) => index % 2) };
        const now = granted.at(-1) ?? 0;
        const roomAt = Math.max(findRoomAt(limit, log, 0), now);
        expect(countGrants(limit, log, roomAt)).toBeLessThan(limit.limit);
        if (roomAt > now)
          expect(countGrants(limit, log, roomAt - 1)).toBeGreaterThanOrEqual(limit.limit);
      }),
    );
  });

  it("is 0 for an empty log", () => {
    const [limit] = listLimitWindows({ burst }, "organisation_limit");
    expect(findRoomAt(limit!, noGrants, 0)).toBe(0);
  });
});

describe("arrangeLimits", () => {
  const arrange = (organisation: object, type: object = {}) =>
    arrangeLimits(
      [
        ...listLimitWindows(type, "type_limit", 1),
        ...listLimitWindows(organisation, "organisation_limit"),
      ],
      0,
    );

  it("keeps burst limits of the organisation and of the type apart", () => {
    expect(arrange({ ...perMinute, burst }, { burst: { messages: 2, seconds: 30 } })).toEqual({
      perMinute: 10,
      perHour: 100,
      perDay: 500,
      gapMs: null,
      typePerMinute: null,
      typePerHour: null,
      typePerDay: null,
      burst: { limit: 5, windowMs: 10_000 },
      typeBurst: { limit: 2, windowMs: 30_000 },
    });
  });

  it("has no burst limit where none is set", () => {
    expect(arrange(perMinute)).toMatchObject({ burst: null, typeBurst: null });
  });

  it("joins a burst limit with the limit of the same window, of which the lower one counts", () => {
    expect(arrange({ perMinute: 10, burst: { messages: 4, seconds: 60 } })).toMatchObject({
      perMinute: 4,
      burst: null,
    });
    expect(arrange({}, { perHour: 3, burst: { messages: 4, seconds: 3_600 } })).toMatchObject({
      typePerHour: 3,
      typeBurst: null,
    });
  });
});
