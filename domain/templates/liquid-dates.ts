import { filters, type Liquid, Tokenizer, toValue, TypeGuards } from "liquidjs";
import { clockSpanAt, minuteMs } from "../time/local-time.ts";
import { intlName } from "../time/node-clocks.ts";
import { isTimeZone, timeZoneFault } from "../time/zone-names.ts";
import type { FilterHandler } from "./liquid-bounds.ts";

/**
 * Has templates read and show dates alike in every process, where liquidjs goes by its own time zone and by `Intl`: a text without an
 * offset is in UTC; a zone's clocks are those that decisions go by; and a date without a time is that date in every zone.
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

/** A time of day, or the hour of one. */
const timeOfDay = /\d:\d|\dT\d|\d\s*[ap]\.?m\b/i;
/** After a time: an offset, or what `Date.parse` knows by name. */
const offsetAtEnd = /(?:[+-]\d{1,2}:?(?:\d\d)?|\b(?:UTC?|GMT|[ECMP][SD]T)|Z)\s*(?:\([^)]*\))?\s*$/i;

/**
 * What a value says, as liquidjs has it: "now" and "today", numbers and texts of digits, which are seconds, and what `Date` takes.
 * Null for what is no date.
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

/** Reads a text that says no offset. `Date.parse` takes all but the dates of ISO 8601 for the time of the process. */
function parseInUtc(text: string): number {
  const [, date, time] = isoWithoutOffset.exec(text) ?? [];
  if (date !== undefined) return Date.parse(time === undefined ? date : `${date}T${time}Z`);
  return Date.parse(`${text} UTC`);
}

interface Display {
  /** As `Date` counts it. */
  minutesWest: number;
  /** What `%Z` says; null: the offset. */
  name: string | null;
}

const utc: Display = { minutesWest: 0, name: null };

/** A zone by its name, an offset such as "+05:00", or minutes west of Greenwich. */
function displayIn(zone: unknown, at: Date): Display {
  if (typeof zone === "number") return { minutesWest: zone, name: null };
  const name = String(zone);
  const [, sign, hours, minutes = "0"] = offsetText.exec(name) ?? [];
  if (sign !== undefined) {
    const size = Number(hours) * 60 + Number(minutes);
    return { minutesWest: sign === "-" ? size : 0 - size, name };
  }
  // Recipients may have a name that only `Intl` takes.
  if (!isTimeZone(name) && intlName(name) === null)
    throw new RangeError(`date is given a zone that ${timeZoneFault(name)}`);
  return { minutesWest: 0 - clockSpanAt(name, at.getTime()).offset / minuteMs, name };
}

const offsetText = /^([+-])(\d\d):?(\d\d)?$/;

/** liquidjs names a zone only if it reckons the offset itself. */
function withZoneName(format: unknown, name: string): unknown {
  if (typeof format !== "string") return format;
  return format.replaceAll(/%[-_0^#:]*\d*[EO]?(.)/g, (directive, letter) =>
    letter === "Z" ? name.replaceAll("%", "%%") : directive,
  );
}

/** `date` with its zone as text. */
const zoneArgument =
  /\|\s*date\s*:\s*(?:"[^"]*"|'[^']*'|[^\s,|"']+)\s*,\s*(?:"([^"]*)"|'([^']*)')/g;

/** What is wrong with the first zone that a template names and that is none, and where; null where there is no such. */
export function findZoneFault(source: string, { options }: Liquid): string | null {
  for (const token of new Tokenizer(source).readTopLevelTokens(options)) {
    if (TypeGuards.isHTMLToken(token)) continue;
    for (const [, double, single] of token.getText().matchAll(zoneArgument)) {
      const zone = double ?? single ?? "";
      const fault = offsetText.test(zone) ? null : timeZoneFault(zone);
      const [line] = token.getPosition();
      if (fault !== null) return `the zone of date ${fault}, line:${line}`;
    }
  }
  return null;
}
