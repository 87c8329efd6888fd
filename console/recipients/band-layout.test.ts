import { describe, expect, it } from "vitest";
import { layOutBand } from "./band-layout.ts";
import type { Entry } from "./timeline-entries.ts";

const berlin = {
  days: [
    {
      date: "2027-03-27",
      from: "2027-03-26T23:00:00.000Z",
      until: "2027-03-27T23:00:00.000Z",
      hours: 24,
    },
    {
      date: "2027-03-28",
      from: "2027-03-27T23:00:00.000Z",
      until: "2027-03-28T22:00:00.000Z",
      hours: 23,
    },
  ],
};
const night: Entry = {
  key: "night",
  kind: "quiet_hours",
  at: "2027-03-27T21:00:00.000Z",
  until: "2027-03-28T05:00:00.000Z",
  words: "Quiet hours",
};
const sent = (at: string, key = at): Entry => ({ key, kind: "sent", at, words: "Sent" });
const layOut = (entries: Entry[], now = "2027-03-27T11:00:00.000Z") =>
  layOutBand(berlin, entries, "Europe/Berlin", Date.parse(now));

describe("the layout of the band", () => {
  it("has a narrower day where the clocks go forward, and its hours by the local clock", () => {
    const [first, second] = layOut([]);
    expect([first!.width, second!.width]).toEqual([100, (23 / 24) * 100]);
    expect(first!.ticks.map(({ hour }) => hour)).toEqual([0, 6, 12, 18]);
    expect(second!.ticks[1]).toEqual({ hour: 6, left: expect.closeTo((5 / 24) * 100) });
  });

  it("draws a span over midnight in both days", () => {
    const [first, second] = layOut([night]);
    expect(first!.quiet).toEqual([
      expect.objectContaining({
        left: expect.closeTo((22 / 24) * 100),
        width: expect.closeTo((2 / 24) * 100),
      }),
    ]);
    expect(second!.quiet).toEqual([
      expect.objectContaining({ left: 0, width: expect.closeTo((6 / 24) * 100) }),
    ]);
  });

  it("draws a snooze as an arc, over midnight as two parts of one arc", () => {
    const snooze = (at: string, until: string): Entry => ({
      key: at,
      kind: "snooze",
      at,
      until,
      words: "Snoozed",
    });
    const [first, second] = layOut([
      snooze("2027-03-27T05:00:00.000Z", "2027-03-27T11:00:00.000Z"),
      // An hour before midnight, and three after it.
      snooze("2027-03-27T22:00:00.000Z", "2027-03-28T02:00:00.000Z"),
      // Of a day before.
      snooze("2027-03-25T22:00:00.000Z", "2027-03-26T02:00:00.000Z"),
    ]);
    expect(first!.arcs).toEqual([
      expect.objectContaining({ left: 25, width: 25, begins: 0, ends: 1 }),
      expect.objectContaining({
        left: expect.closeTo((23 / 24) * 100),
        width: expect.closeTo(100 / 24),
        begins: 0,
        ends: 0.25,
      }),
    ]);
    expect(second!.arcs).toEqual([
      expect.objectContaining({
        left: 0,
        width: expect.closeTo((3 / 24) * 100),
        begins: 0.25,
        ends: 1,
      }),
    ]);
    expect([first!.marks, first!.quiet, second!.marks]).toEqual([[], [], []]);
  });

  it("places marks in the day that they belong to, above each other, and counts what has no room", () => {
    const at = "2027-03-27T23:30:00.000Z";
    const [first, second] = layOut(["a", "b", "c", "d", "e"].map((key) => sent(at, key)));
    expect(first!.marks).toEqual([]);
    expect(second!.marks.map(({ lane }) => lane)).toEqual([0, 1, 2]);
    expect(second!.more.map(({ count }) => count)).toEqual([2]);
  });

  it("draws a tail from now to what waits, and from the beginning of a later day, and none to what is snoozed", () => {
    const waiting = (at: string): Entry => ({ key: at, kind: "waiting", at, words: "Waits" });
    const [first, second] = layOut([
      waiting("2027-03-27T20:00:00.000Z"),
      waiting("2027-03-28T05:00:00.000Z"),
      { ...waiting("2027-03-28T10:00:00.000Z"), kind: "snoozed" },
    ]);
    expect([first!.now, first!.marks[0]!.tail]).toEqual([50, 50]);
    expect([second!.now, ...second!.marks.map(({ tail }) => tail)]).toEqual([null, 0, null]);
  });
});
