import { describe, expect, it } from "vitest";
import { formatDuration, formatFull, formatRelative, formatShort } from "./instants.ts";
import { formatNoun, formatShare } from "./numbers.ts";
import { wordsOfReason } from "./reasons.ts";
import { toWords } from "./statuses.ts";

const now = new Date("2027-03-28T12:00:00Z");

describe("an instant", () => {
  it("has the zone in full, also across the change to summer time", () => {
    expect(formatFull("2027-03-28T00:30:00Z", "Europe/Berlin")).toBe(
      "28 Mar 2027, 01:30:00 Europe/Berlin",
    );
    expect(formatFull("2027-03-28T01:30:00Z", "Europe/Berlin")).toBe(
      "28 Mar 2027, 03:30:00 Europe/Berlin",
    );
  });

  it("is short: the time of today in that zone, otherwise the day", () => {
    expect(formatShort("2027-03-28T09:05:07Z", "UTC", now)).toBe("09:05:07");
    expect(formatShort("2027-03-28T23:30:00Z", "Asia/Tokyo", now)).toBe("29 Mar 08:30");
    expect(formatShort("2026-12-31T09:05:07Z", "UTC", now)).toBe("31 Dec 2026");
  });

  it("is related to now in its largest unit", () => {
    expect(formatRelative("2027-03-28T11:58:30Z", now)).toBe("1 minute ago");
    expect(formatRelative("2027-03-30T13:00:00Z", now)).toBe("in 2 days");
    expect(formatRelative("2027-03-28T12:00:08Z", now)).toBe("now");
  });
});

it("formats durations in their two largest units", () => {
  expect([0.04, 59, 60, 3_725, 90_000].map(formatDuration)).toEqual([
    "40 ms",
    "59 s",
    "1 min",
    "1 h 2 min",
    "1 d 1 h",
  ]);
});

it("rounds no share to all or nothing that is not quite that", () => {
  expect([0, 0.0001, 0.5, 0.667, 0.9999, 1].map(formatShare)).toEqual([
    "0%",
    "< 0.1%",
    "50%",
    "66.7%",
    "> 99.9%",
    "100%",
  ]);
});

it("turns names of the API into words, also those that it does not know", () => {
  expect(formatNoun(1, "delivery", "deliveries")).toBe("1 delivery");
  expect(formatNoun(1_204, "delivery", "deliveries")).toBe("1,204 deliveries");
  expect(wordsOfReason("quiet_hours")).toBe("Quiet hours");
  expect(wordsOfReason("a_new_reason")).toBe("a new reason");
  expect(toWords("batching.windowMinutes")).toBe("Batching window minutes");
});
