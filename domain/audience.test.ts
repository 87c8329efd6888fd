import { describe, expect, it } from "vitest";
import { audience, audienceWhere, type AudienceFilter } from "./audience.ts";

const accepts = (value: unknown) => audience.safeParse(value).success;

describe("audience", () => {
  it("takes everybody, or a filter of nested conditions", () => {
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
    ["text that PostgreSQL refuses", { where: { attribute: "plan", equals: "a\u0000" } }],
    ["a number that JSON cannot carry", { where: { attribute: "age", atLeast: Infinity } }],
  ])("refuses %s", (_, value) => {
    expect(accepts(value)).toBe(false);
  });

  it("bounds depth and size", () => {
    const leaf: AudienceFilter = { attribute: "plan", equals: "pro" };
    const nested = (depth: number): AudienceFilter =>
      depth === 0 ? leaf : { not: nested(depth - 1) };
    expect(accepts({ where: nested(7) })).toBe(true);
    expect(accepts({ where: nested(8) })).toBe(false);
    expect(accepts({ where: { any: Array(99).fill(leaf) } })).toBe(true);
    expect(accepts({ where: { any: Array(100).fill(leaf) } })).toBe(false);
  });
});

describe("audienceWhere", () => {
  it("leaves out the erased, even from an audience of everybody", () => {
    expect(audienceWhere({ all: true }, "r")).toEqual({ sql: "r.erased_at IS NULL", values: [] });
  });

  it("numbers its placeholders from where the caller's end and keeps values out of the SQL", () => {
    const evil = "'; DROP TABLE recipients; --";
    const { sql, values } = audienceWhere(
      {
        where: {
          all: [
            { field: "email", equals: evil },
            { attribute: evil, atLeast: 3 },
          ],
        },
      },
      "r",
      4,
    );
    expect(sql).not.toContain("DROP");
    expect(sql.match(/\$\d+/g)).toEqual(["$4", "$5", "$5", "$6"]);
    expect(values).toEqual([evil, evil, "3"]);
  });
});
