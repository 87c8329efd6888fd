import { describe, expect, it } from "vitest";
import { minuteMs } from "../time/durations.ts";
import { projectStages } from "./project-stages.ts";
import type { Stage } from "./route.ts";

const now = Date.UTC(2027, 2, 1, 9);
const atOnce: Stage = { via: ["in_app"] };
const after = (minutes: number): Stage => ({
  via: ["push", "email"],
  after: { minutes, unless: "read" },
});

const project = (stages: readonly Stage[], number: number, written: readonly number[] = []) =>
  projectStages(stages, number, now, (other) => written.includes(other)).map(
    ({ number: projected, beginsAt }) => [projected, (beginsAt - now) / minuteMs],
  );

describe("the projected stages of a route", () => {
  it("begin one after the other", () =>
    expect(project([atOnce, after(10), after(5)], 0)).toEqual([
      [1, 10],
      [2, 15],
    ]));

  it("end before a stage that begins at once, which is written already", () => {
    const stages = [atOnce, after(10), atOnce, after(5)];
    expect(project(stages, 0)).toEqual([[1, 10]]);
    expect(project(stages, 2)).toEqual([[3, 5]]);
  });

  it("are not those that are in the ledger", () =>
    expect(project([atOnce, after(10), after(5)], 0, [1])).toEqual([]));

  it("are none after the last stage", () => expect(project([atOnce, after(10)], 1)).toEqual([]));
});
