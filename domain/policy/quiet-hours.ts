import {
  clockSpanAt,
  dayMs,
  localTimeAt,
  minuteMs,
  minuteOf,
  type LocalTime,
} from "../time/local-time.ts";
import { type EffectivePreferences, type QuietSpan } from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";

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
  for (const span of spans)
    left = Math.max(left, leftOfTodays(span, minute), leftOfYesterdays(span, minute));
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
    if (span.weekday === today) left = Math.max(left, leftOfTodays(span, minute));
    else if (span.weekday === yesterday) left = Math.max(left, leftOfYesterdays(span, minute));
  }
  return left;
}

/** Minutes that are left of the span that began, or begins, today; 0 or less where it is over or has not begun. */
function leftOfTodays(span: QuietSpan, minute: number): number {
  const start = minuteOf(span.start);
  if (minute < start) return 0;
  const end = minuteOf(span.end);
  return (start < end ? end : end + 1_440) - minute;
}

/** Likewise, of the one that began yesterday. */
function leftOfYesterdays(span: QuietSpan, minute: number): number {
  const end = minuteOf(span.end);
  return end < minuteOf(span.start) ? end - minute : 0;
}
