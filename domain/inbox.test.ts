import { describe, expect, it } from "vitest";
import { changeItem, type ItemState } from "./inbox.ts";

const early = new Date("2027-03-01T09:00:00Z");
const now = new Date("2027-03-01T10:00:00Z");
const untouched: ItemState = { seenAt: null, readAt: null, archivedAt: null };
const archived: ItemState = { seenAt: early, readAt: early, archivedAt: early };

describe("changeItem", () => {
  it.each([
    [untouched, {}, untouched],
    [untouched, { seen: true }, { ...untouched, seenAt: now }],
    [untouched, { read: true }, { ...untouched, seenAt: now, readAt: now }],
    [untouched, { archived: true }, { ...untouched, archivedAt: now }],
    [untouched, { read: false, archived: false }, untouched],
    [archived, { seen: true, read: true, archived: true }, archived],
    [archived, { read: false }, { ...archived, readAt: null }],
    [archived, { archived: false }, { ...archived, archivedAt: null }],
  ] as const)("changes %j by %j", (state, change, expected) => {
    expect(changeItem(state, change, now)).toEqual(expected);
  });
});
