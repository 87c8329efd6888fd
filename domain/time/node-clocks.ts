import { hourMs, minuteMs } from "./durations.ts";
import { type ClockData, type ClockSpan, endOfYearOf } from "./clocks.ts";
import { ianaNames } from "./iana-names.ts";

/** From 1900 to 2100 no zone changes its clocks twice within 6.9 days. */
const sampleMs = 4 * 24 * hourMs;

/** The name by which `Intl` calls a zone. `Intl` accepts IANA's names and older names of its own; null for any other text. */
export function intlName(given: string): string | null {
  // Newer versions of Node.js accept offsets as well.
  if (!/^[A-Za-z]/.test(given)) return null;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: given }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}

/** Maps the lower-case form of each name to the name. */
export const bySpelling = (names: Iterable<string>): Map<string, string> =>
  new Map(Array.from(names, (name) => [name.toLowerCase(), name]));

/** The names that Node.js knows: those of a later release than its data are left out. */
let names: Map<string, string> | undefined;

/** The time zone data that is built into Node.js. `Intl` does not list names that are only links: those are from a list of our own. */
export const nodeClocks: ClockData = {
  // A getter, since workflows import this module and have no `process`.
  get version() {
    return process.versions["tz"] ?? "1970a";
  },
  source: "node",
  get releasedBy() {
    return endOfYearOf(this.version);
  },
  nameOf(given) {
    names ??= bySpelling(
      [...Intl.supportedValuesOf("timeZone"), ...ianaNames].filter((name) => intlName(name)),
    );
    return names.get(given.toLowerCase()) ?? null;
  },
  spansBetween,
};

/** `Intl` provides offsets, but not their changes: the offset is sampled every few days, and a change between two samples is searched. */
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
  // If the offset changes exactly at `to`, the last span is already there.
  if (spans.at(-1)?.end !== to) spans.push({ offset, end: to });
  return spans;
}

/** The offset in milliseconds in a date such as "08/03/2026, GMT-04:00". Some versions of `Intl` write only GMT for an offset of 0. */
function offsetIn(formatted: string): number {
  const [, sign, hours = 0, minutes = 0, seconds = 0] =
    /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(formatted) ?? [];
  const size = Number(hours) * hourMs + Number(minutes) * minuteMs + Number(seconds) * 1_000;
  return sign === "-" ? -size : size;
}
