import { performance } from "node:perf_hooks";
import type { Pool } from "pg";
import { defineStatement, executeOn } from "./sql.ts";

/**
 * The ledger's clock, as a worker sees it: the instant that the database gave last, and the time that has passed since by the
 * worker's monotonic clock. It is never ahead of the database by more than the two drift apart in a second.
 */
export interface LedgerClock {
  now(): Date;
  /** Asks the database, unless it has been asked within the last second. Rejects where it cannot be reached. */
  refresh(): Promise<void>;
  /** An instant of this worker's own clock, as the ledger's has it. */
  fromLocal(instant: Date): Date;
  /** By how much this worker's own clock is ahead of the ledger's, in milliseconds; negative if it is behind. */
  readonly localAheadMs: number;
}

const freshMs = 1_000;

const readNow = defineStatement<object, { nowMs: number }>(
  `SELECT (extract(epoch FROM ledger_now()) * 1000)::float8 AS "nowMs"`,
  "now",
);

/** @param staysFreshMs for how long an answer of the database is gone on from */
export function createLedgerClock(
  pool: Pick<Pool, "query">,
  { staysFreshMs = freshMs }: { staysFreshMs?: number } = {},
): LedgerClock {
  const execute = executeOn(pool);
  let read = { nowMs: Date.now(), atMs: Number.NEGATIVE_INFINITY };
  let reading: Promise<void> | null = null;

  const ask = async () => {
    const [row] = await execute(readNow, {});
    // The way back is not counted: an instant that is a little early is one at which nothing is sent too early.
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
