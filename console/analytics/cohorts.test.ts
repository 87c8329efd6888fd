import { expect, it } from "vitest";
import { countShownWeeks, inAllOf, poolOf, rowsOf } from "./cohorts.ts";

const week = (weeksSince: number, opened: number) => ({ weeksSince, opened, clicked: 0, acted: 0 });
const cohorts = [
  { week: "2027-03-01", handedOver: 100, weeks: [week(0, 40), week(1, 10), week(9, 1)] },
  { week: "2027-03-08", handedOver: 300, weeks: [week(0, 60), week(1, 3)] },
  { week: "2027-03-15", handedOver: 50, weeks: [week(0, 5)] },
  { week: "2027-03-22", handedOver: 0, weeks: [] },
];
/** A Wednesday in the third week. */
const now = Date.parse("2027-03-17T12:00:00Z");

it("has a share for each week that has begun, and says which is not over", () => {
  const rows = rowsOf(cohorts, "opened", 3, now);
  expect(rows.map((row) => row.week)).toEqual(["2027-03-15", "2027-03-08", "2027-03-01"]);
  const [newest, middle, oldest] = rows;
  expect(newest!.shares).toEqual([
    { value: 0.1, count: 5, denominator: 50, isOpen: true },
    null,
    null,
  ]);
  expect(middle!.shares.map((each) => each && [each.value, each.isOpen])).toEqual([
    [0.2, false],
    [0.01, true],
    null,
  ]);
  expect(oldest!.shares.map((each) => each!.value)).toEqual([0.4, 0.1, 0]);
  expect(oldest!.inAll.count).toBe(51);
});

it("counts for several cohorts only the weeks that are over", () => {
  expect(poolOf(rowsOf(cohorts, "opened", 4, now), 4)).toEqual([
    { value: 0.25, count: 100, denominator: 400, isOpen: false },
    { value: 0.1, count: 10, denominator: 100, isOpen: false },
    null,
    null,
  ]);
  expect(inAllOf(rowsOf(cohorts, "opened", 4, now))).toMatchObject({
    count: 51 + 63 + 5,
    denominator: 450,
  });
});

it("shows as many weeks as somebody engaged in, up to eight", () => {
  expect(countShownWeeks(cohorts, "opened")).toBe(8);
  expect(countShownWeeks(cohorts.slice(1), "opened")).toBe(2);
  expect(countShownWeeks(cohorts, "clicked")).toBe(1);
});
