import { type ClockData } from "./clocks.ts";
import { knownVersion } from "./iana-names.ts";
import { clocksInUse, dayMs } from "./local-time.ts";

/** A release of time zone data, and how long it has been out at least. */
export interface AgedClocks extends Pick<ClockData, "version" | "source"> {
  ageDays: number;
}

/** @param now epoch milliseconds */
export const agedClocks = (
  now: number,
  { version, source, releasedBy }: ClockData = clocksInUse(),
): AgedClocks => ({
  version,
  source,
  ageDays: Math.max(0, Math.floor((now - releasedBy) / dayMs)),
});

/** IANA releases data several times a year, often weeks before clocks run otherwise. */
const longDays = 366;

/** Why clocks may run otherwise than the data says; null where there is no reason to think so. */
export function ageFault({ version, ageDays }: AgedClocks): string | null {
  if (version < knownVersion)
    return `${version} is older than ${knownVersion}, by which the clocks of some zones run otherwise`;
  if (ageDays > longDays) return `${version} is more than 12 months old`;
  return null;
}

/** Where data comes from, in words. */
export const sourceWords: Readonly<Record<ClockData["source"], string>> = {
  system: "of the system",
  node: "of Node.js",
};
