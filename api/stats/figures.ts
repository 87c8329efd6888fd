import type { Pool } from "pg";
import type { Channel } from "../../domain/channel.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import type { CountedStatus } from "../../domain/delivery/status.ts";
import type { Priority } from "../../domain/priority.ts";
import { allCounts, intervalOf } from "../../ledger/delivery-counts.ts";
import { createWhereBuilder } from "../http/where.ts";

/** What figures can be broken down by, each with the SQL of its value in a row `c` of counts; `k` is the campaign of the row. */
const dimensionColumns = {
  status: "CASE c.status WHEN 'pending' THEN 'open' ELSE c.status::text END",
  channel: "c.channel::text",
  priority: "c.priority::text",
  type: "coalesce(c.type_id, k.type_id)::text",
  provider: "c.provider",
  reason: "c.reason",
  source: "CASE WHEN c.campaign_id IS NULL THEN 'notification' ELSE 'campaign' END",
  campaign: "c.campaign_id::text",
} as const;
export type Dimension = keyof typeof dimensionColumns;
export const dimensions = Object.keys(dimensionColumns) as [Dimension, ...Dimension[]];

/** Which deliveries are counted. Ids are UUIDs. */
interface FigureFilters {
  status?: CountedStatus[] | undefined;
  channel?: Channel[] | undefined;
  priority?: Priority[] | undefined;
  provider?: string | undefined;
  reason?: Reason[] | undefined;
  source?: "campaign" | "notification" | undefined;
  type?: string | undefined;
  campaign?: string | undefined;
}

export interface FigureRequest {
  /** Whether a delivery counts when it was created or when it ended. */
  time: "created" | "ended";
  /** The instants between which deliveries count; `from` is the beginning of a bucket. */
  from: Date;
  until: Date;
  bucketMs: number;
  by: readonly Dimension[];
  filters: FigureFilters;
  /** Whether deliveries that retention has removed are left out. */
  stored: boolean;
}

export interface FigureRow {
  /** The number of the bucket, from 0. */
  bucket: number;
  /** The values of the dimensions, in their order; null where a delivery has none. */
  key: (string | null)[];
  count: number;
}

/** Channel, priority and reason of open deliveries may still change, so that these are counted in the table of open deliveries, which is as small as the work that is left. */
const openCounts = `(
    SELECT ${intervalOf(1, "d.created_at")} AS created_at, NULL::timestamptz AS finished_at, d.campaign_id, (SELECT n.type_id FROM notifications AS n WHERE n.id = d.notification_id) AS type_id,
      d.leg, d.channel, d.priority, NULL::text AS provider, 'pending'::delivery_status AS status, d.reason, 1 AS count, 0 AS removed
    FROM open_deliveries AS d
  )`;

/** What cells do not know of open deliveries. */
const changing = ["channel", "priority", "reason"] as const;

/** Counts deliveries by time from the cells of the ledger. */
export async function readFigures(
  pool: Pick<Pool, "query">,
  { time, from, until, bucketMs, by, filters, stored }: FigureRequest,
): Promise<FigureRow[]> {
  const { status, reason, channel, priority, provider, source, type, campaign } = filters;
  const at = time === "created" ? "c.created_at" : "c.finished_at";
  const where = createWhereBuilder();
  const { bind, and } = where;
  const origin = bind(from);
  and(`${at} >= ${origin}::timestamptz AND ${at} < ${bind(until)}::timestamptz`);
  if (status)
    and(
      `c.status = ANY(${bind(status.map((each) => (each === "open" ? "pending" : each)))}::delivery_status[])`,
    );
  if (reason) and(`c.reason = ANY(${bind(reason)}::text[])`);
  if (channel) and(`c.channel = ANY(${bind(channel)}::channel[])`);
  if (priority) and(`c.priority = ANY(${bind(priority)}::priority[])`);
  if (provider !== undefined) and(`c.provider = ${bind(provider)}`);
  if (source) and(`c.campaign_id IS ${source === "campaign" ? "NOT NULL" : "NULL"}`);
  if (type !== undefined) and(`coalesce(c.type_id, k.type_id) = ${bind(type)}::uuid`);
  // As in the list of deliveries, what recipients of a campaign have snoozed is left out.
  if (campaign !== undefined) and(`c.campaign_id = ${bind(campaign)}::uuid AND c.leg <> 'snooze'`);
  const needsOpenRows =
    time === "created" &&
    (!status || status.includes("open")) &&
    changing.some((name) => filters[name] !== undefined || by.includes(name));
  const conditions = where.sql();
  const count = stored ? "c.count - c.removed" : "c.count";
  const bucket = `floor(extract(epoch FROM ${at} - ${origin}::timestamptz) * 1000 / ${bind(bucketMs)}::float8)::int`;
  const values = by
    .map((dimension) => `, ${dimensionColumns[dimension]} AS "${dimension}"`)
    .join("");
  const part = (counts: string, condition: string) =>
    `SELECT ${bucket} AS bucket${values}, sum(${count})::float8 AS count FROM ${counts} AS c LEFT JOIN campaigns AS k ON k.id = c.campaign_id
     WHERE ${conditions} AND ${condition} GROUP BY ${[1, ...by.map((_, place) => place + 2)].join(", ")}`;
  const { rows } = await pool.query<
    { bucket: number; count: number } & Record<Dimension, string | null>
  >(
    needsOpenRows
      ? `${part(allCounts(), "c.status <> 'pending'")} UNION ALL ${part(openCounts, "true")}`
      : part(allCounts(), "true"),
    where.values,
  );
  return rows
    .filter((row) => row.count !== 0)
    .map((row) => ({
      bucket: row.bucket,
      key: by.map((dimension) => row[dimension]),
      count: row.count,
    }));
}
