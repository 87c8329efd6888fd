import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEventReader } from "./event-stream.ts";

const sample = [
  ": a comment",
  "event: item",
  "id: inb_2",
  'data: {"a":',
  "data:1}",
  "",
  "data: é☃😀",
  "unknown: x",
  "",
  "event: nothing",
  "",
  "id",
  "data",
  "",
  "",
];
const expected = [
  { type: "item", data: '{"a":\n1}', id: "inb_2" },
  { type: "message", data: "é☃😀", id: null },
  { type: "message", data: "", id: "" },
];

describe("a reader of events", () => {
  it.each(["\n", "\r\n", "\r"])("reads lines that end with %j, cut anywhere", (lineBreak) => {
    const text = sample.join(lineBreak) + lineBreak;
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const read = createEventReader();
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const events = at.slice(1).flatMap((end, index) => read(text.slice(at[index], end)));
        expect([...events, ...read("\n")]).toEqual(expected);
      }),
    );
  });

  it("refuses an event without an end", () => {
    const read = createEventReader();
    expect(() => {
      for (let index = 0; index < 1_100; index += 1) read("data: ".padEnd(1_000, "x") + "\n");
    }).toThrow(RangeError);
    expect(() => createEventReader()("x".repeat(1_000_001))).toThrow(RangeError);
  });
});
