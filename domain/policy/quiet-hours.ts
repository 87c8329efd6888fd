import { dayMs, minuteMs } from "../time/durations.ts";
import {
  clockSpanAt,
  localTimeAt,
  minuteOf,
  weekdayOf,
  type LocalTime,
} from "../time/local-time.ts";
import { type EffectivePreferences, type QuietPeriod } from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";

type QuietTimes = Pick<
  EffectivePreferences,
  "quietHours" | "quietHoursEnabled" | "doNotDisturb" | "doNotDisturbEnabled" | "pausedUntil"
>;

/** Periods that hold messages: none of a kind that is switched off. `pausedUntilMs` is the end of a pause, in epoch milliseconds. */
type QuietPeriods = Pick<QuietTimes, "quietHours" | "doNotDisturb"> & { pausedUntilMs: number };

const none: [] = [];

const findActivePeriods = (times: QuietTimes): QuietPeriods => ({
  quietHours: times.quietHoursEnabled ? times.quietHours : none,
  doNotDisturb: times.doNotDisturbEnabled ? times.doNotDisturb : none,
  pausedUntilMs: times.pausedUntil === undefined ? -Infinity : Date.parse(times.pausedUntil),
});

/** Whether a recipient has periods that hold messages at some time of the week, or has ever paused everything. */
export function hasQuietTimes(times: QuietTimes): boolean {
  const { quietHours, doNotDisturb } = findActivePeriods(times);
  return quietHours.length + doNotDisturb.length > 0 || times.pausedUntil !== undefined;
}

/** How far ahead of now, or of the end of a pause, the end of quiet is looked for. A recipient whose periods cover the whole week is decided again after this. */
const horizonMs = 8 * dayMs;

/**
 * Finds until when a recipient is not to be disturbed. A recipient is quiet while the local clock shows a time within one of
 * their periods: during both occurrences of an hour that is repeated, and never during one that is skipped. Periods of a kind that is
 * switched off do not count. A pause is quiet for the reason `do_not_disturb`.
 * @param now epoch milliseconds
 * @returns `until`, the first instant after `now` outside every period, or 8 days after `now` if there is none before, with the
 * reason for which the recipient is quiet now; null if the recipient is not quiet now
 */
export function quietUntil(
  times: QuietTimes,
  zone: string,
  now: number,
): { until: number; reason: "quiet_hours" | "do_not_disturb" } | null {
  if (!hasQuietTimes(times)) return null;
  const periods = findActivePeriods(times);
  const isPaused = periods.pausedUntilMs > now;
  const shown = localTimeAt(zone, now);
  const inQuietHours = isPaused ? 0 : countQuietMinutes(periods.quietHours, shown);
  if (
    !isPaused &&
    inQuietHours === 0 &&
    countDoNotDisturbMinutes(periods.doNotDisturb, shown) === 0
  )
    return null;
  return {
    until: findEndOfQuiet(periods, zone, Math.max(now, periods.pausedUntilMs)),
    reason: inQuietHours > 0 ? "quiet_hours" : "do_not_disturb",
  };
}

function findEndOfQuiet(
  { quietHours, doNotDisturb }: QuietPeriods,
  zone: string,
  now: number,
): number {
  const horizon = now + horizonMs;
  let at = now;
  while (at < horizon) {
    const shown = localTimeAt(zone, at);
    const left = Math.max(
      countQuietMinutes(quietHours, shown),
      countDoNotDisturbMinutes(doNotDisturb, shown),
    );
    if (left === 0) return at;
    const { offset, end } = clockSpanAt(zone, at);
    const minuteStart = Math.floor((at + offset) / minuteMs) * minuteMs - offset;
    // When the clocks change, the local time jumps, and what is left has to be computed again.
    at = Math.min(minuteStart + left * minuteMs, end);
  }
  return horizon;
}

/** A span of time in which a recipient is not to be disturbed. Instants are epoch milliseconds; `until` is the first one after it. */
export interface QuietSpan {
  from: number;
  until: number;
  reason: "quiet_hours" | "do_not_disturb";
}

