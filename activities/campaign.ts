import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { inTransaction } from "../config/database.ts";
import { mayHaveArrived } from "../domain/audience-sql.ts";
import { parsePublicId } from "../domain/ids.ts";
import { laneNames } from "../domain/queues.ts";
import { invalidInput } from "./failures.ts";
import { freezeAudience } from "./freeze-audience.ts";

export interface AdvanceCampaignInput {
  /** The public id. */
  campaignId: string;
  /** The workflow's time, ISO 8601. */
  asOf: string;
  /** The API request that it was last woken for, for the log. */
  requestId?: string;
}

/** What a campaign's workflow has to do next. Instants are ISO 8601. */
export type CampaignStep =
  | { next: "wait"; why: string; until: string | null }
  | { next: "drain"; lanes: number[] }
  | {
      next: "finished";
      status: "completed" | "cancelled";
      audience: number;
      counts: Record<string, number>;
      reconciled: boolean;
    };

interface CampaignRow {
  id: string;
  status: "draft" | "scheduled" | "running" | "paused" | "completed" | "cancelled";
  laneCount: number;
  startAt: Date | null;
  frozenAt: Date | null;
  audienceCount: number | null;
}

const heartbeatMs = 5_000;
/** Rows written in one transaction: few, so that claims and API calls are not kept waiting. */
const writeBatch = 5_000;

/**
 * Moves a campaign on as far as the ledger allows, and says what to wait for: freezes the audience when its time has
 * come, cancels what is open when it was cancelled, completes it when nothing is open. Each step is one transaction that
 * a retry finds done.
 */
export function createAdvanceCampaign({ pool }: { pool: Pool }) {
  return async function advanceCampaign({
    campaignId,
    asOf,
  }: AdvanceCampaignInput): Promise<CampaignStep> {
    const id = parsePublicId("campaign", campaignId);
    if (id === null) throw invalidInput(`not a campaign id: ${campaignId}`);
    const context = Context.current();
    const beating = setInterval(() => context.heartbeat(), heartbeatMs);
    try {
      for (;;) {
        const row = await read(pool, id);
        if (!row) throw invalidInput(`no campaign ${campaignId}`);
        switch (row.status) {
          case "draft":
            return { next: "wait", why: "A draft", until: null };
          case "paused":
            return { next: "wait", why: "Paused", until: null };
          case "scheduled": {
            if (row.startAt === null)
              return { next: "wait", why: "Scheduled without an instant", until: null };
            const now = Math.max(Date.parse(asOf), Date.now());
            if (row.startAt.getTime() > now)
              return { next: "wait", why: "Scheduled", until: row.startAt.toISOString() };
            await freezeAudience(pool, id, campaignId, new Date(now));
            break;
          }
          case "running": {
            await reprioritise(pool, row.id, campaignId, row.laneCount);
            const open = await openLanes(pool, campaignId, row.laneCount);
            if (open.length > 0) return { next: "drain", lanes: open };
            await complete(pool, id, laneNames(campaignId, row.laneCount));
            break;
          }
          case "cancelled": {
            const leasedUntil =
              row.frozenAt === null
                ? null
                : await cancelOpen(pool, campaignId, row.laneCount, asOf);
            if (leasedUntil)
              return {
                next: "wait",
                why: "Cancelled; what is being handed over ends first",
                until: leasedUntil.toISOString(),
              };
            await finish(pool, id);
            return reconcile(pool, row, "cancelled");
          }
          case "completed":
            return reconcile(pool, row, "completed");
        }
      }
    } finally {
      clearInterval(beating);
    }
  };
}

async function read(pool: Pool, id: string): Promise<CampaignRow | undefined> {
  const { rows } = await pool.query<CampaignRow>(
    `SELECT id, status, lane_count AS "laneCount", start_at AS "startAt", frozen_at AS "frozenAt", audience_count AS "audienceCount" FROM campaigns WHERE id = $1`,
    [id],
  );
  return rows[0];
}

async function openLanes(pool: Pool, campaignId: string, laneCount: number): Promise<number[]> {
  const { rows } = await pool.query<{ lane: number }>(
    `SELECT (q.number - 1)::int AS lane FROM unnest($1::text[]) WITH ORDINALITY AS q(name, number)
     WHERE EXISTS (SELECT FROM deliveries d WHERE d.queue = q.name AND d.due_at IS NOT NULL) ORDER BY lane`,
    [laneNames(campaignId, laneCount)],
  );
  return rows.map(({ lane }) => lane);
}

