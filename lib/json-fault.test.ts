import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locateJsonFault } from "./json-fault.ts";

describe("locateJsonFault", () => {
  it.each([
    ['{"a": 1,}', 1, 9, "a key in double quotes"],
    ['{"a": 1\n "b": 2}', 2, 2, "a comma or }"],
    ["[1, 2", 1, 6, "a comma or ]"],
    ['{"a" 1}', 1, 6, "a colon"],
    ["{'a': 1}", 1, 2, "a key in double quotes"],
    ['{"a": undefined}', 1, 7, "a value"],
    ['{"a": 01}', 1, 7, "a value"],
    ['{"a": "b}', 1, 7, "a string that is closed and whose control characters are escaped"],
    ['{"a": 1} x', 1, 10, "the end of the text"],
    ["  ", 1, 3, "a value"],
  ])("%j: line %i, column %i, expected %s", (text, line, column, expected) => {
    expect(locateJsonFault(text)).toEqual({ line, column, expected });
  });

  it("points into any document that one character was removed from, and never past its end", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.nat(), (json, position) => {
        const cut = position % json.length;
        const text = json.slice(0, cut) + json.slice(cut + 1);
        try {
          JSON.parse(text);
        } catch {
          const { line, column } = locateJsonFault(text);
          expect(line).toBe(1);
          expect(column).toBeGreaterThan(0);
          expect(column).toBeLessThanOrEqual(text.length + 1);
        }
      }),
    );
  });

  it("does not overflow the stack for deep nesting", () => {
    expect(locateJsonFault("[".repeat(200_000))).toMatchObject({ column: 200_001 });
  });
});
