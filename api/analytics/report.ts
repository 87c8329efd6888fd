import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { addCounts, type AnalyticsCounts, noCounts } from "../../domain/analytics.ts";
import type { ReportSpan } from "../../domain/analytics-time.ts";
import { publicId } from "../../domain/ids.ts";
import { findNamed } from "../deliveries/filters.ts";
import { type AnalyticsDimension, type CellRow, nameKeys, readCells } from "./cells.ts";
import { reportQuery, spanOfRequest } from "./request.ts";
import { countsJson, figuresJson } from "./schemas.ts";

const reportTime = z.object(reportQuery);

/** The numbers of a value of a dimension. */
type ReportItem = ReturnType<typeof figuresJson> & {
  key: string | null;
  name: string | null;
  own: AnalyticsCounts;
  previous: AnalyticsCounts;
};

/** The intervals of a report, and the rows of the report and of the period before. */
interface Report {
  span: ReportSpan;
  current: CellRow[];
  previous: CellRow[];
}

/**
 * Reads a report: with its intervals, or by the values of a dimension, for which the intervals are not told apart. Without the type that is named,
 * nothing matches.
 */
export async function readReport(
  pool: Pool,
  request: z.output<typeof reportTime>,
  { by, intervals }: { by: AnalyticsDimension | null; intervals: "each" | "together" },
  now: Date,
): Promise<Report> {
  const { zone, from, to, interval: named, ...given } = request;
  const { span, interval } = spanOfRequest({ from, to, zone, interval: named }, now);
  const filters = await findNamed(pool, given);
  const rows = filters
    ? await readCells(pool, {
        boundaries: [
          span.boundaries[0]!,
          ...(intervals === "each"
            ? span.boundaries.slice(span.length)
            : [span.boundaries[span.length]!, span.boundaries.at(-1)!]),
        ],
        isOfDays: interval !== "hour",
        zone,
        now,
        by,
        filters,
      })
    : [];
  return {
    span,
    current: rows.filter(({ place }) => place > 0),
    previous: rows.filter(({ place }) => place === 0),
  };
}

const at = (instantMs: number) => new Date(instantMs).toISOString();

export const periodOf = ({ boundaries, length }: ReportSpan) => ({
  from: at(boundaries[length]!),
  to: at(boundaries.at(-1)!),
  previousFrom: at(boundaries[0]!),
});

/** The numbers of each interval of a report. */
export function intervalsOf({ span, current }: Report) {
  const sums = Array.from({ length: span.length }, noCounts);
  for (const { place, counts } of current) addCounts(sums[place - 1]!, counts);
  return sums.map((counts, place) => ({
    from: at(span.boundaries[span.length + place]!),
    counts: countsJson(counts),
  }));
}

/** The values of a dimension with their numbers, those with the most deliveries first. */
export async function itemsOf(
  pool: Pool,
  by: AnalyticsDimension,
  { current, previous }: Report,
): Promise<ReportItem[]> {
  const found = new Map<string | null, { own: AnalyticsCounts; previous: AnalyticsCounts }>();
  const of = (key: string | null) => {
    const known = found.get(key) ?? { own: noCounts(), previous: noCounts() };
    found.set(key, known);
    return known;
  };
  for (const { key, counts } of current) addCounts(of(key).own, counts);
  for (const { key, counts } of previous) addCounts(of(key).previous, counts);
  const nameOf = await nameKeys(
    pool,
    by,
    [...found.keys()].filter((key) => key !== null),
  );
  return [...found]
    .map(([key, sums]) => ({
      ...sums,
      ...figuresJson(sums.own),
      key: key === null ? null : by === "campaign" ? publicId("campaign", key) : nameOf(key),
      name: key === null ? null : nameOf(key),
    }))
    .toSorted((a, b) => b.counts.accepted - a.counts.accepted);
}
