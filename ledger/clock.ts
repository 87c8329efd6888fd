import { performance } from "node:perf_hooks";
import type { Pool } from "pg";
import { defineStatement, executeOn } from "./sql.ts";

/**
 * A worker's copy of the ledger's clock: the last instant read from the database, plus the time that has passed since then on the worker's
 * monotonic clock. It is ahead of the database by at most the drift of the two clocks within a second.
 */
export interface LedgerClock {
  now(): Date;
  /** Reads the time from the database, unless that was done within the last second. Rejects where the database cannot be reached. */
  refresh(): Promise<void>;
  /** Converts an instant of this worker's own clock to the ledger's clock. */
  fromLocal(instant: Date): Date;
  /** The milliseconds by which this worker's own clock is ahead of the ledger's; negative if it is behind. */
  readonly localAheadMs: number;
}

const freshMs = 1_000;

const readNow = defineStatement<object, { nowMs: number }>(
  `SELECT (extract(epoch FROM ledger_now()) * 1000)::float8 AS "nowMs"`,
  "now",
);

/**
 * Creates a copy of the ledger's clock.
 * @param staysFreshMs how long a time read from the database is used
 */
export function createLedgerClock(
  pool: Pick<Pool, "query">,
  { staysFreshMs = freshMs }: { staysFreshMs?: number } = {},
): LedgerClock {
  const execute = executeOn(pool);
  let read = { nowMs: Date.now(), atMs: Number.NEGATIVE_INFINITY };
  let reading: Promise<void> | null = null;

  const ask = async () => {
    const [row] = await execute(readNow, {});
    // The network latency is ignored: with a clock that is slightly behind, no message is sent too early.
    read = { nowMs: row!.nowMs, atMs: performance.now() };
  };
  const nowMs = () =>
    read.atMs === Number.NEGATIVE_INFINITY
      ? Date.now()
      : read.nowMs + performance.now() - read.atMs;

  return {
    now: () => new Date(nowMs()),
    fromLocal: (instant) => new Date(instant.getTime() + nowMs() - Date.now()),
    get localAheadMs() {
      return Date.now() - nowMs();
    },
    refresh() {
      if (performance.now() - read.atMs < staysFreshMs) return Promise.resolve();
      reading ??= ask().finally(() => (reading = null));
      return reading;
    },
  };
}
