import { dayMs, minuteMs } from "./durations.ts";
import type { ClockData, ClockSpan } from "./clocks.ts";
import { intlName, nodeClocks } from "./node-clocks.ts";

/** The local time that the clocks of a zone show. */
export interface LocalTime {
  /** Local days since 1970-01-01. */
  day: number;
  /** The minute of the local day, from 0 to 1439. The minutes of a repeated hour occur twice, those of a skipped hour never. */
  minute: number;
  /** The ISO 8601 weekday: Monday is 1. */
  weekday: number;
}

/**
 * The local time in `zone` at `at`, by the time zone data in use. Every name that `Intl` accepts is understood too: recipients may have one
 * from before only IANA's names were accepted. An unknown name is treated as UTC: the zone may be from another release of the data, and its
 * recipients still need a decision.
 * @param at epoch milliseconds
 */
export function localTimeAt(zone: string, at: number): LocalTime {
  const local = at + clockSpanAt(zone, at).offset;
  const day = Math.floor(local / dayMs);
  return { day, minute: Math.floor((local - day * dayMs) / minuteMs), weekday: weekdayOf(day) };
}

/**
 * The instant at which the clocks of `zone` show `minute` of `day`: the first, where they show it twice. A local time that they skip
 * is moved forward by the length of the skip.
 * @param day local days since 1970-01-01
 * @param minute the minute of that day; 1440 is the first minute of the next day
 * @returns epoch milliseconds
 */
export function instantOf(zone: string, day: number, minute: number): number {
  const local = day * dayMs + minute * minuteMs;
  // No offset reaches a day, and no zone changes its clocks twice within two days: no other offset is possible.
  const before = clockSpanAt(zone, local - dayMs).offset;
  const after = clockSpanAt(zone, local + dayMs).offset;
  for (const offset of [before, after])
    if (clockSpanAt(zone, local - offset).offset === offset) return local - offset;
  return local - before;
}

/** A day as the clocks of a zone have it. Instants are epoch milliseconds; `until` is the first one after it. */
export interface LocalDay {
  /** Such as 2027-03-28. */
  date: string;
  from: number;
  until: number;
}

/** Lists the local days of a zone that have an instant from `from` to `until`, without `until`. Days that the zone skips are left out. */
export function listLocalDays(zone: string, from: number, until: number): LocalDay[] {
  const days: LocalDay[] = [];
  for (let day = localTimeAt(zone, from).day; ; day += 1) {
    const [begin, end] = [instantOf(zone, day, 0), instantOf(zone, day + 1, 0)];
    if (begin >= until) return days;
    const date = new Date(day * dayMs).toISOString().slice(0, 10);
    if (begin < end) days.push({ date, from: begin, until: end });
  }
}

/** The ISO weekday of a day, counted from 1970-01-01, a Thursday. */
export function weekdayOf(day: number): number {
  return ((((day + 3) % 7) + 7) % 7) + 1;
}

/** Parses "HH:MM" to the minute of the day, from 0 to 1440. */
export function minuteOf(clockTime: string): number {
  const digit = (index: number) => clockTime.charCodeAt(index) - 48;
  return (digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4);
}

let inUse: ClockData = nodeClocks;

/** The time zone data in use: that of Node.js until `useClocks` sets other data. */
export const clocksInUse = (): ClockData => inUse;

/** Sets the time zone data that this process uses. */
export function useClocks(clocks: ClockData): void {
  inUse = clocks;
  zones.clear();
}

/** The span that contains `at` (epoch milliseconds). Names of zones are resolved as in `localTimeAt`. Throws on a number that is not finite. */
export function clockSpanAt(zone: string, at: number): ClockSpan {
  const { blocks, clocks, name } = zoneOf(zone);
  const index = Math.floor(at / blockMs);
  let spans = blocks.get(index);
  if (spans === undefined) {
    if (blocks.size >= maxBlocks) blocks.clear();
    spans = clocks.spansBetween(name, index * blockMs, (index + 1) * blockMs);
    blocks.set(index, spans);
  }
  for (const span of spans) if (at < span.end) return span;
  throw new RangeError(`no instant: ${at}`);
}

/** Spans are cached in blocks of about a year. */
const blockMs = 2 ** 35;
const maxBlocks = 64;
const maxZones = 1_000;

/** A zone's name and the data that contains it. */
interface KnownZone {
  clocks: Pick<ClockData, "spansBetween">;
  name: string;
}

interface Zone extends KnownZone {
  blocks: Map<number, ClockSpan[]>;
}

/** The cache of zones by name, in the spelling that was given. */
const zones = new Map<string, Zone>();

function zoneOf(given: string): Zone {
  const known = zones.get(given);
  if (known) return known;
  const { clocks, name } = findZone(given);
  const zone =
    name === given ? { clocks, name, blocks: new Map<number, ClockSpan[]>() } : zoneOf(name);
  if (zones.size >= maxZones) zones.clear();
  zones.set(given, zone);
  return zone;
}

function findZone(given: string): KnownZone {
  const named = inUse.nameOf(given);
  if (named !== null) return { clocks: inUse, name: named };
  const name = intlName(given);
  if (name === null) return { clocks: nodeClocks, name: "UTC" };
  // `Intl` resolves an older name, but the data in use may be newer than that of `Intl`.
  const canonical = inUse.nameOf(name);
  return canonical === null ? { clocks: nodeClocks, name } : { clocks: inUse, name: canonical };
}

/** The weekdays in the order of ISO 8601: Monday is 1, at index 0. */
export const weekdays = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const;
