import type { ClockData, ClockSpan } from "./clocks.ts";
import { intlName, nodeClocks } from "./node-clocks.ts";

/** What the clocks of a place show. */
export interface LocalTime {
  /** Local days since 1970-01-01. */
  day: number;
  /** Of the local day, from 0 to 1439. A repeated hour has its minutes twice, a skipped one not at all. */
  minute: number;
  /** As in ISO 8601: Monday is 1. */
  weekday: number;
}

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/**
 * What the clocks of `zone` show at `at`, by the time zone data in use. Any name that `Intl` takes is read too, as it reads it:
 * recipients may have one from before only IANA's were taken. What nobody knows reads as UTC: the data of another release may have
 * had it, and nobody goes without a decision for that.
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

let inUse: ClockData = nodeClocks;

/** The time zone data that everything here goes by: that of Node.js until a process gives other data. */
export const clocksInUse = (): ClockData => inUse;

/** Goes by other data from now on. */
export function useClocks(clocks: ClockData): void {
  inUse = clocks;
  zones.clear();
}

/** The span that `at` is in; zones as for `localTimeAt`. */
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

/** Spans are kept by blocks of about a year. */
const blockMs = 2 ** 35;
const maxBlocks = 64;
const maxZones = 1_000;

/** A name, and the data that knows it under that name. */
interface KnownZone {
  clocks: Pick<ClockData, "spansBetween">;
  name: string;
}

interface Zone extends KnownZone {
  blocks: Map<number, ClockSpan[]>;
}

/** By their names in any case. */
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
  // The data in use may be newer than that of `Intl`, which knows what an older name stands for.
  const canonical = inUse.nameOf(name);
  return canonical === null ? { clocks: nodeClocks, name } : { clocks: inUse, name: canonical };
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
