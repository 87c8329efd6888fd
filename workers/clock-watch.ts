import type { Logger } from "../config/logger.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { poll } from "../lib/polling.ts";

const toleratedMs = 2_000;
const remindMs = 60_000;

/** Is the worker's own clock so far off that its logs and the instants of its attempts mislead? What is due, the ledger's clock decides. */
export const isClockOff = (clock: Pick<LedgerClock, "localAheadMs">): boolean =>
  Math.abs(clock.localAheadMs) > toleratedMs;

/** Warns once a minute for as long as the worker's own clock is off. */
export function watchClock({
  clock,
  logger,
  everyMs = remindMs,
}: {
  clock: Pick<LedgerClock, "localAheadMs" | "refresh">;
  logger: Pick<Logger, "warn">;
  everyMs?: number;
}): { stop(): void } {
  const look = async () => {
    await clock.refresh();
    if (isClockOff(clock))
      logger.warn(
        { clockAheadMs: Math.round(clock.localAheadMs) },
        "this worker is not ready: its clock is off by more than 2 s, as the database’s has it",
      );
  };
  // Without the database there is nothing to compare with, and others say so.
  look().catch(() => {});
  return poll(look, everyMs);
}
