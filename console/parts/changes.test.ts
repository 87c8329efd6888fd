import { expect, it } from "vitest";
import { listChanges } from "./changes.ts";

it("lists what differs, value by value", () => {
  expect(
    listChanges(
      { data: { discount: "20%", order: 1 }, tags: ["a"], throttle: null },
      { data: { discount: "25%", order: 1, more: true }, tags: ["a", "b"], throttle: { burst: 5 } },
    ),
  ).toEqual([
    { path: "data.discount", from: "20%", to: "25%" },
    { path: "data.more", from: undefined, to: true },
    { path: "tags", from: ["a"], to: ["a", "b"] },
    { path: "throttle", from: null, to: { burst: 5 } },
  ]);
  expect(listChanges({ a: { b: 1 } }, { a: { b: 1 } })).toEqual([]);
  expect(listChanges(undefined, { status: "draft" })).toEqual([
    { path: "status", from: undefined, to: "draft" },
  ]);
});
