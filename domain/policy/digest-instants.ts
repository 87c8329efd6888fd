import {
  clockSpanAt,
  hourMs,
  instantOf,
  localTimeAt,
  minuteOf,
  weekdayOf,
} from "../time/local-time.ts";
import { type DigestPreferences } from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";

/**
 * When a recipient's next digest is due.
 *
 * - daily and weekly: exactly one of each local day, or week, at its time. A time that the clocks skip moves forward by as
 *   much as they skip, which may be past midnight; one that they repeat is its first. Where a zone has skipped a whole
 *   day, as Apia did on 2011-12-30, that day's is moved to the same time of the next: with a daily one it is the next
 *   day's own, so that there is one, and a weekly one is not lost.
 * - hourly: whenever the local clock shows a full hour. So there are two of an hour that is repeated, an hour apart, and
 *   none of one that is skipped, as no time passes in it.
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
      return nextOfDays(digest.time, zone, after, 1);
    case "weekly":
      return nextOfDays(digest.time, zone, after, 7, weekdays.indexOf(digest.weekday) + 1);
  }
}

/** The next `count` digests after `after`, as `nextDigestAt` has them. */
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

/** @param weekday that the first of the days has to be; any where it is left out */
function nextOfDays(
  time: string,
  zone: string,
  after: number,
  step: number,
  weekday?: number,
): number {
  // Yesterday's may still be to come, where its time was moved past midnight.
  let day = localTimeAt(zone, after).day - 1;
  if (weekday !== undefined) day += (weekday - weekdayOf(day) + 7) % 7;
  for (; ; day += step) {
    const at = instantOf(zone, day, minuteOf(time));
    if (at > after) return at;
  }
}
