import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { TurnShare } from "./turn-share.ts";

it("continues work in the next turn once the steps of this turn are used", async () => {
  const share = new TurnShare(100);
  const resumed: string[] = [];
  const resume = () => resumed.push("again");
  share.spend(99);
  expect(share.allows(resume)).toBe(true);
  share.spend(1);
  expect(share.allows(resume)).toBe(false);
  expect(share.allows(resume)).toBe(false);
  expect(resumed).toEqual([]);
  await nextTurn();
  expect(resumed).toEqual(["again"]);
  expect(share.allows(resume)).toBe(true);
});

it("limits the steps of all waiting work together to those of one turn", async () => {
  const share = new TurnShare(100);
  let turn = 0;
  const turns: number[] = [];
  const work = async () => {
    for (let wait = share.wait(); wait; wait = share.wait()) await wait;
    share.spend(50);
    turns.push(turn);
  };
  const all = Promise.all(Array.from({ length: 6 }, work));
  for (turn = 1; turn <= 4; turn += 1) await nextTurn();
  await all;
  expect(turns).toHaveLength(6);
  for (const each of new Set(turns)) expect(turns.filter((of) => of === each)).toHaveLength(2);
});
