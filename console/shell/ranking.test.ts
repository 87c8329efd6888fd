import { expect, it } from "vitest";
import { rank } from "./ranking.ts";

const named = (...names: string[]) => names.map((name) => ({ name }));
const ranked = (typed: string, ...names: string[]) =>
  rank(named(...names), typed).map(({ name }) => name);

it("puts names that begin with what was typed before those that contain it", () => {
  expect(ranked("de", "Theme: dark", "Failed deliveries", "Deliveries", "Code")).toEqual([
    "Deliveries",
    "Failed deliveries",
    "Code",
  ]);
});

it("finds letters in their order, and leaves out what lacks one", () => {
  expect(ranked("thd", "Theme: dark", "Theme: light", "Overview")).toEqual(["Theme: dark"]);
});

it("keeps the order while nothing is typed", () => {
  expect(ranked(" ", "b", "a")).toEqual(["b", "a"]);
});
