import {
  clockSpanAt,
  dayMs,
  localTimeAt,
  minuteMs,
  minuteOf,
  type LocalTime,
} from "./local-time.ts";
import { weekdays, type EffectivePreferences } from "./preferences.ts";

type QuietTimes = Pick<EffectivePreferences, "quietHours" | "doNotDisturb">;

/** Whoever is never to be disturbed is asked again after this. */
const horizonMs = 8 * dayMs;

/**
 * Until when a recipient is not to be disturbed; null where they may be now. They are quiet while their clock shows a
 * time within one of their spans: through both passes of an hour that is repeated, and never through one that is skipped.
 * @param now epoch milliseconds
 * @returns `until`, the first instant after `now` outside of every span, or 8 days after `now` where there is none
 * before; and the reason for which they are quiet now
 */
export function quietUntil(
  { quietHours, doNotDisturb }: QuietTimes,
  zone: string,
  now: number,
): { until: number; reason: "quiet_hours" | "do_not_disturb" } | null {
  if (quietHours.length === 0 && doNotDisturb.length === 0) return null;
  const shown = localTimeAt(zone, now);
  const inQuietHours = quietMinutesLeft(quietHours, shown);
  if (inQuietHours === 0 && doNotDisturbMinutesLeft(doNotDisturb, shown) === 0) return null;
  return {
    until: endOfQuiet({ quietHours, doNotDisturb }, zone, now),
    reason: inQuietHours > 0 ? "quiet_hours" : "do_not_disturb",
  };
}

function endOfQuiet({ quietHours, doNotDisturb }: QuietTimes, zone: string, now: number): number {
  const horizon = now + horizonMs;
  let at = now;
  while (at < horizon) {
    const shown = localTimeAt(zone, at);
    const left = Math.max(
      quietMinutesLeft(quietHours, shown),
      doNotDisturbMinutesLeft(doNotDisturb, shown),
    );
    if (left === 0) return at;
    const { offset, end } = clockSpanAt(zone, at);
    const minuteStart = Math.floor((at + offset) / minuteMs) * minuteMs - offset;
    // Past the end of its span the clock shows something else.
    at = Math.min(minuteStart + left * minuteMs, end);
  }
  return horizon;
}

/** By the clock, until the last of the spans that it is in ends; 0 where it is in none. */
function quietMinutesLeft(spans: QuietTimes["quietHours"], { minute }: LocalTime): number {
  let left = 0;
  for (const span of spans) {
    const start = minuteOf(span.start);
    const end = minuteOf(span.end);
    if (start < end) {
      if (minute >= start && minute < end) left = Math.max(left, end - minute);
    } else if (minute >= start) left = Math.max(left, end + 1_440 - minute);
    else if (minute < end) left = Math.max(left, end - minute);
  }
  return left;
}

/** Likewise, of spans that each begin on a weekday. */
function doNotDisturbMinutesLeft(
  spans: QuietTimes["doNotDisturb"],
  { weekday, minute }: LocalTime,
): number {
  const today = weekdays[weekday - 1];
  const yesterday = weekdays[(weekday + 5) % 7];
  let left = 0;
  for (const span of spans) {
    if (span.weekday !== today && span.weekday !== yesterday) continue;
    const start = minuteOf(span.start);
    const end = minuteOf(span.end);
    if (span.weekday === today) {
      if (minute >= start && start < end && minute < end) left = Math.max(left, end - minute);
      else if (minute >= start && start > end) left = Math.max(left, end + 1_440 - minute);
    } else if (start > end && minute < end) left = Math.max(left, end - minute);
  }
  return left;
}
