import { expect, it } from "vitest";
import { heatOf, sumColumns, toMatrix } from "./matrix.ts";

const group = (line: string | null, priority: "low" | "normal", waiting: number) => ({
  line,
  priority,
  waiting,
  due: line === null ? waiting : 0,
  sending: 0,
  nextDueAt: line === null ? null : `2027-03-0${waiting}T00:00:00Z`,
});

it("adds up by line, the longest first, with the earliest time at which more are due", () => {
  const lines = toMatrix([
    group("digest", "low", 2),
    group("digest", "normal", 3),
    group(null, "normal", 7),
    group("batch", "normal", 0),
  ]);
  expect(lines.map(({ name, total }) => [name, total])).toEqual([
    [null, { waiting: 7, due: 7 }],
    ["digest", { waiting: 5, due: 0 }],
  ]);
  expect(lines[1]).toMatchObject({
    cells: { low: { waiting: 2 }, normal: { waiting: 3 }, critical: { waiting: 0 } },
    nextDueAt: "2027-03-02T00:00:00Z",
  });
  expect(sumColumns(lines)).toMatchObject({
    low: { waiting: 2, due: 0 },
    normal: { waiting: 10, due: 7 },
  });
});

it("has no heat for nothing, and the most for the largest", () => {
  expect([0, 1, 1_000].map((count) => heatOf(count, 1_000))).toEqual([0, 1, 4]);
  expect(heatOf(1, 1)).toBe(4);
});
