import type { Pool } from "pg";
import type { AnalyticsCounts } from "../../domain/analytics.ts";
import { countNames } from "../../domain/analytics.ts";
import type { Channel } from "../../domain/channel.ts";
import { measures, unfoldedAnalytics } from "../../ledger/analytics-cells.ts";
import { createWhereBuilder } from "../http/where.ts";
import { chooseLevels } from "./levels.ts";

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
  /** The number of the interval; 0 is the period before. */
  place: number;
  /** Null without a dimension, and for deliveries that have no value of it. */
  key: string | null;
  counts: AnalyticsCounts;
}

const columnOf = (name: string) =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Reads the numbers of a report and of the period before in one snapshot. */
export async function readCells(
  pool: Pick<Pool, "query">,
  {
    boundaries,
    isOfDays,
    zone,
    now,
    by,
    filters,
  }: {
    /** The beginning of the period before, those of the intervals, and the end, in epoch milliseconds. */
    boundaries: readonly number[];
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
  const { dayZone, splitDays, splitHours } = chooseLevels(boundaries, {
    isOfReportDays: isOfDays && zone === progress[0]!.zone,
    zone,
    now: now.getTime(),
  });
  const { bind, and, ...where } = createWhereBuilder();
  const bindInstants = (instants: readonly number[]) =>
    `${bind(instants.map((at) => new Date(at).toISOString()))}::timestamptz[]`;
  const limits = bindInstants(boundaries);
  const days = bindInstants(splitDays);
  const hours = bindInstants(splitHours);
  and(`handed_at >= (${limits})[1] AND handed_at < (${limits})[${boundaries.length}]`);
  and("NOT is_removed");
  if (filters.campaign !== undefined) and(`campaign_id = ${bind(filters.campaign)}::uuid`);
  if (filters.channel) and(`channel = ANY(${bind(filters.channel)}::channel[])`);
  if (filters.provider !== undefined) and(`provider = ${bind(filters.provider)}`);
  const conditions = where.sql();
  const columns = `handed_at, campaign_id, type_id, channel, provider, template_version_id, ${measures.join(", ")}`;
  const cells = (width: number) =>
    `FROM analytics_cells AS a WHERE a.width = ${width} AND a.zone = ${width === 1_440 ? bind(dayZone) : "'UTC'"} AND ${conditions}`;
  // OFFSET 0 makes the planner look up each split by the index; it would otherwise compare all cells with all splits.
  const within = (splits: string, length: string, cellsOfIt: string) =>
    `SELECT inside.* FROM unnest(${splits}) AS s (at), LATERAL (SELECT ${columns} ${cellsOfIt} AND a.handed_at >= s.at AND a.handed_at < s.at + interval '${length}' OFFSET 0) AS inside`;
  const ofType =
    filters.type === undefined
      ? ""
      : `WHERE coalesce(c.type_id, k.type_id) = ${bind(filters.type)}::uuid`;
  const needsCampaign = ofType !== "" || by === "type" || by === "template";
  const { rows } = await pool.query<Record<string, number> & { key: string | null }>(
    `SELECT width_bucket(c.handed_at, ${limits}) - 1 AS place,
       ${by === null ? "NULL" : dimensionColumns[by]} AS key, ${measures.map((measure) => `sum(c.${measure})::float8 AS ${measure}`).join(", ")}
     FROM (
       SELECT ${columns} ${cells(1_440)} AND a.handed_at <> ALL(${days})
       UNION ALL ${within(days, "1 day", `${cells(60)} AND a.handed_at <> ALL(${hours})`)}
       UNION ALL ${within(hours, "1 hour", cells(15))}
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
