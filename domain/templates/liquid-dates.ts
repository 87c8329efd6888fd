import { filters, type Liquid, Tokenizer, toValue, TypeGuards } from "liquidjs";
import { minuteMs } from "../time/durations.ts";
import { clockSpanAt } from "../time/local-time.ts";
import { intlName } from "../time/node-clocks.ts";
import { isTimeZone, timeZoneFault } from "../time/zone-names.ts";
import type { FilterHandler } from "./liquid-bounds.ts";

/**
 * Replaces the date filters of liquidjs, which depend on the time zone of the process and on `Intl`, so that dates are read and shown the same
 * in every process. A text without an offset is in UTC, a zone has the clocks that decisions use, and a date without a time is the
 * same date in every zone.
 */
export function registerDateFilters(liquid: Liquid): void {
  const show = filters["date"] as FilterHandler;
  liquid.registerFilter("date", function (value: unknown, format?: unknown, zone?: unknown) {
    const read = readDate(value);
    if (!read) return value;
    const shown = isNothing(zone) || read.isDateOnly ? utc : displayIn(toValue(zone), read.at);
    const named = shown.name === null ? format : withZoneName(toValue(format), shown.name);
    return show.call(this, read.at, named, shown.minutesWest);
  });
  for (const name of ["xmlschema", "rfc822", "string", "long_string"]) {
    const filter = filters[`date_to_${name}`] as FilterHandler;
    liquid.registerFilter(`date_to_${name}`, function (value: unknown, ...rest: unknown[]) {
      const read = readDate(value);
      return read ? filter.call(this, read.at, ...rest) : value;
    });
  }
}

const isNothing = (value: unknown) => toValue(value) === undefined || toValue(value) === null;

interface ReadDate {
  at: Date;
  isDateOnly: boolean;
}

/** Matches a time of day, or its hour. */
const timeOfDay = /\d:\d|\dT\d|\d\s*[ap]\.?m\b/i;
/** Matches an offset after a time, or a zone name that `Date.parse` accepts. */
const offsetAtEnd = /(?:[+-]\d{1,2}:?(?:\d\d)?|\b(?:UTC?|GMT|[ECMP][SD]T)|Z)\s*(?:\([^)]*\))?\s*$/i;

/**
 * Reads a value as liquidjs does: "now" and "today", numbers and texts of digits, which are seconds, and everything that `Date` accepts.
 * Returns null for a value that is not a date.
 */
function readDate(value: unknown): ReadDate | null {
  const plain: unknown = toValue(value);
  if (plain === undefined || plain === null) return null;
  if (plain === "now" || plain === "today") return { at: new Date(), isDateOnly: false };
  if (typeof plain === "number") return dated(plain * 1_000);
  if (typeof plain !== "string") return dated(plain as Date);
  if (/^\d+$/.test(plain)) return dated(Number(plain) * 1_000);
  if (!timeOfDay.test(plain)) return dated(parseInUtc(plain), true);
  const afterTime = plain.slice(plain.search(timeOfDay));
  return dated(offsetAtEnd.test(afterTime) ? Date.parse(plain) : parseInUtc(plain));
}

function dated(at: number | Date, isDateOnly = false): ReadDate | null {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : { at: date, isDateOnly };
}

const isoWithoutOffset =
  /^\s*([+-]?\d{4,6}-\d\d(?:-\d\d)?)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?))?\s*$/i;

/** Reads a text without an offset. `Date.parse` assumes the time zone of the process for all such texts but ISO 8601 dates. */
function parseInUtc(text: string): number {
  const [, date, time] = isoWithoutOffset.exec(text) ?? [];
  if (date !== undefined) return Date.parse(time === undefined ? date : `${date}T${time}Z`);
  return Date.parse(`${text} UTC`);
}

interface Display {
  /** The offset from UTC with the sign of `Date.getTimezoneOffset`. */
  minutesWest: number;
  /** What `%Z` prints; null prints the offset. */
  name: string | null;
}

const utc: Display = { minutesWest: 0, name: null };

/** Accepts the name of a zone, an offset such as "+05:00", or minutes west of Greenwich. */
function displayIn(zone: unknown, at: Date): Display {
  if (typeof zone === "number") return { minutesWest: zone, name: null };
  const name = String(zone);
  const [, sign, hours, minutes = "0"] = offsetText.exec(name) ?? [];
  if (sign !== undefined) {
    const size = Number(hours) * 60 + Number(minutes);
    return { minutesWest: sign === "-" ? size : 0 - size, name };
  }
  // Recipients may still have a zone name that only `Intl` accepts.
  if (!isTimeZone(name) && intlName(name) === null)
    throw new RangeError(`date is given a zone that ${timeZoneFault(name)}`);
  return { minutesWest: 0 - clockSpanAt(name, at.getTime()).offset / minuteMs, name };
}

const offsetText = /^([+-])(\d\d):?(\d\d)?$/;

/** Puts the name of the zone in the place of `%Z`: liquidjs prints a name only if it calculates the offset itself. */
function withZoneName(format: unknown, name: string): unknown {
  if (typeof format !== "string") return format;
  return format.replaceAll(/%[-_0^#:]*\d*[EO]?(.)/g, (directive, letter) =>
    letter === "Z" ? name.replaceAll("%", "%%") : directive,
  );
}

/** Matches the filter `date` with a literal zone. */
const zoneArgument =
  /\|\s*date\s*:\s*(?:"[^"]*"|'[^']*'|[^\s,|"']+)\s*,\s*(?:"([^"]*)"|'([^']*)')/g;

/** Describes the first literal zone in a template that is not a time zone, with its line; null where there is none. */
export function findZoneFault(source: string, { options }: Liquid): string | null {
  for (const token of new Tokenizer(source).readTopLevelTokens(options)) {
    if (TypeGuards.isHTMLToken(token)) continue;
    for (const [, double, single] of token.getText().matchAll(zoneArgument)) {
      const zone = double ?? single ?? "";
      const fault = offsetText.test(zone) ? null : timeZoneFault(zone);
      const [line, column] = token.getPosition();
      if (fault !== null) return `the zone of date ${fault}, line:${line}, col:${column}`;
    }
  }
  return null;
}
