import { expect, it } from "vitest";
import { localText } from "./local-text.ts";

it.each([
  ["UTC", "2027-03-01T08:00:59Z", "Monday 2027-03-01 08:00 +00:00"],
  ["Europe/Berlin", "2026-10-25T00:30:00Z", "Sunday 2026-10-25 02:30 +02:00"],
  ["Europe/Berlin", "2026-10-25T01:30:00Z", "Sunday 2026-10-25 02:30 +01:00"],
  ["America/St_Johns", "2027-01-01T01:00:00Z", "Thursday 2026-12-31 21:30 -03:30"],
])("formats the local time in %s at %s", (zone, at, shown) => {
  expect(localText(zone, Date.parse(at))).toBe(shown);
});
