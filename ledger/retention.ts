import type { Pool } from "pg";
import { campaignGate } from "../domain/delivery/gates.ts";
import { firstUuidAt, parsePublicId } from "../domain/ids.ts";
import {
  recallCutoff,
  retentionCutoff,
  type Retention,
  type RetentionTable,
} from "../domain/retention.ts";

export interface Removal {
  removed: number;
  /** Where to go on; null: nothing is left to look at. */
  after: string | null;
}

/** Rows looked at in one statement, which is one transaction of some milliseconds. */
export const batchRows = 1_000;

/** Ids tell when a row was made: only what is old enough is looked at, and no row twice. */
const beginning = "00000000-0000-0000-0000-000000000000";

/**
 * Deliveries that ended before $3, with their attempts. Those of a campaign go when it is over, has not been recalled since
 * $4, and no correction of it has yet to find out who got it; its account keeps the number of the primary ones, which are all that it counts. The campaign is locked
 * against a change of that for the length of the statement. No lock is waited for: who holds one keeps the row until the
 * next day. Attempts are removed by name, since the triggers of foreign keys may be off here (docs/decisions/0012).
 */
const deliveriesSql = `
  WITH page AS MATERIALIZED (
    SELECT id, campaign_id, finished_at FROM ended_deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows}
  ),
  over AS MATERIALIZED (
    SELECT c.id FROM campaigns c
    WHERE c.id = ANY (ARRAY(SELECT DISTINCT campaign_id FROM page WHERE finished_at < $3)) AND c.finished_at IS NOT NULL
      AND (c.recalled_at IS NULL OR c.recalled_at < $4)
      AND NOT EXISTS (SELECT FROM campaigns x WHERE x.corrects_id = c.id AND x.frozen_at IS NULL AND x.finished_at IS NULL)
    FOR SHARE OF c SKIP LOCKED
  ),
  expired AS MATERIALIZED (
    SELECT d.id FROM ended_deliveries d
    WHERE d.id = ANY (ARRAY(SELECT id FROM page WHERE finished_at < $3)) AND d.finished_at < $3
      AND (d.campaign_id IS NULL OR d.campaign_id = ANY (ARRAY(SELECT id FROM over)))
    FOR UPDATE OF d SKIP LOCKED
  ),
  evidence AS (DELETE FROM earlier_attempts WHERE delivery_id = ANY (ARRAY(SELECT id FROM expired))),
  removed AS (DELETE FROM ended_deliveries WHERE id = ANY (ARRAY(SELECT id FROM expired)) RETURNING campaign_id, status, leg),
  archived AS (
    INSERT INTO archived_deliveries (campaign_id, status, count)
    SELECT campaign_id, status, count(*) FROM removed WHERE campaign_id IS NOT NULL AND leg = 'primary' GROUP BY campaign_id, status ORDER BY campaign_id, status
    ON CONFLICT (campaign_id, status) DO UPDATE SET count = archived_deliveries.count + excluded.count
  )
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

/** Notifications none of whose deliveries are left, and groups likewise. Nothing adds one to those that have none and are so old. */
const withoutDeliveriesSql = (table: "notifications" | "groups", column: string) => `
  WITH page AS MATERIALIZED (SELECT id FROM ${table} WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows}),
  expired AS MATERIALIZED (
    SELECT t.id FROM ${table} t
    WHERE t.id = ANY (ARRAY(SELECT id FROM page)) AND NOT EXISTS (SELECT FROM deliveries d WHERE d.${column} = t.id)
    FOR UPDATE OF t SKIP LOCKED
  ),
  removed AS (DELETE FROM ${table} WHERE id = ANY (ARRAY(SELECT id FROM expired)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

/** Events whose delivery is not left. */
const eventsSql = `
  WITH page AS MATERIALIZED (SELECT id FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows}),
  expired AS MATERIALIZED (
    SELECT e.id FROM events e
    WHERE e.id = ANY (ARRAY(SELECT id FROM page)) AND NOT EXISTS (SELECT FROM deliveries d WHERE d.id = e.delivery_id)
    FOR UPDATE OF e SKIP LOCKED
  ),
  removed AS (DELETE FROM events WHERE id = ANY (ARRAY(SELECT id FROM expired)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

const auditSql = `
  WITH page AS MATERIALIZED (
    SELECT id FROM audit_entries WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
  ),
  removed AS (DELETE FROM audit_entries WHERE id = ANY (ARRAY(SELECT id FROM page)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

/** These have no time in their key, and an index by it instead. */
const idempotencySql = `
  WITH page AS MATERIALIZED (
    SELECT scope, key, created_at FROM idempotency_keys WHERE created_at >= $1 AND created_at < $2 ORDER BY created_at LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
  ),
  removed AS (DELETE FROM idempotency_keys i USING page WHERE i.scope = page.scope AND i.key = page.key RETURNING 1)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT max(created_at) FROM page) AS last`;

const gatesSql = `
  WITH expired AS MATERIALIZED (
    SELECT g.key FROM unnest($1::text[], $2::uuid[]) AS of(key, campaign_id) JOIN gates g ON g.key = of.key
    WHERE EXISTS (SELECT FROM campaigns c WHERE c.id = of.campaign_id AND c.finished_at < $3)
    FOR UPDATE OF g SKIP LOCKED
  ),
  removed AS (DELETE FROM gates WHERE key = ANY (ARRAY(SELECT key FROM expired)) RETURNING key)
  SELECT count(*)::int AS removed FROM removed`;

interface Batch {
  removed: number;
  seen: number;
  last: string | Date | null;
}

/** Rows that are past their retention, a batch at a time. */
export function createExpired({
  pool,
  retention,
}: {
  pool: Pick<Pool, "query">;
  retention: Retention;
}) {
  async function run(text: string, values: unknown[]): Promise<Removal> {
    const { rows } = await pool.query<Batch>(text, values);
    const { removed, seen, last } = rows[0]!;
    const after = last instanceof Date ? last.toISOString() : last;
    return { removed, after: seen < batchRows ? null : after };
  }

  /** The key of a gate names its campaign by its public id, which PostgreSQL cannot read. */
  async function gates(cutoff: Date, after: string | null): Promise<Removal> {
    const { rows } = await pool.query<{ key: string }>(
      `SELECT key FROM gates WHERE key > $1 ORDER BY key LIMIT ${batchRows}`,
      [after ?? ""],
    );
    const prefix = campaignGate("");
    const named = rows.flatMap(({ key }) => {
      const id = key.startsWith(prefix)
        ? parsePublicId("campaign", key.slice(prefix.length))
        : null;
      return id === null ? [] : [{ key, id }];
    });
    const removal = await pool.query<{ removed: number }>(gatesSql, [
      named.map(({ key }) => key),
      named.map(({ id }) => id),
      cutoff,
    ]);
    return {
      removed: removal.rows[0]!.removed,
      after: rows.length < batchRows ? null : rows.at(-1)!.key,
    };
  }

  return {
    /** Looks at the rows after `after`, at most `batchRows` of them, and removes those that are past their retention at `now`. */
    remove({
      table,
      now,
      after,
    }: {
      table: RetentionTable;
      now: Date;
      after: string | null;
    }): Promise<Removal> {
      const cutoff = retentionCutoff(table, retention, now);
      const ids = [after ?? beginning, firstUuidAt(cutoff)];
      switch (table) {
        case "deliveries":
          return run(deliveriesSql, [...ids, cutoff, recallCutoff(now)]);
        case "notifications":
          return run(withoutDeliveriesSql("notifications", "notification_id"), ids);
        case "gates":
          return gates(cutoff, after);
        case "audit_entries":
          return run(auditSql, ids);
        case "events":
          return run(eventsSql, ids);
        case "groups":
          return run(withoutDeliveriesSql("groups", "group_id"), ids);
        case "idempotency_keys":
          return run(idempotencySql, [after ?? new Date(0), cutoff]);
      }
    },
  };
}
