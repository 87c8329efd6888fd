import { expect, it } from "vitest";
import {
  addCell,
  pickCell,
  pickedIn,
  readQueueSearch,
  toDeliverySearch,
  toggle,
  withPicked,
} from "./search.ts";

const nothing = { lines: null, columns: null };

it("selects a cell by itself, and nothing when it is chosen again", () => {
  const one = pickCell(nothing, "digest", "low");
  expect(one).toEqual({ lines: ["digest"], columns: ["low"] });
  expect(pickCell(one, "digest", "low")).toEqual(nothing);
  expect(pickCell(one, "digest", "high")).toEqual({ lines: ["digest"], columns: ["high"] });
});

it("adds the line and the column of a cell, so that each selected line has each selected column", () => {
  const two = addCell(addCell(nothing, "digest", "low"), "none", "high");
  expect(two).toEqual({ lines: ["digest", "none"], columns: ["low", "high"] });
  expect(addCell({ lines: ["digest"], columns: null }, "batch", "low")).toEqual({
    lines: ["digest", "batch"],
    columns: null,
  });
});

it("takes all lines once the last one is taken out", () => {
  expect(toggle(null, "digest")).toEqual(["digest"]);
  expect(toggle(["digest", "batch"], "digest")).toEqual(["batch"]);
  expect(toggle(["batch"], "batch")).toBeNull();
});

it("is the same in the address, and as filters of the deliveries", () => {
  const search = withPicked({}, { lines: ["digest", "none"], columns: ["low"] });
  expect(readQueueSearch({ reason: "digest,none", priority: "low" })).toMatchObject({
    reason: ["none", "digest"],
    priority: ["low"],
  });
  expect(pickedIn(search)).toEqual({ lines: ["digest", "none"], columns: ["low"] });
  expect(toDeliverySearch(search)).toMatchObject({
    status: ["pending"],
    reason: ["digest", "none"],
    priority: ["low"],
  });
});

it("takes the last of several lines where deliveries are filtered by one only", () => {
  const search = withPicked({ by: "queue" }, { lines: ["mailbox/0", "mailbox/1"], columns: null });
  expect(search).toMatchObject({ queue: "mailbox/1", reason: undefined, type: undefined });
  expect(readQueueSearch({ by: "type", queue: "mailbox/0", type: "a" })).toMatchObject({
    by: "type",
    type: "a",
    queue: undefined,
  });
});
