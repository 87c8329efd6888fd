/** The time zone in which instants are shown. `mine` is that of the browser. */
export const zones = ["mine", "utc"] as const;
export type Zone = (typeof zones)[number];

/** The IANA name of a zone. */
export const zoneName = (zone: Zone) =>
  zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Parts {
  year: string;
  month: string;
  day: string;
  time: string;
  seconds: string;
}

function partsOf(at: Date, timeZone: string): Parts {
  const parts = new Map<string, string>(
    new Intl.DateTimeFormat("en-GB", {
      timeZone,
      year: "numeric",
      month: "short",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    })
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const get = (type: string) => parts.get(type) ?? "";
  return {
    year: get("year"),
    month: get("month"),
    day: get("day"),
    time: `${get("hour")}:${get("minute")}`,
    seconds: get("second"),
  };
}

/** Formats an instant for a column whose heading names the zone: the time of today, otherwise the day too. */
export function formatShort(iso: string, timeZone: string, now: Date): string {
  const [at, today] = [partsOf(new Date(iso), timeZone), partsOf(now, timeZone)];
  const isThisYear = at.year === today.year;
  if (isThisYear && at.month === today.month && at.day === today.day)
    return `${at.time}:${at.seconds}`;
  return isThisYear ? `${at.day} ${at.month} ${at.time}` : `${at.day} ${at.month} ${at.year}`;
}

/** Formats an instant completely, with its zone. */
export function formatFull(iso: string, timeZone: string): string {
  const { day, month, year, time, seconds } = partsOf(new Date(iso), timeZone);
  return `${day} ${month} ${year}, ${time}:${seconds} ${timeZone}`;
}

const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "long" });

/** The present time of a page is up to this old, so that what has just happened would seem to come. */
const nowSeconds = 10;

/** Formats how far an instant is from now, in its largest unit. */
export function formatRelative(iso: string, now: Date): string {
  const seconds = (Date.parse(iso) - now.getTime()) / 1_000;
  if (Math.abs(seconds) <= nowSeconds) return "now";
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? units[3];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** Formats a duration in seconds in its two largest units. */
export function formatDuration(total: number): string {
  if (total < 1) return `${Math.round(total * 1_000)} ms`;
  const seconds = Math.round(total);
  const steps = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor((seconds % 86_400) / 3_600), "h"],
    [Math.floor((seconds % 3_600) / 60), "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = steps.findIndex(([value]) => value > 0);
  return steps
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}
