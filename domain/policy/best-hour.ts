import { dayMs, hourMs } from "../time/durations.ts";
import { clockSpanAt } from "../time/local-time.ts";

/**
 * The hour of the day at which a recipient usually reads messages. Each hour counts twice and each of its neighbours once, so
 * that a single chance reading does not outweigh a habit, and a habit around the full hour is not cut in two.
 * @param engagedHours how often messages were read in each hour of the local day, from 0 to 23
 * @returns from 0 to 23, the earliest of equals; null if there are fewer than `minimumLooks` in all, or not 24 counts
 */
export function bestHour(engagedHours: readonly number[], minimumLooks: number): number | null {
  if (engagedHours.length !== 24) return null;
  if (engagedHours.reduce((sum, looks) => sum + looks, 0) < minimumLooks) return null;
  const looksAt = (hour: number) => engagedHours[(hour + 24) % 24] ?? 0;
  let best = 0;
  let most = -1;
  for (let hour = 0; hour < 24; hour++) {
    const looks = looksAt(hour - 1) + 2 * looksAt(hour) + looksAt(hour + 1);
    if (looks > most) [best, most] = [hour, looks];
  }
  return best;
}

/**
 * The next instant at which the local clock shows an hour of the day: `now` if it shows that hour already. An hour that the
 * clocks skip comes the next day.
 * @param hour from 0 to 23
 * @param now epoch milliseconds
 */
export function nextTimeOfHour(zone: string, hour: number, now: number): number {
  for (let at = now; ;) {
    const { offset, end } = clockSpanAt(zone, at);
    const local = at + offset;
    const midnight = Math.floor(local / dayMs) * dayMs;
    const start = midnight + hour * hourMs;
    if (local >= start && local < start + hourMs) return at;
    const next = (local < start ? start : start + dayMs) - offset;
    if (next < end) return next;
    at = end;
  }
}
