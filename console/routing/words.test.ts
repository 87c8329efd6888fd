import { describe, expect, it } from "vitest";
import { changedFields, emptyDraft, parseDraft, patchOf, writeDraft } from "./draft.ts";
import { diffLines } from "./line-diff.ts";
import { describeAfter, describeField, describeFilter, describeVia } from "./words.ts";

describe("conditions", () => {
  it("are described with what combines them", () => {
    expect(describeFilter(null)).toBe("Every message");
    expect(
      describeFilter({
        all: [
          { field: "priority", in: ["critical", "high"] },
          { attribute: ["work", "onCall"], equals: true },
          {
            any: [
              { field: "hour", lessThan: 7 },
              { field: "hour", atLeast: 22 },
            ],
          },
          { not: { data: "order", exists: true } },
        ],
      }),
    ).toBe(
      "priority is one of critical, high and attribute work.onCall is true and (local hour is less than 7 or local hour is at least 22) and not (data order exists)",
    );
  });
});

it("stages are described with their channels and their time", () => {
  expect(describeVia({ via: ["push", "email"] })).toBe("Push, else Email");
  expect(describeVia({ via: "preferred" })).toBe("the recipient’s order");
  expect(
    [{}, { after: { minutes: 10, unless: "read" } }, { after: { minutes: 120, unless: "seen" } }]
      .map((more) => ({ via: "preferred" as const, ...more }))
      .map(describeAfter),
  ).toEqual(["at once", "after 10 min, unless read", "after 2 h, unless seen"]);
});

describe("a draft", () => {
  const named = { ...emptyDraft, name: "One" };

  it("is sent as what differs", () => {
    expect(patchOf({ ...named, final: false }, named)).toEqual({ final: false });
    expect(changedFields(named, named)).toEqual([]);
  });

  it("is written as JSON and read again, and a fault is named", () => {
    expect(parseDraft(writeDraft(named))).toEqual(named);
    expect(() => parseDraft("[]")).toThrow("must be an object");
    expect(() => parseDraft("{}")).toThrow("must have name");
    expect(() => parseDraft(writeDraft({ ...named, more: 1 } as typeof named))).toThrow(
      "must not have more",
    );
  });
});

it("a field is described in a line", () => {
  const { route } = emptyDraft;
  expect(describeField({ field: "priority", equals: "high" }, "when")).toBe("priority is high");
  expect(describeField(null, "when")).toBe("Every message");
  expect(describeField(route, "route")).toBe("Email, at once");
  expect(describeField(null, "priority")).toBe("none");
  expect(describeField(false, "final")).toBe("no");
});

it("two texts are compared line by line", () => {
  expect(diffLines("a\nb\nc", "a\nx\nc\nd")).toEqual([
    { kind: "same", text: "a" },
    { kind: "removed", text: "b" },
    { kind: "added", text: "x" },
    { kind: "same", text: "c" },
    { kind: "added", text: "d" },
  ]);
});
