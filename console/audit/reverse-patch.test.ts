import { describe, expect, it } from "vitest";
import { mergePatch } from "../../domain/merge-patch.ts";
import { reversePatch } from "./reverse-patch.ts";

describe("the patch that undoes a change", () => {
  it.each([
    [{ a: 1 }, { a: 2 }],
    [{ a: { b: 1, c: 2 } }, { a: { b: 1, c: 3, d: 4 } }],
    [{ a: [1, 2] }, { a: [1] }],
    [{}, { added: { deep: true } }],
    [{ removed: "x" }, {}],
    [{ a: { b: null } }, { a: { b: 3 } }],
  ])("makes %j of %j", (before, after) => {
    const patched = mergePatch(after, reversePatch(before, after));
    expect(withoutNulls(patched)).toEqual(withoutNulls(before));
  });
});

/** For these resources null and absent mean the same. */
const withoutNulls = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, each: unknown) => (each === null ? undefined : each)));
