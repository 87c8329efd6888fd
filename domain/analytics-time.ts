import { dayMs, hourMs, minuteMs } from "./time/durations.ts";
import { instantOf, localTimeAt, weekdayOf } from "./time/local-time.ts";

/** The intervals of reports. Weeks begin on Monday. */
export const reportIntervals = ["hour", "day", "week", "month"] as const;
export type ReportInterval = (typeof reportIntervals)[number];

/** The days since 1970-01-01 on which the interval that contains `day` begins, and the next one. */
function daysOf(interval: Exclude<ReportInterval, "hour">, day: number): [number, number] {
  if (interval === "day") return [day, day + 1];
  if (interval === "week") {
    const monday = day - weekdayOf(day) + 1;
    return [monday, monday + 7];
  }
  const date = new Date(day * dayMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return [Date.UTC(year, month) / dayMs, Date.UTC(year, month + 1) / dayMs];
}

/** The interval of `zone` that contains `at`: its beginning and its end, in epoch milliseconds. */
function intervalAt(interval: ReportInterval, zone: string, at: number): [number, number] {
  const { day, minute } = localTimeAt(zone, at);
  if (interval === "hour") {
    const begin = Math.floor(at / minuteMs) * minuteMs - (minute % 60) * minuteMs;
    return [begin, begin + hourMs];
  }
  const [first, next] = daysOf(interval, day);
  return [instantOf(zone, first, 0), instantOf(zone, next, 0)];
}

/** The intervals of a report. */
export interface ReportSpan {
  /** The instants at which intervals begin, and the end of the last one, in epoch milliseconds. First those of the period before. */
  boundaries: number[];
  /** The number of intervals of the report, which is that of the period before too. */
  length: number;
}

/**
 * The intervals of `zone` from the one that contains `from` to the one before `until`, and as many before them. Clock changes make days of 23 or 25
 * hours. Null if these are more than `max`.
 */
export function spanOf(
  {
    interval,
    zone,
    from,
    until,
  }: { interval: ReportInterval; zone: string; from: number; until: number },
  max: number,
): ReportSpan | null {
  const boundaries: number[] = [];
  for (let at = from; ;) {
    const [begin, end] = intervalAt(interval, zone, at);
    boundaries.push(begin);
    if (boundaries.length > max) return null;
    at = end;
    if (end >= until) break;
  }
  const length = boundaries.length;
  boundaries.push(intervalAt(interval, zone, boundaries.at(-1)!)[1]);
  for (let count = 0; count < length; count++)
    boundaries.unshift(intervalAt(interval, zone, boundaries[0]! - 1)[0]);
  return { boundaries, length };
}
