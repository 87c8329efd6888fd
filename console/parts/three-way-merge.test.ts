import { isDeepStrictEqual } from "node:util";
import { expect, it } from "vitest";
import { findDifferences, mergeFields } from "./three-way-merge.ts";

const base = { name: "Sale", data: { discount: 10 }, type: null, throttle: 5 };
const mine = { ...base, name: "Summer sale", data: { discount: 20 }, throttle: 9 };
const theirs = { ...base, name: "Winter sale", type: "news", throttle: 9 };

it("tells apart who changed what, and leaves out what both changed alike", () => {
  const found = findDifferences(base, mine, theirs, isDeepStrictEqual);
  expect(found.map(({ field, by }) => [field, by])).toEqual([
    ["name", "both"],
    ["data", "mine"],
    ["type", "theirs"],
  ]);
  expect(mergeFields(mine, found, {})).toBeUndefined();
  expect(mergeFields(mine, found, { name: "theirs" })).toEqual({
    name: "Winter sale",
    data: { discount: 20 },
    type: "news",
    throttle: 9,
  });
  expect(mergeFields(mine, found, { name: "mine", type: "mine" })).toEqual(mine);
});
