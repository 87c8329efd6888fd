import type { Pool } from "pg";
import { campaignGate } from "../domain/delivery/gates.ts";
import { firstUuidAt, parsePublicId } from "../domain/ids.ts";
import { isStage } from "./conditions.ts";
import { countRemovedEngagements } from "./analytics-cells.ts";
import { changesOfEnded, countChanges } from "./delivery-counts.ts";
import { removeUnconfirmed } from "./unconfirmed.ts";
import {
  recallCutoff,
  retentionCutoff,
  type Retention,
  type RetentionTable,
} from "../domain/retention.ts";

export interface Removal {
  removed: number;
  /** The cursor for the next batch; null where all rows were read. */
  after: string | null;
}

/** The number of rows that one statement reads, in one transaction of some milliseconds. */
export const batchRows = 1_000;

/** Ids contain the creation time, so that only rows that are old enough are read, and each only once. */
const beginning = "00000000-0000-0000-0000-000000000000";

/**
 * Removes deliveries that ended before $3, with their attempts and what is known of their recipients' engagement. Deliveries of a campaign are removed when the campaign is over, was not recalled
 * since $4, and no correction of it still has to determine its recipients. The campaign's account keeps the numbers of the removed deliveries
 * of each stage. The campaign is locked for the length of the statement. Locked rows are skipped, and removed the next day. Attempts, and answers of
 * devices that a worker which died has left behind, are deleted explicitly, because the triggers of foreign keys may be disabled here (docs/decisions/0012).
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
  diverted AS (DELETE FROM diversions WHERE delivery_id = ANY (ARRAY(SELECT id FROM expired))),
  hits AS (DELETE FROM engagement_events WHERE message_id = ANY (ARRAY(SELECT id FROM expired))),
  engaged AS (DELETE FROM engagements WHERE delivery_id = ANY (ARRAY(SELECT id FROM expired)) RETURNING *),
  engagements_counted AS (${countRemovedEngagements("engaged")}),
  answers AS (DELETE FROM address_answers WHERE message_id = ANY (ARRAY(SELECT id FROM expired))),
  removed AS (DELETE FROM ended_deliveries WHERE id = ANY (ARRAY(SELECT id FROM expired)) RETURNING *),
  counted AS (${countChanges(changesOfEnded("removed", { count: "0", removed: "count(*)::int" }))}),
  archived AS (
    INSERT INTO archived_deliveries (campaign_id, leg, route_id, status, count)
    SELECT campaign_id, leg, coalesce(route_id, 0), status, count(*) FROM removed r WHERE campaign_id IS NOT NULL AND ${isStage("r")} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (campaign_id, leg, route_id, status) DO UPDATE SET count = archived_deliveries.count + excluded.count
  )
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

/**
 * Removes old notifications or groups without deliveries. No transaction adds deliveries to them any more. The rows of `parts`, which belong
 * to notifications, are removed explicitly, as attempts are.
 */
