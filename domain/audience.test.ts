import { describe, expect, it } from "vitest";
import { audience, namedSegments, requiredTypes, type RecipientFilter } from "./audience.ts";

const accepts = (value: unknown) => audience.safeParse(value).success;

const cmp = "cmp_01jd3v8qyee7fr8xmcsnh5hbcd";

describe("audience", () => {
  it("accepts all recipients, or a filter of nested conditions", () => {
    expect(accepts({ all: true })).toBe(true);
    expect(
      accepts({
        where: {
          all: [
            { attribute: "plan", equals: "pro" },
            {
              not: {
                any: [
                  { field: "locale", in: ["de", "fr"] },
                  { attribute: "age", atLeast: 18 },
                ],
              },
            },
          ],
        },
      }),
    ).toBe(true);
  });

  it.each([
    ["nothing", {}],
    ["both", { all: true, where: { attribute: "plan", equals: "pro" } }],
    ["an unknown field", { where: { field: "password", equals: "x" } }],
    ["an unknown operator", { where: { attribute: "plan", matches: ".*" } }],
    ["two operators at once", { where: { attribute: "plan", equals: "a", exists: true } }],
    ["an empty list", { where: { any: [] } }],
    [
      "an instant without an offset",
      { where: { field: "createdAt", from: "2027-03-01T09:00:00" } },
    ],
    ["a text that is not an instant", { where: { field: "updatedAt", before: "yesterday" } }],
    [
      "an instant outside of this century",
      { where: { field: "updatedAt", before: "3000-01-01T00:00:00Z" } },
    ],
    ["a text operator on an instant", { where: { field: "createdAt", startsWith: "2027" } }],
    ["an empty path", { where: { attribute: [], exists: true } }],
    ["a path that is too long", { where: { attribute: Array(9).fill("a"), exists: true } }],
    ["an id that is not a campaign's", { where: { received: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" } }],
    ["orUnknown: false", { where: { received: cmp, orUnknown: false } }],
    ["no segment at all", { include: [] }],
    ["too many segments", { include: Array(21).fill("pro") }],
    ["a malformed key of a segment", { include: ["Pro customers"] }],
    ["exclusions alone", { exclude: ["pro"] }],
    ["all recipients and segments", { all: true, include: ["pro"] }],
    ["text that PostgreSQL refuses", { where: { attribute: "plan", equals: "a\u0000" } }],
    ["a number that JSON cannot carry", { where: { attribute: "age", atLeast: Infinity } }],
  ])("refuses %s", (_, value) => {
    expect(accepts(value)).toBe(false);
  });

  it("limits depth and size", () => {
    const leaf: RecipientFilter = { attribute: "plan", equals: "pro" };
    const nested = (depth: number): RecipientFilter =>
      depth === 0 ? leaf : { not: nested(depth - 1) };
    expect(accepts({ where: nested(7) })).toBe(true);
    expect(accepts({ where: nested(8) })).toBe(false);
    expect(accepts({ where: { any: Array(99).fill(leaf) } })).toBe(true);
    expect(accepts({ where: { any: Array(100).fill(leaf) } })).toBe(false);
  });

  it("accepts segments to include and exclude, narrowed by a filter", () => {
    expect(accepts({ include: ["pro", "eu.all"] })).toBe(true);
    expect(accepts({ include: ["pro"], exclude: ["opted-out"], where: { received: cmp } })).toBe(
      true,
    );
    expect(accepts({ all: true, exclude: ["opted-out"] })).toBe(true);
    expect(
      accepts({
        where: {
          any: [
            { field: "createdAt", from: "2027-03-01T09:00:00+01:00" },
            { attribute: ["address", "city"], startsWith: "Wi" },
            { received: cmp, orUnknown: true },
          ],
        },
      }),
    ).toBe(true);
  });

  it("refuses a filter that is too large before it validates the conditions", () => {
    const nothing = { any: Array(100_000).fill({}) };
    const { error } = audience.safeParse({ where: nothing });
    expect(JSON.stringify(error!.issues).length).toBeLessThan(5_000);
  });
});

describe("requiredTypes", () => {
  it("finds the conditions that need a number or a list, at any depth", () => {
    expect(
      requiredTypes({
        all: [
          { attribute: "age", atLeast: 18 },
          { not: { any: [{ attribute: ["a", "b"], includes: "x" }] } },
          { attribute: "n", equals: 3 },
          { attribute: "plan", equals: "pro" },
          { attribute: "plan", exists: true },
          { field: "email", exists: true },
        ],
      }),
    ).toEqual([
      { path: ["age"], type: "number", operator: "atLeast" },
      { path: ["a", "b"], type: "array", operator: "includes" },
      { path: ["n"], type: "number", operator: "equals" },
    ]);
  });
});

describe("namedSegments", () => {
  it("returns each key once", () => {
    expect(namedSegments({ include: ["a", "b", "a"], exclude: ["c", "b"] })).toEqual([
      "a",
      "b",
      "c",
    ]);
    expect(namedSegments({ all: true })).toEqual([]);
  });
});
