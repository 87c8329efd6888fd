/** What the clocks of a place show. */
export interface LocalTime {
  /** Local days since 1970-01-01. */
  day: number;
  /** Of the local day, from 0 to 1439. A repeated hour has its minutes twice, a skipped one not at all. */
  minute: number;
  /** As in ISO 8601: Monday is 1. */
  weekday: number;
}

/** A time during which the clocks of a place run evenly. */
export interface ClockSpan {
  /** Milliseconds that the local clock is ahead of UTC. */
  offset: number;
  /** The first instant after it, in epoch milliseconds. The next may have the same offset. */
  end: number;
}

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/**
 * What the clocks of `zone` show at `at`, by the time zone data of this Node. A name that this Node does not know reads
 * as UTC: the data of another release may have had it, and nobody goes without a decision for that.
 * @param at epoch milliseconds
 */
export function localTimeAt(zone: string, at: number): LocalTime {
  const local = at + clockSpanAt(zone, at).offset;
  const day = Math.floor(local / dayMs);
  return { day, minute: Math.floor((local - day * dayMs) / minuteMs), weekday: weekdayOf(day) };
}

/**
 * The instant at which the clocks of `zone` show `minute` of `day`: the first, where they show it twice. What they skip
 * is moved forward by as much as they skip.
 * @param day local days since 1970-01-01
 * @param minute of that day; 1440 is the next day's first
 * @returns epoch milliseconds
 */
export function instantOf(zone: string, day: number, minute: number): number {
  const local = day * dayMs + minute * minuteMs;
  // No offset reaches a day, and no zone changes its clocks twice within days: there are no others at this time.
  const before = clockSpanAt(zone, local - dayMs).offset;
  const after = clockSpanAt(zone, local + dayMs).offset;
  for (const offset of [before, after])
    if (clockSpanAt(zone, local - offset).offset === offset) return local - offset;
  return local - before;
}

/** ISO weekday of a day since 1970-01-01, a Thursday. */
export function weekdayOf(day: number): number {
  return ((((day + 3) % 7) + 7) % 7) + 1;
}

/** The minute of the day that "HH:MM" names, from 0 to 1440. */
export function minuteOf(clockTime: string): number {
  const digit = (index: number) => clockTime.charCodeAt(index) - 48;
  return (digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4);
}

/** The span that `at` is in; zones as for `localTimeAt`. */
export function clockSpanAt(zone: string, at: number): ClockSpan {
  const { name, blocks } = zoneOf(zone);
  const index = Math.floor(at / blockMs);
  let spans = blocks.get(index);
  if (spans === undefined) {
    if (blocks.size >= maxBlocks) blocks.clear();
    blocks.set(index, (spans = spansBetween(name, index * blockMs, (index + 1) * blockMs)));
  }
  for (const span of spans) if (at < span.end) return span;
  throw new RangeError(`no instant: ${at}`);
}

/** Spans are kept by blocks of about a year. */
const blockMs = 2 ** 35;
/** From 1900 to 2100 no zone changes its clocks twice within 6.9 days. */
const sampleMs = 4 * dayMs;
const maxBlocks = 64;
const maxZones = 1_000;

interface Zone {
  name: string;
  blocks: Map<number, ClockSpan[]>;
}

/** By their names, and by the others that `Intl` takes: links, and any case. */
const zones = new Map<string, Zone>();

function zoneOf(given: string): Zone {
  const known = zones.get(given);
  if (known) return known;
  const name = canonicalZone(given);
  const zone = name === given ? { name, blocks: new Map<number, ClockSpan[]>() } : zoneOf(name);
  if (zones.size >= maxZones) zones.clear();
  zones.set(given, zone);
  return zone;
}

function canonicalZone(given: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: given }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

/** `Intl` tells an offset and no change of it: it is asked every few days, and a change is searched for in between. */
function spansBetween(zone: string, from: number, to: number): ClockSpan[] {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "longOffset" });
  const offsetAt = (at: number) => offsetIn(format.format(at));
  const spans: ClockSpan[] = [];
  let offset = offsetAt(from);
  for (let at = from; at < to;) {
    const next = Math.min(at + sampleMs, to);
    if (offsetAt(next) === offset) {
      at = next;
      continue;
    }
    let [same, end] = [at, next];
    while (end - same > 1) {
      const middle = Math.floor((same + end) / 2);
      if (offsetAt(middle) === offset) same = middle;
      else end = middle;
    }
    spans.push({ offset, end });
    offset = offsetAt(end);
    at = end;
  }
  spans.push({ offset, end: to });
  return spans;
}

/** Milliseconds, of a date such as "08/03/2026, GMT-04:00"; some versions of `Intl` write GMT alone for none. */
function offsetIn(formatted: string): number {
  const [, sign, hours = 0, minutes = 0, seconds = 0] =
    /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(formatted) ?? [];
  const size = Number(hours) * hourMs + Number(minutes) * minuteMs + Number(seconds) * 1_000;
  return sign === "-" ? -size : size;
}
/** In the order of ISO 8601: Monday is 1. */
export const weekdays = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const;
