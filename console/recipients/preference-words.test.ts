import { describe, expect, it } from "vitest";
import { patchOf, statedAt } from "./preference-words.ts";

describe("patchOf", () => {
  it("sets a preference of a type whose key has dots", () => {
    expect(patchOf(["types", "report.weekly", "email"], false)).toEqual({
      types: { "report.weekly": { email: false } },
    });
  });
});

describe("statedAt", () => {
  const stated = { types: { "report.weekly": { email: false } }, maxPerHour: 3 };

  it("finds what was stated, and nothing where nothing was", () => {
    expect(statedAt(stated, ["maxPerHour"])).toBe(3);
    expect(statedAt(stated, ["types", "report.weekly", "email"])).toBe(false);
    expect(statedAt(stated, ["types", "report.weekly", "push"])).toBeNull();
    expect(statedAt(stated, ["digest", "mode"])).toBeNull();
  });
});
