import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { mergePatch, mergePatchOf, patchBetween, withoutEmpty } from "./merge-patch.ts";

describe("mergePatch", () => {
  // The test cases of RFC 7396, appendix A.
  it.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("applies to %j the patch %j", (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });

  it("treats __proto__ like any other key", () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__": {"admin": true}}')) as object;
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"admin":true}}');
  });
});

/** Documents without null, which a patch cannot set. */
const documents = fc.letrec<{ document: Record<string, unknown>; value: unknown }>((tie) => ({
  document: fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__"), tie("value"), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(fc.integer(), fc.boolean(), fc.constantFrom("x", "y"), fc.array(fc.integer())),
    tie("document"),
  ),
})).document;

describe("patchBetween", () => {
  it("turns one document into the other, and is empty between equal documents", () => {
    fc.assert(
      fc.property(documents, documents, (from, to) => {
        expect(mergePatch(from, patchBetween(from, to))).toEqual(to);
        expect(patchBetween(to, to)).toEqual({});
      }),
    );
  });

  it("contains only the differences", () => {
    const from = { kept: { same: [1], other: 1 }, gone: { a: 1 } };
    expect(patchBetween(from, { kept: { same: [1], other: 2 } })).toEqual({
      kept: { other: 2 },
      gone: null,
    });
  });
});

describe("withoutEmpty", () => {
  it("leaves out empty objects at any depth, and keeps empty lists", () => {
    expect(withoutEmpty({ a: { b: {} }, c: [], d: { e: 0, f: {} } })).toEqual({
      c: [],
      d: { e: 0 },
    });
  });
});

describe("mergePatchOf", () => {
  const patch = mergePatchOf(
    z.strictObject({
      size: z.int().min(2, "must be from 2"),
      inner: z.strictObject({ on: z.boolean() }).refine(() => false, "is checked of the whole"),
      maybe: z.strictObject({ a: z.string() }).nullable(),
      list: z.array(z.string()),
      open: z.record(z.string(), z.boolean()),
    }),
  );
  const faults = (value: unknown) =>
    patch.safeParse(value).error?.issues.map(({ path }) => path.join("."));

  it.each([
    [{}],
    [{ size: null, inner: null, maybe: null, list: null, open: null }],
    [{ inner: { on: null }, maybe: { a: null }, open: { x: null, y: true } }],
    [{ inner: {}, list: ["a"] }],
  ])("accepts %j unchanged", (value) => {
    expect(patch.parse(value)).toEqual(value);
  });

  it.each([
    ["size", { size: 1 }],
    ["inner.on", { inner: { on: "yes" } }],
    ["maybe.a", { maybe: { a: 1 } }],
    ["list.0", { list: [null] }],
    ["open.x", { open: { x: 1 } }],
    ["", { unknown: null }],
    ["inner", { inner: { unknown: null } }],
  ])("refuses an invalid %s", (path, value) => {
    expect(faults(value)).toEqual([path]);
  });
});
