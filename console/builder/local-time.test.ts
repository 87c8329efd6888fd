import { expect, it } from "vitest";
import { afterSkipped, instantsOf, isZone } from "./local-time.ts";

const isoOf = (zone: string, local: string) =>
  instantsOf(zone, local).map((at) => new Date(at).toISOString());

it("finds the instant at which the clocks of a zone show a time", () => {
  expect(isoOf("Europe/Berlin", "2027-07-01T09:00")).toEqual(["2027-07-01T07:00:00.000Z"]);
  expect(isoOf("UTC", "2027-07-01T09:00")).toEqual(["2027-07-01T09:00:00.000Z"]);
  expect(isoOf("Asia/Kathmandu", "2027-01-01T00:00")).toEqual(["2026-12-31T18:15:00.000Z"]);
});

it("finds none for a time that the clocks skip, and says which comes after it", () => {
  expect(isoOf("Europe/Berlin", "2027-03-28T02:30")).toEqual([]);
  expect(afterSkipped("Europe/Berlin", "2027-03-28T02:30")).toBe("2027-03-28T03:30");
  expect(isoOf("America/New_York", "2027-03-14T02:00")).toEqual([]);
});

it("finds two for a time that the clocks show twice", () => {
  expect(isoOf("Europe/Berlin", "2027-10-31T02:30")).toEqual([
    "2027-10-31T00:30:00.000Z",
    "2027-10-31T01:30:00.000Z",
  ]);
  expect(isoOf("Australia/Lord_Howe", "2027-04-04T01:45")).toHaveLength(2);
});

it("finds none for what is no time, and knows names of zones", () => {
  expect(instantsOf("UTC", "")).toEqual([]);
  expect([isZone("Europe/Berlin"), isZone("Nowhere/Else"), isZone("")]).toEqual([
    true,
    false,
    false,
  ]);
});
