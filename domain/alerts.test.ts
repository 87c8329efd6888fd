import { expect, it } from "vitest";
import { type AlertFacts, findAlertCauses } from "./alerts.ts";
import type { Health } from "./health.ts";
import type { ReportedProcess } from "./processes.ts";

const now = Date.parse("2026-12-01T09:00:00Z");
const good = { word: "good", value: 0, thresholds: null, detail: "", advice: null } as const;

/** A process that was last seen `unseenMs` ago. */
const processOf = (more: Partial<ReportedProcess> = {}): ReportedProcess => ({
  kind: "worker",
  host: "a",
  pid: 7,
  version: "0.3.0",
  startedAt: new Date(now - 7_200_000),
  seenAt: new Date(now - (more.unseenMs ?? 0)),
  unseenMs: 0,
  clockAheadMs: 0,
  memoryBytes: 1,
  memoryShare: 0.2,
  eventLoopDelayMs: 3,
  taskQueues: [],
  isReady: true,
  ...more,
});
const api = processOf({ kind: "api", pid: 8 });
const goneMs = 60_000;

const find = (processes: ReportedProcess[], more: Partial<AlertFacts> = {}) =>
  findAlertCauses({
    pausedCampaigns: [],
    stuckCampaigns: [],
    openBreakers: [],
    endpointsOff: [],
    health: { indicators: { backlog: good, oldestDue: good } as unknown as Health["indicators"] },
    oldestDueSeconds: 0,
    isAbsenceKnown: true,
    ...more,
    processes,
  });
const kinds = (...of: Parameters<typeof find>) =>
  find(...of).map(({ kind, subject }) => `${kind} ${subject}`.trim());

it.each<[string, ReportedProcess[], Partial<AlertFacts>, string[]]>([
  ["while one is alive", [api, processOf()], { oldestDueSeconds: 600 }, []],
  ["on the first start, with nothing due", [api], {}, []],
  ["when something has been due for a minute", [api], { oldestDueSeconds: 60 }, ["no_worker"]],
  ["when something has just become due", [api], { oldestDueSeconds: 59 }, []],
  ["before processes had time", [api], { oldestDueSeconds: 600, isAbsenceKnown: false }, []],
  [
    "when the last one is gone for long",
    [api, processOf({ unseenMs: 86_400_000 })],
    {},
    ["no_worker"],
  ],
])("a missing worker is alerted or not: %s", (_, processes, facts, expected) => {
  expect(kinds(processes, facts)).toEqual(expected);
});

it("processes that vanished are one alert for each host", () => {
  const vanished = ["a", "a", "b"].map((host, index) =>
    processOf({ host, pid: index + 1, unseenMs: goneMs }),
  );
  const processes = [processOf({ host: "c" }), ...vanished];
  expect(kinds(processes)).toEqual(["process_gone a", "process_gone b"]);
  expect(find(processes)[0]!.detail).toContain(
    "2 processes of this host ended without stopping properly: worker 1, worker 2.",
  );
  expect(kinds(processes, { isAbsenceKnown: false })).toEqual([]);
});

it("a clock that is off is one alert for each host of a live process, with the largest difference", () => {
  const processes = [
    processOf({ clockAheadMs: 9_000 }),
    processOf({ clockAheadMs: -60_000, kind: "api" }),
    processOf({ clockAheadMs: 3_000 }),
    processOf({ host: "b", clockAheadMs: 2_000 }),
    processOf({ host: "c", clockAheadMs: 60_000, unseenMs: goneMs }),
  ];
  const causes = find(processes, { isAbsenceKnown: false });
  expect(causes).toMatchObject([
    { kind: "clock", subject: "a", detail: expect.stringContaining("60 s behind the database’s") },
  ]);
});
