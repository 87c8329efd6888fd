import { expect, it } from "vitest";
import { formatCount, formatMilliseconds, formatSeconds } from "./quantities.ts";

it.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [999.6, "1 s"],
  [2_000, "2 s"],
  [5_464, "5.5 s"],
  [9_990, "10 s"],
  [34_200, "34 s"],
  [119_000, "119 s"],
  [180_000, "3 minutes"],
])("writes %d ms as %s", (ms, text) => {
  expect(formatMilliseconds(ms)).toBe(text);
});

it.each([
  [0, "0 seconds"],
  [1, "1 second"],
  [119, "119 seconds"],
  [900, "15 minutes"],
  [7_199, "120 minutes"],
  [7_200, "2 hours"],
  [200_000, "2 days"],
])("writes %d s as %s", (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

it("writes counts with their nouns", () => {
  expect([1, 1_204].map((count) => formatCount(count, "delivery", "deliveries"))).toEqual([
    "1 delivery",
    "1,204 deliveries",
  ]);
});
