import { expect, it } from "vitest";
import { describeFact, nameOfFact } from "./fact-words.ts";

it.each([
  ["windowSeconds", 3_600, "1 h"],
  ["maximumWaitMinutes", 90, "1 h 30 min"],
  ["secondsBetween", 0, "none"],
  ["channel", "in_app", "Inbox"],
  ["priority", "critical", "Critical"],
  ["minimumPriority", "high", "High"],
  ["type", "critical", null],
  ["ahead", 3, null],
])("describes %s %s", (name, value, words) => {
  expect(describeFact(name, value)).toBe(words);
});

it("names facts in words, also those that it does not know", () => {
  expect(["hasAddress", "quietHoursEnabled", "batching.windowMinutes"].map(nameOfFact)).toEqual([
    "Has an address",
    "Quiet hours enabled",
    "Batching window",
  ]);
});
