import { dayMs } from "../../domain/time/durations.ts";

/** The difference of the clocks of a zone to UTC at an instant, in milliseconds. */
function offsetAt(zone: string, at: number): number {
  const parts = new Map<string, number>(
    new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    })
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const get = (type: string) => parts.get(type)!;
  const local = Date.UTC(
    get("year"),
    get("month") - 1,
    get("day"),
    get("hour"),
    get("minute"),
    get("second"),
  );
  return local - Math.floor(at / 1_000) * 1_000;
}

/**
 * The instants at which the clocks of a zone show a local time such as `2027-03-28T02:30`, in epoch milliseconds: none if they skip it, two if they show
 * it twice, and none for a text that is no local time.
 */
export function instantsOf(zone: string, local: string): number[] {
  const utc = Date.parse(`${local}Z`);
  if (Number.isNaN(utc)) return [];
  const offsets = new Set([offsetAt(zone, utc - dayMs), offsetAt(zone, utc + dayMs)]);
  return [...offsets]
    .filter((offset) => offsetAt(zone, utc - offset) === offset)
    .map((offset) => utc - offset)
    .toSorted((a, b) => a - b);
}

/** The first local time after a skipped one that the clocks of the zone show, to the minute. */
export function afterSkipped(zone: string, local: string): string {
  const utc = Date.parse(`${local}Z`);
  const skip = offsetAt(zone, utc + dayMs) - offsetAt(zone, utc - dayMs);
  return new Date(utc + skip).toISOString().slice(0, 16);
}

/** Whether a text is the name of a time zone. */
export function isZone(name: string): boolean {
  try {
    Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The names of all time zones that the browser knows. */
export const allZones = (): string[] => ["UTC", ...Intl.supportedValuesOf("timeZone")];
