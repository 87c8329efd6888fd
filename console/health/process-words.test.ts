import { expect, it } from "vitest";
import {
  countStates,
  describeState,
  describeTogether,
  formatClock,
  inOrder,
} from "./process-words.ts";
import type { Process } from "./queries.ts";

const processOf = (more: Partial<Process> = {}): Process => ({
  id: "prc_1",
  kind: "worker",
  state: "alive",
  host: "a",
  pid: 1,
  version: "0.3.0",
  startedAt: "2026-12-01T09:00:00Z",
  seenAt: "2026-12-01T10:00:00Z",
  ready: true,
  taskQueues: [],
  clockAheadMs: 0,
  memory: { bytes: 1, share: 0.1 },
  eventLoopDelayMs: 1,
  faults: [],
  ...more,
});

it("says the state in a word", () => {
  const words = [
    {},
    { ready: false },
    { ready: false, faults: ["It is not ready."] },
    { state: "gone", ready: false, faults: ["It was last seen."] },
  ] as const;
  expect(words.map((more) => describeState(processOf(more as Partial<Process>)).word)).toEqual([
    "Alive",
    "Starting",
    "Not ready",
    "Gone",
  ]);
});

it("says how far a clock is off", () => {
  const clocks = [3, -99, 240, -5_464].map((clockAheadMs) => processOf({ clockAheadMs }));
  expect(clocks.map(formatClock)).toEqual(["right", "right", "240 ms ahead", "5.5 s behind"]);
});

it("says that no worker is alive, and that several versions run", () => {
  const api = processOf({ kind: "api", pid: 2 });
  expect(describeTogether([api, processOf()])).toEqual([]);
  const gone = processOf({ state: "gone", version: "0.2.0" });
  expect(describeTogether([api, gone])).toEqual([expect.stringMatching(/^No worker is alive/)]);
  const older = processOf({ pid: 3, version: "0.2.0" });
  expect(describeTogether([api, older, older])).toEqual([
    expect.stringContaining("0.2.0 (2 workers), 0.3.0 (1 API process)."),
  ]);
});

it("counts those that are alive, and those that are gone", () => {
  const gone = processOf({ state: "gone" });
  expect([countStates([processOf(), processOf()]), countStates([processOf(), gone])]).toEqual([
    "2 alive",
    "1 alive, 1 gone",
  ]);
});

it("lists those with faults first, and keeps the places of the others", () => {
  const all = [
    processOf({ pid: 5 }),
    processOf({ kind: "api", host: "b", pid: 4 }),
    processOf({ pid: 3 }),
    processOf({ pid: 9, faults: ["It is not ready."] }),
  ];
  expect(inOrder(all).map(({ pid }) => pid)).toEqual([9, 4, 3, 5]);
});
