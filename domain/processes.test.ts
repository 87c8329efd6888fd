import { describe, expect, it } from "vitest";
import { describeFaults, findMissed, type ReportedProcess } from "./processes.ts";

const start = Date.parse("2026-12-01T09:00:00Z");
const at = (seconds: number) => new Date(start + seconds * 1_000);

/** A worker that has run for an hour and was seen just now. */
const worker = (more: Partial<ReportedProcess> = {}): ReportedProcess => ({
  kind: "worker",
  host: "a",
  pid: 1,
  version: "0.3.0",
  startedAt: at(0),
  seenAt: at(3_600),
  unseenMs: 0,
  clockAheadMs: 0,
  memoryBytes: 1,
  memoryShare: 0.2,
  eventLoopDelayMs: 3,
  taskQueues: ["delivery"],
  isReady: true,
  ...more,
});
const gone = worker({ unseenMs: 60_000 });

const faultsOf = (of: ReportedProcess, others: ReportedProcess[] = []) =>
  describeFaults(of, [of, ...others], { memory: 0.8 });

describe("the faults of a process", () => {
  it("are none if it works as it should, or has just started", () => {
    expect(faultsOf(worker())).toEqual([]);
    expect(faultsOf(worker({ isReady: false, seenAt: at(30) }))).toEqual([]);
  });

  it.each<[Partial<ReportedProcess>, string]>([
    [{ isReady: false }, "It is not ready"],
    [{ clockAheadMs: 2_001 }, "2 s ahead of the database’s"],
    [{ clockAheadMs: -5_464, isReady: false }, "5.5 s behind the database’s"],
    [{ memoryShare: 0.805 }, "uses 80% of its memory limit"],
    [{ eventLoopDelayMs: 1_240 }, "works 1.2 s late"],
    [{ unseenMs: 240_000 }, "last seen 4 minutes ago and has not stopped properly"],
  ])("of %j are one, in a sentence", (more, text) => {
    expect(faultsOf(worker(more))).toEqual([expect.stringContaining(text)]);
  });

  it("of one that is gone say whether another has taken its place", () => {
    const other = worker({ startedAt: at(3_601), seenAt: at(3_660) });
    expect(faultsOf(gone, [other])[0]).toContain("Another worker has started on this host since.");
    expect(faultsOf(gone)[0]).toContain("Start it again");
  });
});

describe("a process that is missed", () => {
  const started = { startedAt: at(3_601), seenAt: at(3_660) };

  it.each<[string, ReportedProcess[], boolean]>([
    ["one that has vanished", [gone], true],
    ["not one that was seen lately", [worker({ unseenMs: 59_999 })], false],
    ["not one that vanished an hour ago", [worker({ unseenMs: 3_600_000 })], false],
    ["not one that was replaced", [gone, worker(started)], false],
    ["one beside which another goes on", [gone, worker()], true],
    [
      "one of another kind than what has started",
      [gone, worker({ ...started, kind: "api" })],
      true,
    ],
    ["one of another host than what has started", [gone, worker({ ...started, host: "b" })], true],
  ])("is %s", (_, processes, isMissed) => {
    expect(findMissed(processes).includes(processes[0]!)).toBe(isMissed);
  });
});
