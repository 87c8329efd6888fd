import { firstUuidAt } from "../domain/ids.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** The most deliveries that one reading returns of those that have ended, and of those that have been added. */
const mostRows = 200;
/** How far a reading looks back beyond the last one: rows become visible only when their transaction is committed. */
const overlapMs = 3_000;

/** What has changed in the ledger lately. Ids are UUIDs. */
export interface RecentChanges {
  /** The ledger's time of the reading. */
  at: Date;
  /** The newest deliveries that have ended or have been added, with their sources and queues. */
  deliveries: { id: string; ended: boolean; campaignId: string | null; queue: string }[];
  campaigns: { id: string; version: number }[];
  alerts: { id: string; changedAt: string }[];
  /** A number that grows with every change of open deliveries, up to ten seconds later. */
  updates: string;
}

/** Every part reads the end of an index. The number comes from PostgreSQL's statistics, because what waits has no time of its last change. */
const recentStatement = defineStatement<{ since: Date; sinceId: string }, RecentChanges>(
  `WITH recent AS (
     (SELECT id, true AS ended, campaign_id AS "campaignId", queue FROM ended_deliveries
      WHERE finished_at > :since::timestamptz ORDER BY finished_at DESC LIMIT ${mostRows})
     UNION ALL
     (SELECT id, false, campaign_id, queue FROM open_deliveries WHERE id > :sinceId::uuid ORDER BY id DESC LIMIT ${mostRows})
   )
   SELECT ledger_now() AS at,
     (SELECT coalesce(json_agg(recent), '[]') FROM recent) AS deliveries,
     (SELECT coalesce(json_agg(json_build_object('id', id, 'version', version)), '[]') FROM campaigns WHERE updated_at > :since::timestamptz) AS campaigns,
     (SELECT coalesce(json_agg(json_build_object('id', id, 'changedAt', changed_at)), '[]') FROM alerts WHERE changed_at > :since::timestamptz) AS alerts,
     (pg_stat_get_tuples_updated('open_deliveries'::regclass) + pg_stat_get_tuples_deleted('open_deliveries'::regclass))::text AS updates`,
  "recent-changes",
);

/** Reads what has changed since an instant, and within the seconds before it. */
export async function readRecentChanges(execute: Execute, since: Date): Promise<RecentChanges> {
  const from = new Date(since.getTime() - overlapMs);
  const [row] = await execute(recentStatement, { since: from, sinceId: firstUuidAt(from) });
  return row!;
}
