import { type Channel, channels } from "../../domain/channel.ts";
import { readId, readSeveral, readText } from "../shell/url.ts";

/** The lengths of time that are offered, in days. */
export const ranges = ["1", "7", "30", "90", "365"] as const;
export type Range = (typeof ranges)[number];
export const presetRange: Range = "30";

/** What deliveries are broken down by. */
const dimensions = ["channels", "types", "campaigns", "templates", "providers"] as const;
export type Dimension = (typeof dimensions)[number];

/** What the cells of the hours of the week show. */
const hourFigures = ["openRate", "clickRate", "handedOver"] as const;
export type HourFigure = (typeof hourFigures)[number];

/** What the weeks after the hand-over show. */
const cohortFigures = ["opened", "clicked", "acted"] as const;
export type CohortFigure = (typeof cohortFigures)[number];

/** What the address of the analytics says. */
export interface AnalyticsSearch {
  /** The last days, unless `from` and `to` are given. */
  range?: Range | undefined;
  /** Days, such as 2027-03-01, by the clocks of the zone that is shown. `to` is the last day. */
  from?: string | undefined;
  to?: string | undefined;
  /** Whether the period before is left out. */
  compare?: "off" | undefined;
  by?: Dimension | undefined;
  hours?: HourFigure | undefined;
  cohorts?: CohortFigure | undefined;
  channel?: Channel[] | undefined;
  /** The key of a notification type. */
  type?: string | undefined;
  /** The campaign: cmp_… */
  source?: string | undefined;
  provider?: string | undefined;
}

const readDay = (raw: unknown) => {
  const text = readText(raw, 10);
  return text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
    ? text
    : undefined;
};

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export function readAnalyticsSearch(raw: Record<string, unknown>): AnalyticsSearch {
  const [from, to] = [readDay(raw["from"]), readDay(raw["to"])];
  const isTime = from !== undefined && to !== undefined && from <= to;
  return {
    range: isTime ? undefined : readSeveral(raw["range"], ranges)?.[0],
    from: isTime ? from : undefined,
    to: isTime ? to : undefined,
    compare: raw["compare"] === "off" ? "off" : undefined,
    by: readSeveral(raw["by"], dimensions)?.[0],
    hours: readSeveral(raw["hours"], hourFigures)?.[0],
    cohorts: readSeveral(raw["cohorts"], cohortFigures)?.[0],
    channel: readSeveral(raw["channel"], channels),
    type: readText(raw["type"], 100),
    source: readId(raw["source"], "cmp"),
    provider: readText(raw["provider"], 100),
  };
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** The instant at which a day begins by the clocks of a zone. */
function beginningOf(day: string, zone: string): number {
  const utc = Date.parse(`${day}T00:00:00Z`);
  const offsetAt = (at: number) => {
    const shown = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "medium",
    }).format(at);
    return Date.parse(`${shown.replace(" ", "T")}Z`) - at;
  };
  // The offset may change between midnight of UTC and that of the zone.
  return utc - offsetAt(utc - offsetAt(utc));
}

/** The time that is asked for, in epoch milliseconds. What is not over yet ends at the next full hour. */
export function timeOf(
  { range, from, to }: AnalyticsSearch,
  zone: string,
  now: number,
): { from: number; to: number } {
  if (from !== undefined && to !== undefined) {
    const next = new Date(Date.parse(to) + dayMs).toISOString().slice(0, 10);
    return { from: beginningOf(from, zone), to: beginningOf(next, zone) };
  }
  const end = Math.ceil(now / hourMs) * hourMs;
  return { from: end - Number(range ?? presetRange) * dayMs, to: end };
}

/** The filters of a search, as the API takes them. */
export const filtersOf = ({ channel, type, source, provider }: AnalyticsSearch) => ({
  ...(channel && { channel: channel.join(",") }),
  ...(type !== undefined && { type }),
  ...(source !== undefined && { campaign: source }),
  ...(provider !== undefined && { provider }),
});

/** The search of the deliveries that fulfil the same filters; there is none for providers. */
export const deliveriesOf = ({ channel, type, source }: AnalyticsSearch) => ({
  channel,
  type,
  source,
});
