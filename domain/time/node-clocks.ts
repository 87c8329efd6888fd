import { type ClockData, type ClockSpan, endOfYearOf } from "./clocks.ts";
import { ianaNames } from "./iana-names.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;
/** From 1900 to 2100 no zone changes its clocks twice within 6.9 days. */
const sampleMs = 4 * 24 * hourMs;

/** The name that `Intl` has for what it takes as a zone: IANA's names, and older ones of its own; null for anything else. */
export function intlName(given: string): string | null {
  // Newer versions take offsets as well.
  if (!/^[A-Za-z]/.test(given)) return null;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: given }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}

/** Names by themselves in lower case. */
export const bySpelling = (names: Iterable<string>): Map<string, string> =>
  new Map(Array.from(names, (name) => [name.toLowerCase(), name]));

/** Without those of a later release than the data. */
let names: Map<string, string> | undefined;

/** The data that this Node.js was built with. `Intl` tells none of the names that are only links: those are known by a list. */
export const nodeClocks: ClockData = {
  // Asked for when it is wanted: workflows import this, and have no process.
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
  // A change in the last instant has begun no span yet.
  if (spans.at(-1)?.end !== to) spans.push({ offset, end: to });
  return spans;
}

/** Milliseconds, of a date such as "08/03/2026, GMT-04:00"; some versions of `Intl` write GMT alone for none. */
function offsetIn(formatted: string): number {
  const [, sign, hours = 0, minutes = 0, seconds = 0] =
    /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(formatted) ?? [];
  const size = Number(hours) * hourMs + Number(minutes) * minuteMs + Number(seconds) * 1_000;
  return sign === "-" ? -size : size;
}
