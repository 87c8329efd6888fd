import { memoryShare } from "../../config/memory.ts";
import { assess, type Health } from "../../domain/health.ts";
import { agedClocks } from "../../domain/time/clock-age.ts";
import type { LedgerReading } from "../../ledger/health-figures.ts";

/** Rates a reading of the ledger, together with the memory and the time zone data of this process. */
export function assessReading({ at, measured, policy }: LedgerReading): {
  health: Health;
  timeZoneData: ReturnType<typeof agedClocks>;
} {
  const timeZoneData = agedClocks(at.getTime());
  return {
    health: assess({ ...measured, memory: memoryShare(), timeZoneData }, policy),
    timeZoneData,
  };
}
