import { formatMilliseconds, formatSeconds } from "./quantities.ts";

/** The kinds of processes that report themselves. */
export const processKinds = ["api", "worker", "inbound"] as const;
export type ProcessKind = (typeof processKinds)[number];

/** A process that has not been seen for this long is gone. It reports itself every ten seconds. */
export const goneAfterMs = 60_000;

const toleratedClockMs = 2_000;

/** A process whose event loop is later than this answers and sends noticeably late. */
const slowEventLoopMs = 500;

/** How long a process may take to start before it counts as a fault that it is not ready. */
const startMs = 30_000;

/** For how long operators are alerted of a process that has vanished and has not been replaced. */
const missedForMs = 3_600_000;

/** A process, with what it last reported of itself. */
export interface ReportedProcess {
  kind: ProcessKind;
  host: string;
  pid: number;
  version: string;
  startedAt: Date;
  seenAt: Date;
  /** How long it has not been seen. */
  unseenMs: number;
  /** How far its own clock is ahead of the database's; negative if it is behind. */
  clockAheadMs: number;
  memoryBytes: number;
  /** The share of its memory limit that it uses, from 0 to 1. */
  memoryShare: number;
  /** The 99th percentile of the delays of its event loop between its last two reports. */
  eventLoopDelayMs: number;
  /** The task queues from which it takes work; none for a process that is no worker. */
  taskQueues: readonly string[];
  isReady: boolean;
}

export const kindWords: Record<ProcessKind, string> = {
  api: "API process",
  worker: "worker",
  inbound: "receiver of returned mail",
};

/** Whether a process has vanished without stopping: it would have removed its row. */
export const isGone = ({ unseenMs }: Pick<ReportedProcess, "unseenMs">): boolean =>
  unseenMs >= goneAfterMs;

/** Whether the clock of a process is so far off that the times in its logs and answers mislead. The database's clock decides which deliveries are due. */
export const isClockOff = (aheadMs: number): boolean => Math.abs(aheadMs) > toleratedClockMs;

/** Whether a process of the same kind has started on the same host since this one was last seen. */
function isReplaced(gone: ReportedProcess, processes: readonly ReportedProcess[]): boolean {
  return processes.some(
    ({ kind, host, startedAt }) =>
      kind === gone.kind && host === gone.host && startedAt > gone.seenAt,
  );
}

/** Selects the processes that have vanished within the last hour and have not been replaced. */
export const findMissed = (processes: readonly ReportedProcess[]): ReportedProcess[] =>
  processes.filter(
    (process) =>
      isGone(process) && process.unseenMs < missedForMs && !isReplaced(process, processes),
  );

/** Says how far a clock is off: `5.5 s ahead of the database’s`. */
export const describeClock = (aheadMs: number): string =>
  `${formatMilliseconds(Math.abs(aheadMs))} ${aheadMs > 0 ? "ahead of" : "behind"} the database’s`;

/**
 * Says what is wrong with a process, and what to do, a sentence or two for each fault.
 * @param memory the share of its memory limit from which the policy warns
 */
export function describeFaults(
  process: ReportedProcess,
  processes: readonly ReportedProcess[],
  { memory }: { memory: number },
): string[] {
  const { kind, startedAt, seenAt, unseenMs, isReady } = process;
  const { clockAheadMs, memoryShare, eventLoopDelayMs } = process;
  if (isGone(process))
    return [
      `It was last seen ${formatSeconds(unseenMs / 1_000)} ago and has not stopped properly: it was killed, for example because memory ran out, or its host or network is down. ` +
        (isReplaced(process, processes)
          ? `Another ${kindWords[kind]} has started on this host since.`
          : "Start it again; its log may show why it ended."),
    ];
  const faults: string[] = [];
  if (isClockOff(clockAheadMs))
    faults.push(
      `Its clock is ${describeClock(clockAheadMs)}. Synchronise the clock of its host: the times in its logs and answers mislead.`,
    );
  else if (!isReady && seenAt.getTime() - startedAt.getTime() > startMs)
    faults.push(
      "It is not ready: it waits for Temporal, is being stopped, or cannot write what it has sent. Its log says which.",
    );
  if (memoryShare >= memory)
    faults.push(
      `It uses ${Math.floor(memoryShare * 100)}% of its memory limit. Raise the limit, or run more processes of this kind.`,
    );
  if (eventLoopDelayMs >= slowEventLoopMs)
    faults.push(
      `It works ${formatMilliseconds(eventLoopDelayMs)} late, because its processor is busy. Give it more processor time, or run more processes of this kind.`,
    );
  return faults;
}
