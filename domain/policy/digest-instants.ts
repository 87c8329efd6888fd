import { hourMs } from "../time/durations.ts";
import { clockSpanAt, instantOf, localTimeAt, minuteOf, weekdayOf } from "../time/local-time.ts";
import { type DigestPreferences } from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";

/**
 * When a recipient's next digest is due.
 *
 * - daily and weekly: exactly one for each local day or week, at the given time. A time that the clocks skip moves forward by
 *   as much as they skip, which may be past midnight. Of a time that they repeat, the first pass counts. If a zone skipped a
 *   whole day, as Apia did on 2011-12-30, the digest of that day moves to the same time of the next day: a daily digest
 *   coincides with that of the next day, and a weekly digest is not lost.
 * - hourly: whenever the local clock shows a full hour. An hour that is repeated has two digests, an hour apart, and an hour
 *   that is skipped has none, as no time passes in it.
 * @param after epoch milliseconds
 * @returns the first instant later than `after`
 * @throws {RangeError} if the mode is `immediate`, which has no digests
 */
export function nextDigestAt(digest: DigestPreferences, zone: string, after: number): number {
  switch (digest.mode) {
    case "immediate":
      throw new RangeError("there are no digests in immediate mode");
    case "hourly":
      return nextFullHour(zone, after);
    case "daily":
      return nextTimeOfDay(digest.time, zone, after, 1);
    case "weekly":
      return nextTimeOfDay(digest.time, zone, after, 7, weekdays.indexOf(digest.weekday) + 1);
  }
}

/** The instants of the next `count` digests after `after`, each from `nextDigestAt`. */
export function digestInstants(
  digest: DigestPreferences,
  zone: string,
  after: number,
  count: number,
): number[] {
  const instants: number[] = [];
  for (let at = after; instants.length < count; instants.push(at))
    at = nextDigestAt(digest, zone, at);
  return instants;
}

function nextFullHour(zone: string, after: number): number {
  for (let at = after; ;) {
    const { offset, end } = clockSpanAt(zone, at);
    const next = (Math.floor((at + offset) / hourMs) + 1) * hourMs - offset;
    if (next < end) return next;
    if ((end + clockSpanAt(zone, end).offset) % hourMs === 0) return end;
    at = end;
  }
}

/**
 * The next instant of `time` on every `step`-th day.
 * @param weekday of the first of these days, from 1 for Monday; any day if left out
 */
function nextTimeOfDay(
  time: string,
  zone: string,
  after: number,
  step: number,
  weekday?: number,
): number {
  // Yesterday's digest may still be to come, if its time was moved past midnight.
  let day = localTimeAt(zone, after).day - 1;
  if (weekday !== undefined) day += (weekday - weekdayOf(day) + 7) % 7;
  for (; ; day += step) {
    const at = instantOf(zone, day, minuteOf(time));
    if (at > after) return at;
  }
}