/**
 * Lists the spans between two instants in which a recipient is not to be disturbed, by the same rules as `quietUntil`, in the order in which they
 * begin. Spans of one reason do not touch each other; those of different reasons may overlap.
 */
export function listQuietSpans(
  times: QuietTimes,
  zone: string,
  from: number,
  until: number,
): QuietSpan[] {
  const { quietHours, doNotDisturb, pausedUntilMs } = findActivePeriods(times);
  const ofQuietHours: QuietSpan[] = [];
  const ofDoNotDisturb: QuietSpan[] = [
    { from, until: Math.min(pausedUntilMs, until), reason: "do_not_disturb" },
  ];
  for (let at = from; at < until;) {
    const { offset, end } = clockSpanAt(zone, at);
    const last = Math.min(end, until);
    const firstDay = localTimeAt(zone, at).day;
    // A period that began the day before may reach into the span.
    for (let day = firstDay - 1; day * dayMs - offset < last; day += 1) {
      const cut = (period: QuietPeriod, reason: QuietSpan["reason"]): QuietSpan => {
        const [start, stop] = [minuteOf(period.start), minuteOf(period.end)];
        const midnight = day * dayMs - offset;
        return {
          from: Math.max(midnight + start * minuteMs, at),
          until: Math.min(midnight + (start < stop ? stop : stop + 1_440) * minuteMs, last),
          reason,
        };
      };
      for (const period of quietHours) ofQuietHours.push(cut(period, "quiet_hours"));
      for (const period of doNotDisturb)
        if (period.weekday === weekdays[weekdayOf(day) - 1])
          ofDoNotDisturb.push(cut(period, "do_not_disturb"));
    }
    at = last;
  }
  return [...joinSpans(ofQuietHours), ...joinSpans(ofDoNotDisturb)].sort((a, b) => a.from - b.from);
}

/** Leaves out empty spans, and joins those that touch or overlap. */
function joinSpans(spans: readonly QuietSpan[]): QuietSpan[] {
  const joined: QuietSpan[] = [];
  for (const span of spans
    .filter(({ from, until }) => from < until)
    .sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && span.from <= last.until) last.until = Math.max(last.until, span.until);
    else joined.push({ ...span });
  }
  return joined;
}

/** Counts the minutes of local time until the last of the daily periods around it ends; 0 if there is none. */
function countQuietMinutes(periods: QuietPeriods["quietHours"], { minute }: LocalTime): number {
  let left = 0;
  for (const period of periods)
    left = Math.max(
      left,
      countMinutesOfToday(period, minute),
      countMinutesOfYesterday(period, minute),
    );
  return left;
}

/** Counts the minutes of local time until the last of the weekday periods around it ends; 0 if there is none. */
function countDoNotDisturbMinutes(
  periods: QuietPeriods["doNotDisturb"],
  { weekday, minute }: LocalTime,
): number {
  const today = weekdays[weekday - 1];
  const yesterday = weekdays[(weekday + 5) % 7];
  let left = 0;
  for (const period of periods) {
    if (period.weekday === today) left = Math.max(left, countMinutesOfToday(period, minute));
    else if (period.weekday === yesterday)
      left = Math.max(left, countMinutesOfYesterday(period, minute));
  }
  return left;
}

/** Counts the minutes left of a period that starts today; 0 or less if it is over or has not begun. */
function countMinutesOfToday(period: QuietPeriod, minute: number): number {
  const start = minuteOf(period.start);
  if (minute < start) return 0;
  const end = minuteOf(period.end);
  return (start < end ? end : end + 1_440) - minute;
}

/** Counts the minutes left today of a period that started yesterday; 0 or less if it is over. */
function countMinutesOfYesterday(period: QuietPeriod, minute: number): number {
  const end = minuteOf(period.end);
  return end < minuteOf(period.start) ? end - minute : 0;
}
