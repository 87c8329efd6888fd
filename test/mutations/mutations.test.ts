import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { countOccurrences, mutations } from "./mutations.ts";

describe("mutations", () => {
  it.each(mutations)("$name finds its text exactly once in $file", ({ file, text }) => {
    expect(countOccurrences(readFileSync(join(packageRoot, file), "utf8"), text)).toBe(1);
  });

  it.each(mutations)("$name names tests that exist, of one project", ({ tests }) => {
    expect(tests.filter((file) => !existsSync(join(packageRoot, file)))).toEqual([]);
    expect(new Set(tests.map((file) => file.startsWith("test/"))).size).toBe(1);
  });

  it("have different names", () => {
    const names = mutations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
