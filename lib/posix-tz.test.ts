import { describe, expect, it } from "vitest";
import { changesInYears, parsePosixRule } from "./posix-tz.ts";

const changesOf = (text: string, from: number, to = from) =>
  changesInYears(parsePosixRule(text), from, to).map(
    ({ at, offset }) => `${new Date(at * 1_000).toISOString().slice(0, 19)} ${offset / 3_600}`,
  );

describe("a TZ string", () => {
  it.each([
    [
      "in the north",
      "EST5EDT,M3.2.0,M11.1.0",
      ["2026-03-08T07:00:00 -4", "2026-11-01T06:00:00 -5"],
    ],
    [
      "in the south",
      "AEST-10AEDT,M10.1.0,M4.1.0/3",
      ["2026-04-04T16:00:00 10", "2026-10-03T16:00:00 11"],
    ],
    [
      "with quoted names",
      "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
      ["2026-04-04T15:00:00 10.5", "2026-10-03T15:30:00 11"],
    ],
    [
      "whose standard time is ahead of the other",
      "IST-1GMT0,M10.5.0,M3.5.0/1",
      ["2026-03-29T01:00:00 1", "2026-10-25T01:00:00 0"],
    ],
    [
      "with hours beyond a day",
      "EET-2EEST,M3.4.4/50,M10.4.4/50",
      ["2026-03-28T00:00:00 3", "2026-10-23T23:00:00 2"],
    ],
    [
      "with hours before the day",
      "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
      ["2026-03-29T01:00:00 -1", "2026-10-25T01:00:00 -2"],
    ],
    [
      "with the widest hours",
      "AAA0BBB,J100/-167,J200/167",
      ["2026-04-03T01:00:00 1", "2026-07-25T22:00:00 0"],
    ],
    ["without dates", "PST8PDT", ["2026-03-08T10:00:00 -7", "2026-11-01T09:00:00 -8"]],
    [
      "with minutes and seconds",
      "AAA-0:19:32BBB-1:19:32,M3.5.0/2:00:30,M10.5.0/3",
      ["2026-03-29T01:40:58 1.3255555555555556", "2026-10-25T01:40:28 0.32555555555555554"],
    ],
  ])("%s", (_, text, changes) => {
    expect(changesOf(text, 2026)).toEqual(changes);
  });

  it("counts days of the year with and without February 29", () => {
    const days = (text: string, year: number) =>
      changesOf(`AAA0BBB0,${text}/0,${text}/1`, year)[0]!.slice(5, 10);
    expect([days("J59", 2028), days("J60", 2028), days("J60", 2027)]).toEqual([
      "02-28",
      "03-01",
      "03-01",
    ]);
    expect([days("59", 2028), days("60", 2028), days("59", 2027)]).toEqual([
      "02-29",
      "03-01",
      "03-01",
    ]);
  });

  it("uses the last weekday of a month for week five", () => {
    expect(changesOf("AAA0BBB,M2.5.6/0,M5.5.0/0", 2026)).toEqual([
      "2026-02-28T00:00:00 1",
      "2026-05-30T23:00:00 0",
    ]);
  });

  it.each(["EST5EDT4,0/0,J365/25", "XXX3EDT4,0/0,J365/23"])(
    "says with %s that daylight saving never ends (RFC 9636, section 3.3.1)",
    (text) => {
      const offsets = changesInYears(parsePosixRule(text), 2025, 2028).map(({ offset }) => offset);
      // But for the last, whose like of the next year is beyond.
      expect([...new Set(offsets.slice(0, -1))]).toEqual([-4 * 3_600]);
    },
  );

  it.each(["UTC0", "<+01>-1", "<-00>0", "EST5", "MST7"])("may have no changes: %s", (text) => {
    expect(parsePosixRule(text).daylight).toBeNull();
  });

  it.each([
    "",
    "EST",
    "E5",
    "<+1>-1",
    "EST5EDT,M3.2.0",
    "EST5EDT,M13.1.0,M11.1.0",
    "EST5EDT,M3.6.0,M11.1.0",
    "EST5EDT,M3.2.7,M11.1.0",
    "EST5EDT,J0,J365",
    "EST5EDT,J1,J366",
    "EST5EDT,0,366",
    "EST25",
    "EST5:60",
    "EST5EDT,M3.2.0/168,M11.1.0",
    "EST5 ",
    "EST5EDT,M3.2.0,M11.1.0,x",
  ])("is refused: %s", (text) => {
    expect(() => parsePosixRule(text)).toThrow(RangeError);
  });
});
