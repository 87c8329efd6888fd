import type { Pool } from "pg";
import { type Rate, rateOf } from "../../domain/analytics.ts";
import { spanOf } from "../../domain/analytics-time.ts";
import type { Channel } from "../../domain/channel.ts";
import { invalid } from "../http/problem.ts";
import { timeOf } from "./request.ts";

const maxWeeks = 106;

interface WeeksRequest {
  from?: Date | undefined;
  to?: Date | undefined;
  channel?: Channel[] | undefined;
}

/** What became of the deliveries of one hour of the week. */
interface HourFigures {
  weekday: number;
  hour: number;
  handedOver: number;
  opened: number;
  clicked: number;
  acted: number;
  openRate: Rate;
  clickRate: Rate;
}

/** What became of the deliveries of one week, by the number of weeks since. */
interface Cohort {
  week: string;
  handedOver: number;
  weeks: { weeksSince: number; opened: number; clicked: number; acted: number }[];
}

/** Numbers of deliveries by week of the hand-over. */
interface WeekCounts {
  handed: number;
  opened: number;
  clicked: number;
  acted: number;
}

const sums =
  "sum(handed)::float8 AS handed, sum(opened)::float8 AS opened, sum(clicked)::float8 AS clicked, sum(acted)::float8 AS acted";

/** Reads the numbers of weeks (Mondays, of UTC) by `column`, from the first to before `until`. */
export async function readWeeks<Column extends "local_hour" | "weeks_since">(
  pool: Pick<Pool, "query">,
  column: Column,
  { from, until, channel }: { from: Date; until: Date; channel: Channel[] | undefined },
): Promise<(WeekCounts & { week: string; place: number })[]> {
  const { rows } = await pool.query<WeekCounts & { week: string; place: number }>(
    `SELECT week::text, ${column} AS place, ${sums} FROM analytics_weeks
     WHERE week >= $1::date AND week < $2::date AND ($3::channel[] IS NULL OR channel = ANY($3::channel[])) GROUP BY 1, 2 ORDER BY 1, 2`,
    [from.toISOString().slice(0, 10), until.toISOString().slice(0, 10), channel ?? null],
  );
  return rows;
}

/** The weeks of a request, and as many before them. */
export function weeksOf(request: WeeksRequest, now: Date) {
  const { from, to } = timeOf(request, now);
  const span = spanOf(
    { interval: "week", zone: "UTC", from: from.getTime(), until: to.getTime() },
    maxWeeks,
  );
  if (span === null)
    throw invalid([
      {
        in: "query",
        field: "from",
        message: `must be later: a report has at most ${maxWeeks} weeks`,
      },
    ]);
  const [previousFrom, begin, until] = [
    span.boundaries[0]!,
    span.boundaries[span.length]!,
    span.boundaries.at(-1)!,
  ].map((at) => new Date(at)) as [Date, Date, Date];
  return {
    read: { from: previousFrom, until, channel: request.channel },
    isCurrent: (week: string) => week >= begin.toISOString().slice(0, 10),
    period: {
      from: begin.toISOString(),
      to: until.toISOString(),
      previousFrom: previousFrom.toISOString(),
    },
  };
}

export function hoursOf(rows: readonly (WeekCounts & { place: number })[]): HourFigures[] {
  const sums = Array.from({ length: 168 }, () => ({ handed: 0, opened: 0, clicked: 0, acted: 0 }));
  for (const { place, handed, opened, clicked, acted } of rows) {
    const sum = sums[place]!;
    sum.handed += handed;
    sum.opened += opened;
    sum.clicked += clicked;
    sum.acted += acted;
  }
  return sums.map(({ handed, ...rest }, place) => ({
    weekday: Math.floor(place / 24) + 1,
    hour: place % 24,
    handedOver: handed,
    ...rest,
    openRate: rateOf(rest.opened, handed),
    clickRate: rateOf(rest.clicked, handed),
  }));
}

export function cohortsOf(
  rows: readonly (WeekCounts & { week: string; place: number })[],
): Cohort[] {
  const found = new Map<string, Cohort>();
  for (const { week, place, handed, opened, clicked, acted } of rows) {
    const own = found.get(week) ?? { week, handedOver: 0, weeks: [] };
    found.set(week, own);
    own.handedOver += handed;
    if (opened + clicked + acted > 0) own.weeks.push({ weeksSince: place, opened, clicked, acted });
  }
  return [...found.values()];
}
