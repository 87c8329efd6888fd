import { describe, expect, it } from "vitest";
import { formatAge, formatCount, formatInstant, readLanguage } from "./local-text.ts";

const now = Date.parse("2027-03-10T12:00:00.000Z");

describe("an age", () => {
  it.each([
    ["2027-03-10T12:00:30.000Z", "now"],
    ["2027-03-10T11:59:01.000Z", "now"],
    ["2027-03-10T11:59:00.000Z", "1 min. ago"],
    ["2027-03-10T11:00:01.000Z", "59 min. ago"],
    ["2027-03-10T11:00:00.000Z", "1 hr. ago"],
    ["2027-03-09T12:00:01.000Z", "23 hr. ago"],
    ["2027-03-09T11:00:00.000Z", "yesterday"],
    ["2027-03-04T23:00:00.000Z", "6 days ago"],
    ["2027-03-03T23:00:00.000Z", "Mar 3"],
    ["2026-12-31T23:00:00.000Z", "Dec 31, 2026"],
    ["no instant", ""],
  ])("of %s is %j", (instant, text) => {
    expect(formatAge(instant, now, "en")).toBe(text);
  });

  it("is in the language that is wanted", () => {
    expect(formatAge("2027-03-09T11:00:00.000Z", now, "de-AT")).toBe("gestern");
    expect(formatAge("2027-03-09T11:00:00.000Z", now, "ar")).toBe("أمس");
  });
});

describe("other texts", () => {
  it("are written as the language has it", () => {
    expect([formatCount(7, 100, "en"), formatCount(100, 100, "en")]).toEqual(["7", "99+"]);
    expect(formatCount(100, 100, "ar-EG")).toBe("٩٩+");
    expect(formatInstant("2027-03-09T11:00:00.000Z", "en")).toContain("Tuesday, March 9, 2027");
    expect(formatInstant("", "en")).toBe("");
  });

  it("are in English if the language is no language", () => {
    expect(["de-CH", "", "not a language", "x"].map(readLanguage)).toEqual([
      "de-CH",
      "en",
      "en",
      "en",
    ]);
  });
});
