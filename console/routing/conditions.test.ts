import { describe, expect, it } from "vitest";
import { filterOf, rowsOf } from "./conditions.ts";
import type { Filter } from "./draft.ts";
import { moveTo } from "./order.ts";

describe("conditions as rows", () => {
  it.each<Filter | null>([
    null,
    { field: "priority", in: ["critical", "high"] },
    {
      all: [
        { field: "hour", atLeast: 22 },
        { attribute: ["work", "onCall"], equals: true },
        { attribute: "level", in: [1, "2", "three"] },
        { data: "order", exists: false },
      ],
    },
    {
      any: [
        { field: "email", endsWith: "@example.org" },
        { field: "weekday", equals: "sunday" },
      ],
    },
  ])("come back as they were: %j", (filter) => {
    expect(filterOf(rowsOf(filter)!)).toEqual(filter);
  });

  it.each<Filter>([
    { not: { field: "priority", equals: "low" } },
    { all: [{ any: [{ field: "hour", equals: 1 }] }] },
    { attribute: "a.b", equals: 1 },
    { field: "new", equals: 1 },
  ])("cannot show %j", (filter) => {
    expect(rowsOf(filter)).toBeNull();
  });
});

it("moves one key among the others", () => {
  const keys = ["a", "b", "c"];
  expect(moveTo(keys, "a", 2)).toEqual(["b", "c", "a"]);
  expect(moveTo(keys, "c", 0)).toEqual(["c", "a", "b"]);
  for (const place of [1, -1, 3]) expect(moveTo(keys, "b", place)).toBeNull();
});
