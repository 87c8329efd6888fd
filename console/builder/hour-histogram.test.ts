import { expect, it } from "vitest";
import { barsOf } from "./hour-histogram.tsx";

const hour = (count: number) => new Date(Date.parse("2027-03-01T12:00:00Z") + count * 3_600_000);
const at = (hours: number, count: number) => ({ at: hour(hours).toISOString(), count });

it("shows each hour, with those between that have none", () => {
  const { width, bars } = barsOf([at(0, 5), at(2, 3)]);
  expect(width).toBe(1);
  expect(bars.map(({ count }) => count)).toEqual([5, 0, 3]);
});

it("puts hours together where there are many, and loses none", () => {
  const { width, bars } = barsOf(Array.from({ length: 300 }, (_, index) => at(index, index)));
  expect(width).toBe(5);
  expect(bars).toHaveLength(60);
  expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe((299 * 300) / 2);
  expect(barsOf([]).bars).toEqual([]);
});
