import { describe, expect, it } from "vitest";
import { joinBuckets, planBars } from "./outcomes.ts";

const hourMs = 3_600_000;
const now = Date.parse("2027-03-01T12:00:00Z");
const plan = (hours: number, endedHoursAgo = 0) => {
  const until = now - endedHoursAgo * hourMs;
  const iso = (at: number) => new Date(at).toISOString();
  return planBars({ from: iso(until - hours * hourMs), until: iso(until) }, now);
};
const lengthOf = (...of: Parameters<typeof plan>) => plan(...of).step.words;

describe("the length of a bar", () => {
  it.each([
    [0, "a minute"],
    [1.5, "a minute"],
    [2, "5 minutes"],
    [9, "15 minutes"],
    // More minutes than an answer has.
    [13, "an hour"],
    [24 * 10, "6 hours"],
    [24 * 60, "a day"],
    [24 * 365, "7 days"],
    [24 * 3_650, "7 days"],
  ])("of %d hours is %s", (hours, words) => {
    expect(lengthOf(hours)).toBe(words);
  });

  it("is not a minute where minutes are no longer counted", () => {
    expect([lengthOf(1, 24), lengthOf(1, 72)]).toEqual(["a minute", "an hour"]);
  });
});

describe("the beginning", () => {
  it("is a round time, and not longer ago than the API counts", () => {
    const { from } = planBars({ lastMs: 6 * hourMs }, now + 61_000);
    expect(from).toBe(now - 6 * hourMs);
    expect(now - plan(24 * 3_650).from).toBeLessThan(720 * 24 * hourMs);
    expect(plan(-1).from).toBe(now);
  });
});

describe("the bars", () => {
  const stats = {
    from: "2027-03-01T10:00:00.000Z",
    until: "2027-03-01T10:12:00.000Z",
    bucketSeconds: 60,
    series: [
      { key: { status: "sent" }, total: 66, counts: Array.from({ length: 12 }, (_, n) => n) },
      { key: { status: "failed" }, total: 12, counts: Array.from({ length: 12 }, () => 1) },
    ],
  };
  const fiveMinutes = { bucket: "minute", buckets: 5, words: "5 minutes" } as const;

  it("add up their buckets, and the last has the rest", () => {
    expect(joinBuckets(stats, fiveMinutes)).toEqual({
      step: fiveMinutes,
      begins: ["10:00", "10:05", "10:10"].map((time) => `2027-03-01T${time}:00.000Z`),
      series: [
        { status: "sent", total: 66, counts: [10, 35, 21] },
        { status: "failed", total: 12, counts: [5, 5, 2] },
      ],
    });
  });

  it("have their instants where nothing ended", () => {
    const { begins, series } = joinBuckets({ ...stats, series: [] }, fiveMinutes);
    expect([begins.length, series]).toEqual([3, []]);
  });
});
