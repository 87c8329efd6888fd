import { describe, expect, it } from "vitest";
import { compileVariables, templateVariables } from "./template-variables.ts";

const schema = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 5 },
    seats: { type: ["integer", "null"], minimum: 1 },
    tags: { type: "array", items: { type: "string" }, maxItems: 2 },
    plan: { enum: ["free", "pro"] },
    address: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    due: { type: "string", format: "date-time" },
  },
  required: ["name"],
  additionalProperties: false,
};

const refused = (document: unknown) =>
  templateVariables.safeParse(document).error?.issues.map(({ path }) => path.join(".")) ?? [];

describe("the variables of a template", () => {
  it("are a JSON Schema, stored unchanged", () => {
    expect(templateVariables.parse(schema)).toEqual(schema);
  });

  it("accept data that fits", () => {
    const check = compileVariables(templateVariables.parse(schema));
    expect(check({ name: "Ann" })).toEqual([]);
    expect(
      check({
        name: "Ann",
        seats: null,
        tags: ["a"],
        plan: "pro",
        address: { city: "x", zip: 1 },
        due: "2026-11-01T00:00:00Z",
      }),
    ).toEqual([]);
  });

  it("name every field that does not fit, with the reason", () => {
    const check = compileVariables(templateVariables.parse(schema));
    const faults = check({
      seats: 0,
      tags: ["a", 1],
      plan: "gold",
      address: {},
      due: "soon",
      extra: 1,
    });
    expect(faults.map(({ path }) => path.join("."))).toEqual(
      expect.arrayContaining(["name", "seats", "tags.1", "plan", "address.city", "due", "extra"]),
    );
    expect(faults).toContainEqual({ path: ["name"], message: "is required" });
    expect(faults).toContainEqual({ path: ["address", "city"], message: "is required" });
    expect(faults).toContainEqual({
      path: ["extra"],
      message: "is not a variable of the template",
    });
  });

  it.each([
    [{ name: 5 }, "name", "must be a string"],
    [{ name: "Annabel" }, "name", "must have at most 5 characters"],
    [{ seats: 0 }, "seats", "must be at least 1"],
    [{ seats: "two" }, "seats", "must be a number or null"],
    [{ tags: ["a", "b", "c"] }, "tags", "must have at most 2 items"],
    [{ tags: ["a", 1] }, "tags.1", "must be a string"],
    [{ plan: "gold" }, "plan", 'must be "free" or "pro"'],
    [{ due: "soon" }, "due", "must be in the format date-time"],
  ])("say what %j must be", (data, field, message) => {
    const check = compileVariables(templateVariables.parse(schema));
    const faults = check({ name: "Ann", ...data });
    expect(faults.map(({ path, ...rest }) => ({ ...rest, path: path.join(".") }))).toEqual([
      { path: field, message },
    ]);
  });

  it("refuse data that cannot be stored, with a schema or without", () => {
    expect(compileVariables(null)({ a: ["\0"] })).toEqual([
      { path: ["a", 0], message: expect.any(String) },
    ]);
    expect(compileVariables(null)({ anything: [1, { goes: true }] })).toEqual([]);
  });

  it.each([
    ["a schema that is not an object", { type: "array", items: { type: "string" } }, "type"],
    [
      "a reference",
      { type: "object", properties: { a: { $ref: "https://example.org/schema" } } },
      "properties.a",
    ],
    [
      "a pattern, which could run for hours",
      { type: "object", properties: { a: { type: "string", pattern: "(a+)+$" } } },
      "properties.a",
    ],
    [
      "an unknown type",
      { type: "object", properties: { a: { type: "text" } } },
      "properties.a.type",
    ],
    ["a variable without a type", { type: "object", properties: { a: {} } }, "properties.a.type"],
    [
      "properties that would be ignored",
      { type: "object", properties: { a: { type: "string", properties: {} } } },
      "properties.a.type",
    ],
    [
      "a required variable that is not described",
      { type: "object", properties: {}, required: ["a"] },
      "required.0",
    ],
    [
      "a variable in the recipient's place",
      { type: "object", properties: { recipient: { type: "string" } } },
      "properties.recipient",
    ],
    [
      "a name that templates cannot use",
      { type: "object", properties: { "a b": { type: "string" } } },
      "properties.a b",
    ],
  ])("refuse %s", (_, document, at) => {
    expect(refused(document)).toContain(at);
  });

  it("refuse a schema that is too deep or too long", () => {
    const nested = (levels: number): unknown =>
      levels === 0 ? { type: "string" } : { type: "array", items: nested(levels - 1) };
    expect(refused({ type: "object", properties: { a: nested(9) } })).toHaveLength(1);
    expect(refused({ type: "object", properties: { a: nested(10_000) } })).toHaveLength(1);
    expect(refused({ type: "object", description: "x".repeat(40_000) })).toHaveLength(1);
  });
});
