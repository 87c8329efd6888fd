import { type ClockData } from "./clocks.ts";
import { knownVersion } from "./iana-names.ts";
import { dayMs } from "./durations.ts";
import { clocksInUse } from "./local-time.ts";

/** A release of time zone data and its age. */
export interface AgedClocks extends Pick<ClockData, "version" | "source"> {
  /** The minimum number of days since the release. */
  ageDays: number;
}

/**
 * The age of the time zone data in use, or of other data.
 * @param now epoch milliseconds
 */
export const agedClocks = (
  now: number,
  { version, source, releasedBy }: ClockData = clocksInUse(),
): AgedClocks => ({
  version,
  source,
  ageDays: Math.max(0, Math.floor((now - releasedBy) / dayMs)),
});

/** IANA releases data several times a year, often only weeks before clocks change. */
const longDays = 366;

/** Why the data may be wrong about current clocks; null where there is no such reason. */
export function ageFault({ version, ageDays }: AgedClocks): string | null {
  if (version < knownVersion)
    return `${version} is older than ${knownVersion}, in which the clocks of some zones differ`;
  if (ageDays > longDays) return `${version} is more than 12 months old`;
  return null;
}

/** The sources of time zone data in words. */
export const sourceWords: Readonly<Record<ClockData["source"], string>> = {
  system: "of the system",
  node: "of Node.js",
};
