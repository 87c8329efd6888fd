import fc from "fast-check";
import { expect, it } from "vitest";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { chooseLevels } from "./levels.ts";

const quarterMs = hourMs / 4;
const now = 100 * dayMs;

it("covers every quarter hour once, by cells that lie within one interval", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 70 * 96, max: 80 * 96 }), { minLength: 2, maxLength: 9 }),
      (quarters) => {
        const boundaries = quarters.toSorted((a, b) => a - b).map((each) => each * quarterMs);
        const [first, last] = [boundaries[0]!, boundaries.at(-1)!];
        const { splitDays, splitHours } = chooseLevels(boundaries, {
          isOfReportDays: false,
          zone: "UTC",
          now,
        });
        const intervalOf = (at: number) => boundaries.findLastIndex((begin) => begin <= at);
        for (let at = 69 * dayMs; at < 81 * dayMs; at += quarterMs) {
          const day = Math.floor(at / dayMs) * dayMs;
          const hour = Math.floor(at / hourMs) * hourMs;
          const cell = !splitDays.includes(day) ? day : splitHours.includes(hour) ? at : hour;
          const isRead = cell >= first && cell < last;
          expect(isRead).toBe(at >= first && at < last);
          if (isRead) expect(intervalOf(cell)).toBe(intervalOf(at));
        }
      },
    ),
    { numRuns: 50 },
  );
});

it("reads days of the report zone as they are, and no cells that are too old", () => {
  const options = { isOfReportDays: true, zone: "Europe/Berlin", now };
  expect(chooseLevels([hourMs, 25 * hourMs], options)).toEqual({
    dayZone: "Europe/Berlin",
    splitDays: [],
    splitHours: [],
  });
  const old = chooseLevels([quarterMs, 99 * dayMs + quarterMs], {
    ...options,
    isOfReportDays: false,
  });
  expect(old).toMatchObject({ splitDays: [0, 99 * dayMs], splitHours: [99 * dayMs] });
});
