import { expect, it } from "vitest";
import { readAnalyticsSearch, timeOf } from "./search.ts";

const at = (instant: string) => Date.parse(instant);

it("ends the last days at the next full hour", () => {
  expect(timeOf({}, "UTC", at("2027-03-31T10:20:00Z"))).toEqual({
    from: at("2027-03-01T11:00:00Z"),
    to: at("2027-03-31T11:00:00Z"),
  });
});

it("has whole days by the clocks of the zone, also where they change", () => {
  const search = { from: "2027-03-28", to: "2027-03-28" };
  expect(timeOf(search, "Europe/Berlin", 0)).toEqual({
    from: at("2027-03-27T23:00:00Z"),
    to: at("2027-03-28T22:00:00Z"),
  });
  expect(timeOf(search, "America/New_York", 0)).toEqual({
    from: at("2027-03-28T04:00:00Z"),
    to: at("2027-03-29T04:00:00Z"),
  });
});

it("leaves out what is not valid", () => {
  const wrong = {
    from: "2027-03-02",
    to: "2027-03-01",
    range: "3",
    source: "ntf_x",
    channel: "fax",
  };
  expect(Object.values(readAnalyticsSearch(wrong)).every((value) => value === undefined)).toBe(
    true,
  );
});
