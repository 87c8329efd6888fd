import { expect, it } from "vitest";
import { reconcile } from "./shown-rows.ts";

const row = (id: string, status = "pending") => ({ id, status });

it("keeps rows in their places, and gives them their new content", () => {
  const { rows, fresh } = reconcile(
    [row("c"), row("b"), row("a")],
    [row("c"), row("b", "sent"), row("a")],
  );
  expect(rows.map(({ row: { id, status } }) => [id, status])).toEqual([
    ["c", "pending"],
    ["b", "sent"],
    ["a", "pending"],
  ]);
  expect(fresh).toBe(0);
});

it("counts new rows, and does not take those that they pushed to the next page for gone", () => {
  const { rows, fresh } = reconcile([row("c"), row("b"), row("a")], [row("d"), row("c"), row("b")]);
  expect(fresh).toBe(1);
  expect(rows.map(({ hasLeft }) => hasLeft)).toEqual([false, false, false]);
});

it("marks rows that match no longer", () => {
  const left = (shown: string[], read: string[]) =>
    reconcile(
      shown.map((id) => row(id)),
      read.map((id) => row(id)),
    )
      .rows.filter(({ hasLeft }) => hasLeft)
      .map(({ row: { id } }) => id);
  expect(left(["c", "b", "a"], ["c", "a"])).toEqual(["b"]);
  expect(left(["b", "a"], [])).toEqual(["b", "a"]);
});
