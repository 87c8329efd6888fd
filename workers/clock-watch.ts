import type { Logger } from "../config/logger.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { poll } from "../lib/polling.ts";

const toleratedMs = 2_000;
const remindMs = 60_000;

/** True if the worker's own clock is so far off that the times in its logs and attempts mislead. The ledger's clock decides which deliveries are due. */
export const isClockOff = (clock: Pick<LedgerClock, "localAheadMs">): boolean =>
  Math.abs(clock.localAheadMs) > toleratedMs;

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
    if (isClockOff(clock))
      logger.warn(
        { clockAheadMs: Math.round(clock.localAheadMs) },
        "this worker is not ready, because its clock differs from the database’s by more than 2 s",
      );
  };
  // Without the database there is nothing to compare with, and other parts report that.
  look().catch(() => {});
  return poll(look, everyMs);
}
