import { expect, it } from "vitest";
import { UninterruptedTime } from "./uninterrupted-time.ts";

it("begins again after an interruption, and where the clock was set back", () => {
  const time = new UninterruptedTime();
  const noted = [0, 15, 55, 96, 110, 105, 120].map((second) => time.note(new Date(second * 1_000)));
  expect(noted).toEqual([0, 15_000, 55_000, 0, 14_000, 0, 15_000]);
});
