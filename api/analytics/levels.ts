import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { analyticsWidths } from "../../ledger/analytics-cells.ts";

/** Which cells together cover a time. Instants are epoch milliseconds. */
export interface Levels {
  /** The zone of the days that are read as such. */
  dayZone: string;
  /** The days of UTC that are read as hours, because an interval begins or ends within them. */
  splitDays: number[];
  /** The hours of these days that are read as quarter hours, for the same reason. */
  splitHours: number[];
}

const [quarters, hours] = analyticsWidths;

/**
 * Chooses the longest cells that lie within the intervals between `boundaries`: days where no interval begins within them, then hours, then quarter
 * hours. Cells that are no longer kept are replaced by longer ones, which belong to the interval in which they begin.
 * @param isOfReportDays whether all boundaries are midnights of `zone`, whose days have cells
 */
export function chooseLevels(
  boundaries: readonly number[],
  { isOfReportDays, zone, now }: { isOfReportDays: boolean; zone: string; now: number },
): Levels {
  if (isOfReportDays) return { dayZone: zone, splitDays: [], splitHours: [] };
  const splitBy = (lengthMs: number, keptDays: number) => [
    ...new Set(
      boundaries
        .filter((at) => at % lengthMs !== 0)
        .map((at) => Math.floor(at / lengthMs) * lengthMs)
        .filter((at) => at >= now - keptDays * dayMs),
    ),
  ];
  return {
    dayZone: "UTC",
    splitDays: splitBy(dayMs, hours.days),
    splitHours: splitBy(hourMs, quarters.days),
  };
}
