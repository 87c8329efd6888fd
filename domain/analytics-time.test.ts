import { expect, it } from "vitest";
import { type ReportInterval, spanOf } from "./analytics-time.ts";

const span = (interval: ReportInterval, zone: string, from: string, until: string) => {
  const found = spanOf({ interval, zone, from: Date.parse(from), until: Date.parse(until) }, 800)!;
  return {
    length: found.length,
    boundaries: found.boundaries.map((at) => new Date(at).toISOString().slice(0, 16)),
  };
};

it("has the days of the zone, also where clocks change, and as many before them", () => {
  expect(span("day", "Europe/Berlin", "2027-03-28T10:00:00Z", "2027-03-29T10:00:00Z")).toEqual({
    length: 2,
    boundaries: [
      "2027-03-25T23:00",
      "2027-03-26T23:00",
      "2027-03-27T23:00",
      "2027-03-28T22:00",
      "2027-03-29T22:00",
    ],
  });
});

it("begins hours of a zone at its own full hours", () => {
  expect(span("hour", "Asia/Kolkata", "2027-03-01T10:10:05Z", "2027-03-01T11:00:00Z")).toEqual({
    length: 2,
    boundaries: [
      "2027-03-01T07:30",
      "2027-03-01T08:30",
      "2027-03-01T09:30",
      "2027-03-01T10:30",
      "2027-03-01T11:30",
    ],
  });
});

it("begins weeks on Monday and months on the first", () => {
  expect(span("week", "UTC", "2027-03-04T00:00:00Z", "2027-03-08T00:00:00Z").boundaries).toEqual([
    "2027-02-22T00:00",
    "2027-03-01T00:00",
    "2027-03-08T00:00",
  ]);
  expect(
    span("month", "America/New_York", "2027-03-05T00:00:00Z", "2027-03-06T00:00:00Z").boundaries,
  ).toEqual(["2027-02-01T05:00", "2027-03-01T05:00", "2027-04-01T04:00"]);
});

it("is refused if it has too many intervals", () => {
  expect(spanOf({ interval: "hour", zone: "UTC", from: 0, until: 3_600_000 * 11 }, 10)).toBeNull();
});