const withoutDeliveriesSql = (
  table: "notifications" | "groups",
  column: string,
  parts: readonly string[] = [],
) => `
  WITH page AS MATERIALIZED (SELECT id FROM ${table} WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows}),
  expired AS MATERIALIZED (
    SELECT t.id FROM ${table} t
    WHERE t.id = ANY (ARRAY(SELECT id FROM page)) AND NOT EXISTS (SELECT FROM deliveries d WHERE d.${column} = t.id)
    FOR UPDATE OF t SKIP LOCKED
  ),
  ${parts.map((part) => `of_${part} AS (DELETE FROM ${part} WHERE notification_id = ANY (ARRAY(SELECT id FROM expired))),`).join("\n  ")}
  hits AS (DELETE FROM engagement_events WHERE message_id = ANY (ARRAY(SELECT id FROM expired))),
  answers AS (DELETE FROM address_answers WHERE message_id = ANY (ARRAY(SELECT id FROM expired))),
  removed AS (DELETE FROM ${table} WHERE id = ANY (ARRAY(SELECT id FROM expired)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

/** The rows that campaigns need that are not over, or that ended at $3 or later: their deliveries may be tried again. */
const neededByCampaigns = {
  inline_contents: "SELECT NULL::uuid AS id WHERE false",
  attachments:
    "SELECT unnest(attachment_ids) AS id FROM campaigns WHERE cardinality(attachment_ids) > 0 AND (finished_at IS NULL OR finished_at >= $3)",
};

/**
 * Removes old rows that neither a notification nor a campaign needs, and that no request has used since $3. A request notes that it uses a row before it refers
 * to it, much less than a day before.
 */
const unusedSql = (
  table: "inline_contents" | "attachments",
  user: "notifications" | "notification_attachments",
  column: string,
) => `
  WITH page AS MATERIALIZED (SELECT id FROM ${table} WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows}),
  needed AS MATERIALIZED (${neededByCampaigns[table]}),
  expired AS MATERIALIZED (
    SELECT t.id FROM ${table} t
    WHERE t.id = ANY (ARRAY(SELECT id FROM page)) AND t.used_at < $3 AND NOT EXISTS (SELECT FROM ${user} u WHERE u.${column} = t.id)
      AND NOT EXISTS (SELECT FROM needed n WHERE n.id = t.id)
    FOR UPDATE OF t SKIP LOCKED
  ),
  removed AS (DELETE FROM ${table} WHERE id = ANY (ARRAY(SELECT id FROM expired)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

const notificationParts = ["notification_attachments", "notification_copies"];

/** Removes events whose delivery no longer exists. */
const eventsSql = `
  WITH page AS MATERIALIZED (SELECT id FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows}),
  expired AS MATERIALIZED (
    SELECT e.id FROM events e
    WHERE e.id = ANY (ARRAY(SELECT id FROM page)) AND NOT EXISTS (SELECT FROM deliveries d WHERE d.id = e.delivery_id)
    FOR UPDATE OF e SKIP LOCKED
  ),
  queued AS (DELETE FROM event_deliveries WHERE event_id = ANY (ARRAY(SELECT id FROM expired))),
  removed AS (DELETE FROM events WHERE id = ANY (ARRAY(SELECT id FROM expired)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

const auditSql = `
  WITH page AS MATERIALIZED (
    SELECT id FROM audit_entries WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
  ),
  removed AS (DELETE FROM audit_entries WHERE id = ANY (ARRAY(SELECT id FROM page)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last`;

/** Keys contain no time, so an index by the creation time is used. */
const idempotencySql = `
  WITH page AS MATERIALIZED (
    SELECT scope, key, created_at FROM idempotency_keys WHERE created_at >= $1 AND created_at < $2 ORDER BY created_at LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
  ),
  removed AS (DELETE FROM idempotency_keys i USING page WHERE i.scope = page.scope AND i.key = page.key RETURNING 1)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT max(created_at) FROM page) AS last`;

/** Items are kept from the time at which they arrived, which may be long after their deliveries were created. */
const inboxSql = `
  WITH page AS MATERIALIZED (
    SELECT id, created_at FROM inbox_items WHERE created_at >= $1 AND created_at < $2 ORDER BY created_at LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
  ),
  removed AS (DELETE FROM inbox_items WHERE id = ANY (ARRAY(SELECT id FROM page)) RETURNING id)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT max(created_at) FROM page) AS last`;

const reportsSql = `
  WITH page AS MATERIALIZED (
    SELECT key, received_at FROM inbound_reports WHERE received_at >= $1 AND received_at < $2 ORDER BY received_at LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
  ),
  removed AS (DELETE FROM inbound_reports WHERE key = ANY (ARRAY(SELECT key FROM page)) RETURNING key)
  SELECT (SELECT count(*)::int FROM removed) AS removed, (SELECT count(*)::int FROM page) AS seen, (SELECT max(received_at) FROM page) AS last`;

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

/** Creates functions that remove rows past their retention, in batches. */
export function createExpired({ pool, retention }: { pool: Pool; retention: Retention }) {
  async function run(text: string, values: unknown[]): Promise<Removal> {
    const { rows } = await pool.query<Batch>(text, values);
    const { removed, seen, last } = rows[0]!;
    const after = last instanceof Date ? last.toISOString() : last;
    return { removed, after: seen < batchRows ? null : after };
  }

  /** The key of a gate contains the public id of its campaign, which PostgreSQL cannot decode. */
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
    /** Reads at most `batchRows` rows after the cursor `after`, and removes those that are past their retention at `now`. */
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
          return run(
            withoutDeliveriesSql("notifications", "notification_id", notificationParts),
            ids,
          );
        case "inline_contents":
          return run(unusedSql("inline_contents", "notifications", "content_id"), [...ids, cutoff]);
        case "attachments":
          return run(unusedSql("attachments", "notification_attachments", "attachment_id"), [
            ...ids,
            cutoff,
          ]);
        case "gates":
          return gates(cutoff, after);
        case "audit_entries":
          return run(auditSql, ids);
        case "events":
          return run(eventsSql, ids);
        case "groups":
          return run(withoutDeliveriesSql("groups", "group_id"), ids);
        case "topic_subscriptions":
          return removeUnconfirmed(pool, { now, before: cutoff, after });
        case "inbox_items":
          return run(inboxSql, [after ?? new Date(0), cutoff]);
        case "inbound_reports":
          return run(reportsSql, [after ?? new Date(0), cutoff]);
        case "idempotency_keys":
          return run(idempotencySql, [after ?? new Date(0), cutoff]);
      }
    },
  };
}
