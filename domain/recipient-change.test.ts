import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergePatch } from "./merge-patch.ts";
import { importedPatch, importedRecipient } from "./recipient.ts";
import {
  isSameState,
  leavesMailbox,
  mergeRecipient,
  type RecipientChange,
  type RecipientState,
  replaceRecipient,
} from "./recipient-change.ts";

const before: RecipientState = {
  email: "ada@example.org",
  phone: "+4915112345678",
  timeZone: "Europe/Berlin",
  locale: "de",
  attributes: { plan: "pro", address: { city: "Bonn", zip: "1" } },
  preferences: { maxPerHour: 3, digest: { mode: "daily" } },
};
const stateAfter = (change: RecipientChange, from: RecipientState | null = before) => {
  const made = change.apply(from);
  if ("faults" in made) throw new Error(JSON.stringify(made.faults));
  return made.state;
};
const merge = (patch: object) =>
  mergeRecipient(importedPatch.parse({ externalId: "ada", ...patch }));
const replace = (whole: object) =>
  replaceRecipient(importedRecipient.parse({ externalId: "ada", ...whole }));

describe("a merge", () => {
  it("keeps every value that it does not name", () => {
    expect(stateAfter(merge({}))).toEqual(before);
    const patches = fc.record(
      {
        email: fc.constantFrom("bob@example.org", null),
        phone: fc.constantFrom("+4366012345678", null),
        timeZone: fc.constantFrom("Asia/Tokyo", null),
        locale: fc.constantFrom("fr", null),
        attributes: fc.constantFrom({ plan: null }, { a: 1 }, { address: { zip: "2" } }, null),
        preferences: fc.constantFrom({ maxPerHour: null }, { types: { t: false } }, null),
      },
      { requiredKeys: [] },
    );
    const defaults: Record<string, unknown> = {
      email: null,
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
      preferences: {},
    };
    fc.assert(
      fc.property(patches, (patch) => {
        const merged = mergePatch(before, patch) as object;
        expect(stateAfter(merge(patch))).toEqual({ ...defaults, ...merged });
      }),
    );
  });

  it("creates a recipient from the values that it names, without those that are null", () => {
    expect(stateAfter(merge({ attributes: { a: null, b: { c: null } } }), null)).toEqual({
      email: null,
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: { b: {} },
      preferences: null,
    });
  });

  it("is refused where the merged recipient is invalid", () => {
    const long = { attributes: { text: "x".repeat(16_300) } };
    expect(merge(long).apply({ ...before, attributes: {} })).toHaveProperty("state");
    const { attributes } = before;
    const much = { ...attributes, more: "x".repeat(1_000) };
    expect(merge(long).apply({ ...before, attributes: much })).toEqual({
      faults: [
        { path: ["attributes"], message: expect.stringContaining("together with the stored") },
      ],
    });
  });
});

describe("a replacement", () => {
  it("sets every field that is left out to its default, except the preferences", () => {
    expect(stateAfter(replace({ email: "bob@example.org" }))).toEqual({
      email: "bob@example.org",
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
      preferences: before.preferences,
    });
    expect(stateAfter(replace({ preferences: {} })).preferences).toEqual({});
  });
});

describe("isSameState", () => {
  it("compares every field, and ignores the order of keys and empty preferences", () => {
    const { attributes, ...rest } = before;
    const turned = Object.fromEntries(Object.entries(attributes).toReversed());
    expect(isSameState(before, { attributes: turned, ...rest })).toBe(true);
    expect(isSameState({ ...before, preferences: null }, { ...before, preferences: {} })).toBe(
      true,
    );
    for (const other of [
      { email: null },
      { phone: null },
      { timeZone: "UTC" },
      { locale: "en" },
      { attributes: {} },
      { preferences: null },
    ])
      expect(isSameState(before, { ...before, ...other })).toBe(false);
  });
});

describe("leavesMailbox", () => {
  it.each([
    ["ada@example.org", "other@example.org", true],
    ["ada@example.org", null, true],
    ["ada@example.org", "ADA@Example.ORG", false],
    ["ada@example.org", "ada@example.org", false],
    [null, "ada@example.org", false],
    [null, null, false],
  ])("of a change from %s to %s is %s", (from, to, isLeft) => {
    expect(leavesMailbox({ email: from }, { email: to })).toBe(isLeft);
  });
});
