import type { Pool } from "pg";
import type { AnalyticsCounts } from "../../domain/analytics.ts";
import { countNames } from "../../domain/analytics.ts";
import type { ReportSpan } from "../../domain/analytics-time.ts";
import type { Channel } from "../../domain/channel.ts";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { analyticsWidths, measures, unfoldedAnalytics } from "../../ledger/analytics-cells.ts";
import { createWhereBuilder } from "../http/where.ts";

/** What reports are broken down by, each with the SQL of its value in a row `c` of numbers; `k` is the campaign of the row, `v` the version of its template. */
const dimensionColumns = {
  channel: "c.channel::text",
  type: "coalesce(c.type_id, k.type_id)::text",
  campaign: "c.campaign_id::text",
  template: "v.template_id::text",
  provider: "c.provider",
} as const;
export type AnalyticsDimension = keyof typeof dimensionColumns;

/** Which deliveries a report is about. Ids are UUIDs. */
export interface AnalyticsFilters {
  campaign?: string | undefined;
  type?: string | undefined;
  channel?: Channel[] | undefined;
  provider?: string | undefined;
}

/** Numbers of one interval and one value of the dimension. */
export interface CellRow {
  /** The number of the interval, from 0. The first half is the period before. */
  place: number;
  /** Null without a dimension, and for deliveries that have no value of it. */
  key: string | null;
  counts: AnalyticsCounts;
}

const columnOf = (name: string) =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * The width and the zone of the cells to read: days where the intervals are days of a zone that has cells, else hours where the intervals begin at full
 * hours of UTC, or the time is older than cells of quarter hours.
 */
function levelOf(
  { boundaries }: ReportSpan,
  {
    isOfDays,
    zone,
    reportZone,
    now,
  }: { isOfDays: boolean; zone: string; reportZone: string; now: Date },
): { width: number; zone: string } {
  if (isOfDays && (zone === "UTC" || zone === reportZone)) return { width: 1_440, zone };
  const [quarters] = analyticsWidths;
  const needsQuarters =
    boundaries.some((at) => at % hourMs !== 0) &&
    boundaries[0]! >= now.getTime() - quarters.days * dayMs;
  return { width: needsQuarters ? quarters.width : 60, zone: "UTC" };
}

/** Reads the numbers of a report and of the period before in one snapshot. */
export async function readCells(
  pool: Pick<Pool, "query">,
  {
    span,
    isOfDays,
    zone,
    now,
    by,
    filters,
  }: {
    span: ReportSpan;
    /** Whether all intervals consist of whole days of `zone`. */
    isOfDays: boolean;
    zone: string;
    now: Date;
    by: AnalyticsDimension | null;
    filters: AnalyticsFilters;
  },
): Promise<CellRow[]> {
  const { rows: progress } = await pool.query<{ zone: string }>(
    "SELECT report_zone AS zone FROM analytics_progress",
  );
  const level = levelOf(span, { isOfDays, zone, now, reportZone: progress[0]!.zone });
  const { bind, and, ...where } = createWhereBuilder();
  const from = `${bind(new Date(span.boundaries[0]!))}::timestamptz`;
  const until = `${bind(new Date(span.boundaries.at(-1)!))}::timestamptz`;
  and(`handed_at >= ${from} AND handed_at < ${until} AND NOT is_removed`);
  if (filters.campaign !== undefined) and(`campaign_id = ${bind(filters.campaign)}::uuid`);
  if (filters.channel) and(`channel = ANY(${bind(filters.channel)}::channel[])`);
  if (filters.provider !== undefined) and(`provider = ${bind(filters.provider)}`);
  const conditions = where.sql();
  const columns = `handed_at, campaign_id, type_id, channel, provider, template_version_id, ${measures.join(", ")}`;
  const ofType =
    filters.type === undefined
      ? ""
      : `WHERE coalesce(c.type_id, k.type_id) = ${bind(filters.type)}::uuid`;
  const needsCampaign = ofType !== "" || by === "type" || by === "template";
  const { rows } = await pool.query<Record<string, number> & { key: string | null }>(
    `SELECT width_bucket(c.handed_at, ${bind(span.boundaries.map((at) => new Date(at).toISOString()))}::timestamptz[]) - 1 AS place,
       ${by === null ? "NULL" : dimensionColumns[by]} AS key, ${measures.map((measure) => `sum(c.${measure})::float8 AS ${measure}`).join(", ")}
     FROM (
       SELECT ${columns} FROM analytics_cells WHERE width = ${bind(level.width)} AND zone = ${bind(level.zone)} AND ${conditions}
       UNION ALL SELECT ${columns} FROM ${unfoldedAnalytics} AS changes WHERE ${conditions}
     ) AS c
       ${needsCampaign ? "LEFT JOIN campaigns AS k ON k.id = c.campaign_id" : ""}
       ${by === "template" ? "LEFT JOIN template_versions AS v ON v.id = coalesce(c.template_version_id, k.template_version_id)" : ""}
     ${ofType} GROUP BY 1, 2`,
    where.values,
  );
  return rows.map((row) => ({
    place: row["place"]!,
    key: row.key,
    counts: Object.fromEntries(
      countNames.map((name) => [name, row[columnOf(name)]!]),
    ) as unknown as AnalyticsCounts,
  }));
}

/** The names by which the API knows the values of a dimension: keys of types and templates, and names of campaigns. */
const nameTables = {
  type: "SELECT id, key AS name FROM notification_types WHERE id = ANY($1::uuid[])",
  template: "SELECT id, key AS name FROM templates WHERE id = ANY($1::uuid[])",
  campaign: "SELECT id, name FROM campaigns WHERE id = ANY($1::uuid[])",
} as const;

/** Finds the names of the values of a dimension; those of channels and providers are the values. */
export async function nameKeys(
  pool: Pick<Pool, "query">,
  by: AnalyticsDimension,
  keys: readonly string[],
): Promise<(key: string) => string> {
  if (by === "channel" || by === "provider") return (key) => key;
  const { rows } = await pool.query<{ id: string; name: string }>(nameTables[by], [keys]);
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return (key) => names.get(key) ?? key;
}
