import { expect, it } from "vitest";
import { findDifferences, mergeFields } from "../parts/three-way-merge.ts";
import { fieldsOf, profileOf } from "./profile-fields.ts";

it("merges attributes one by one, also those that one side has removed or added", () => {
  const base = { email: "a@example.org", phone: null, timeZone: "UTC", locale: "en" };
  const profiles = [
    { ...base, attributes: { plan: "free", city: "Porto", old: true } },
    { ...base, locale: "pt", attributes: { plan: "pro", city: "Porto" } },
    { ...base, attributes: { plan: "family", city: "Lisbon", old: true, points: 3 } },
  ];
  const [before, mine, theirs] = profiles.map((each) => fieldsOf(each, profiles));
  const differences = findDifferences(before!, mine!, theirs!, Object.is);
  expect(differences.map(({ field, by }) => [field, by])).toEqual([
    ["locale", "mine"],
    ["attributes.plan", "both"],
    ["attributes.city", "theirs"],
    ["attributes.old", "mine"],
    ["attributes.points", "theirs"],
  ]);
  const merged = mergeFields(mine!, differences, { "attributes.plan": "mine" });
  expect(profileOf(merged!)).toEqual({
    ...base,
    locale: "pt",
    attributes: { plan: "pro", city: "Lisbon", points: 3 },
  });
});
