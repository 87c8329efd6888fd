import type { Logger } from "../config/logger.ts";
import { isClockOff } from "../domain/processes.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { poll } from "../lib/polling.ts";

const remindMs = 60_000;

/** Warns once a minute while the worker's own clock is off. */
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
    if (isClockOff(clock.localAheadMs))
      logger.warn(
        { clockAheadMs: Math.round(clock.localAheadMs) },
        "this worker is not ready, because its clock differs from the database’s by more than 2 s",
      );
  };
  // Without the database there is nothing to compare with, and other parts report that.
  look().catch(() => {});
  return poll(look, everyMs);
}