/** Gives what is open the priority that the campaign has by now. Rows that a claim or an outcome holds are left for the next time. */
async function reprioritise(
  pool: Pool,
  id: string,
  campaignId: string,
  laneCount: number,
): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      `WITH batch AS (
         SELECT d.id, c.priority
         FROM campaigns c, unnest($2::text[]) AS q(name), unnest(enum_range(NULL::priority)) AS other(priority),
         LATERAL (
           SELECT id FROM deliveries WHERE queue = q.name AND priority = other.priority AND due_at IS NOT NULL
           LIMIT ${writeBatch} FOR NO KEY UPDATE SKIP LOCKED
         ) d
         WHERE c.id = $1 AND other.priority <> c.priority
         LIMIT ${writeBatch}
       )
       UPDATE deliveries d SET priority = batch.priority FROM batch WHERE d.id = batch.id`,
      [id, laneNames(campaignId, laneCount)],
    );
    if (rowCount === 0) return;
  }
}

/**
 * Only while it is still running and nothing is open: a pause or a cancellation that came first is obeyed, and so is a
 * retry, which opens rows under the same lock. What is open is looked for by a statement of its own, once the lock is held.
 */
async function complete(pool: Pool, id: string, queues: readonly string[]): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      "SELECT FROM campaigns WHERE id = $1 AND status = 'running' FOR NO KEY UPDATE",
      [id],
    );
    if (rowCount === 0) return;
    await client.query(
      `UPDATE campaigns SET status = 'completed', finished_at = now(), updated_at = now(), version = version + 1
       WHERE id = $1 AND NOT EXISTS (SELECT FROM deliveries WHERE queue = ANY($2::text[]) AND due_at IS NOT NULL)`,
      [id, queues],
    );
  });
}

async function finish(pool: Pool, id: string): Promise<void> {
  await pool.query(
    "UPDATE campaigns SET finished_at = now(), updated_at = now(), version = version + 1 WHERE id = $1 AND status = 'cancelled' AND finished_at IS NULL",
    [id],
  );
}

/**
 * Cancels what waits. A row whose hand-over was cut off, or that waits for another try after one without an answer, may
 * have been sent, and is not sent again: its outcome is unknown. Resolves with when the last live hand-over must have ended,
 * or null if nothing is open any more.
 */
async function cancelOpen(
  pool: Pool,
  campaignId: string,
  laneCount: number,
  asOf: string,
): Promise<Date | null> {
  const queues = laneNames(campaignId, laneCount);
  for (;;) {
    const { rowCount } = await pool.query(
      `WITH batch AS (
         SELECT id, status = 'sending' OR ${mayHaveArrived("d")} AS unknown
         FROM deliveries d
         WHERE queue = ANY($1::text[]) AND due_at IS NOT NULL AND (status = 'pending' OR lease_until <= greatest($2::timestamptz, clock_timestamp()))
         LIMIT ${writeBatch} FOR UPDATE
       )
       UPDATE deliveries d SET
         status = (CASE WHEN batch.unknown THEN 'unknown' ELSE 'cancelled' END)::delivery_status,
         reason = CASE WHEN batch.unknown THEN 'outcome_unknown' ELSE 'campaign_cancelled' END,
         due_at = NULL, lease_token = NULL, lease_until = NULL, finished_at = clock_timestamp()
       FROM batch WHERE d.id = batch.id`,
      [queues, asOf],
    );
    if (rowCount === 0) break;
  }
  const { rows } = await pool.query<{ open: number; until: Date | null }>(
    "SELECT count(*)::int AS open, max(lease_until) AS until FROM deliveries WHERE queue = ANY($1::text[]) AND due_at IS NOT NULL",
    [queues],
  );
  const { open, until } = rows[0]!;
  // A hand-over that was live a moment ago may just have left its row to be tried again.
  if (open > 0 && until === null) return cancelOpen(pool, campaignId, laneCount, asOf);
  return until;
}

/** The ledger's own account of a campaign that is over, in one snapshot; what retention has removed is counted in. */
async function reconcile(
  pool: Pool,
  row: CampaignRow,
  status: "completed" | "cancelled",
): Promise<CampaignStep> {
  const { rows } = await pool.query<{ status: string; count: number }>(
    `SELECT status, sum(count)::int AS count FROM (
       SELECT status, count(*) FROM deliveries WHERE campaign_id = $1 AND leg = 'primary' GROUP BY status
       UNION ALL SELECT status, count FROM archived_deliveries WHERE campaign_id = $1
     ) AS counted GROUP BY status ORDER BY status`,
    [row.id],
  );
  const audienceCount = row.audienceCount ?? 0;
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  const open = rows.some((counted) => counted.status === "pending" || counted.status === "sending");
  return {
    next: "finished",
    status,
    audience: audienceCount,
    counts: Object.fromEntries(rows.map((counted) => [counted.status, counted.count])),
    reconciled: total === audienceCount && !open,
  };
}
