import { describe, expect, it } from "vitest";
import { mergePatchBetween } from "./merge-patch.ts";

describe("the merge patch between two documents", () => {
  it("has what is new, what differs, and null for what is gone, at every depth", () => {
    const before = { plan: "pro", seats: 3, team: { lead: "ada", size: 2 }, tags: ["a"] };
    const after = { plan: "free", team: { lead: "ada", city: "Paris" }, tags: ["a", "b"] };
    expect(mergePatchBetween(before, after)).toEqual({
      plan: "free",
      seats: null,
      team: { size: null, city: "Paris" },
      tags: ["a", "b"],
    });
    expect(mergePatchBetween(before, before)).toEqual({});
  });
});
