import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findUnstorable } from "../../domain/text.ts";
import { isExactNumber, readStrictJson } from "./strict-json.ts";

describe("readStrictJson", () => {
  it("reads doubles, names and texts unchanged that JSON.stringify wrote", () => {
    const json = fc.jsonValue({ maxDepth: 5 }).filter((value) => findUnstorable(value) === null);
    fc.assert(
      fc.property(json, (value) => {
        // Whole numbers beyond 2^53 - 1 are printed without an exponent up to 10^21.
        const text = JSON.stringify(value, (_, part: unknown) =>
          typeof part === "number" && Math.abs(part) > Number.MAX_SAFE_INTEGER ? 0.5 : part,
        );
        expect(readStrictJson(text)).toEqual({ value: JSON.parse(text) as unknown });
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a whole number that becomes its neighbour", '{"x":9007199254740993}', ["x"]],
    ["the smallest whole number that shares its double", "[1,9007199254740992]", [1]],
    ["a negative whole number", '{"a":{"b":[0,-9007199254740993]}}', ["a", "b", 1]],
    ["more digits than a double has", "0.12345678901234567891", []],
    ["too many digits with an exponent", '{"x":[1.2345678901234567891E5]}', ["x", 0]],
    ["a number that becomes zero", '{"x":1e-400}', ["x"]],
    ["a number that becomes infinite", '{"x":1e400}', ["x"]],
    [
      "a number behind text that looks like one",
      '{"a":"1, 12345678901234567890","x":-1e-999}',
      ["x"],
    ],
    ["a name that occurs twice in an object", '{"a":[{"b":1,"c":{},"b":2}]}', ["a", 0, "b"]],
    ["the same name in another spelling", '{"b":1 ,"\\u0062" : 2}', ["b"]],
  ])("refuses %s and names the place", (_, text, path) => {
    expect(readStrictJson(text)).toEqual({ fault: { path, message: expect.any(String) } });
  });

  it.each([
    '{"x":9007199254740991,"y":-9007199254740991}',
    '{"x":0.1,"y":0.10000000000000001,"z":123456.789012345,"w":5e-324,"v":1.7976931348623157e308}',
    '{"x":0.0000000000000000000000,"y":-0.0,"z":0e999,"u":1e21,"t":1.50000000000000000000}',
    '{"x":"9007199254740993","id":"a 12345678901234567890","quoted \\": name":1}',
    '{"a":{"b":1},"b":{"b":1},"c":[{"b":1},{"b":1}]}',
    '{"":{"":1}}',
  ])("accepts %s", (text) => {
    expect(readStrictJson(text)).toEqual({ value: JSON.parse(text) as unknown });
  });

  it("reads a text that is long, full of quotes, or full of numbers", () => {
    const texts = [
      JSON.stringify({ text: '\\"'.repeat(200_000) }),
      JSON.stringify({ text: "x".repeat(1_000_000), n: 0.1234567890123456 }),
      JSON.stringify(Array.from({ length: 50_000 }, (_, i) => i + 0.1234567890123)),
    ];
    for (const text of texts) expect(readStrictJson(text)).toHaveProperty("value");
  });
});

describe("isExactNumber", () => {
  it("accepts every double in each form in which it is printed", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        fc.pre(!Number.isInteger(number));
        expect(isExactNumber(String(number))).toBe(true);
        expect(isExactNumber(number.toPrecision(17))).toBe(true);
        expect(isExactNumber(number.toExponential(40))).toBe(true);
      }),
    );
  });
});
