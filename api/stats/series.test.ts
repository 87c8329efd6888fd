import fc from "fast-check";
import { expect, it } from "vitest";
import { maxSeries, seriesOf } from "./series.ts";

const row = fc.record({
  bucket: fc.integer({ min: 0, max: 9 }),
  key: fc.tuple(fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 99 }).map(String))),
  count: fc.integer({ min: 1, max: 1_000 }),
});

it("keeps every sum, however many series there are", () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 300 }), (rows) => {
      const { total, shown, rest } = seriesOf(rows, 10);
      expect(total).toBe(rows.reduce((sum, { count }) => sum + count, 0));
      expect(shown.length).toBeLessThanOrEqual(maxSeries);
      const all = [...shown, rest];
      expect(all.reduce((sum, series) => sum + series.total, 0)).toBe(total);
      for (const { total: own, counts } of all)
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(own);
      for (let bucket = 0; bucket < 10; bucket++)
        expect(all.reduce((sum, { counts }) => sum + counts[bucket]!, 0)).toBe(
          rows.filter((each) => each.bucket === bucket).reduce((sum, { count }) => sum + count, 0),
        );
    }),
  );
});

it("shows the largest series first, and adds up those that are too many", () => {
  const rows = Array.from({ length: maxSeries + 2 }, (_, n) => ({
    bucket: 0,
    key: [String(n)],
    count: n + 1,
  }));
  const { shown, rest } = seriesOf(rows, 1);
  expect(shown[0]).toEqual({
    key: [String(maxSeries + 1)],
    total: maxSeries + 2,
    counts: [maxSeries + 2],
  });
  expect(rest).toEqual({ total: 3, counts: [3] });
});
