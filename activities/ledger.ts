import type { Pool } from "pg";
import type { Attempt } from "../domain/outcome.ts";
import { ageingMs, priorities, type Priority } from "../domain/priority.ts";
import type { Settlement } from "../domain/settle.ts";
import type { RecipientView } from "./channels/channel.ts";

/**
 * The ledger as workers use it: set-based statements over `deliveries` and `attempts`, each one transaction. A row is
 * written only by who holds its lease token, whatever else happens to the writer meanwhile.
 *
 * Instants are PostgreSQL's clock, or the workflow's time (`asOf`) where that is later: so workers need not agree with
 * each other, and a workflow's timer that fired finds its row due.
 */
export interface Ledger {
  /** Leases up to `limit` due rows of the queue, the most urgent first; none while the queue's campaign is not running. */
  claim(input: { queue: string; campaignId: string | null; asOf: Date; limit: number; token: string; leaseMs: number }): Promise<ClaimedDelivery[]>;
  /** Marks rows as being handed over and renews their lease. Rows that are no longer the caller's are missing in the result. */
  markSending(rows: readonly Held[], leaseMs: number): Promise<Set<string>>;
  /** Writes outcomes and frees the leases; attempts are kept as evidence even where the row is no longer the caller's. */
  settle(outcomes: readonly SettledDelivery[]): Promise<void>;
  renew(rows: readonly Held[], asOf: Date, leaseMs: number): Promise<void>;
  /** Gives back leased rows that were not handed over. */
  release(rows: readonly Held[]): Promise<void>;
  /** When a claim of the queue would next find something, and what is open in it. */
  outlook(input: { queue: string; campaignId: string | null; asOf: Date }): Promise<QueueOutlook>;
}

export interface Held {
  id: string;
  token: string;
}

export interface ClaimedDelivery extends Held {
  campaignId: string | null;
  notificationId: string | null;
  priority: Priority;
  /** Hand-overs so far. */
  attemptCount: number;
  /** It was being handed over when its worker died or lost its lease. */
  interrupted: boolean;
  erased: boolean;
  recipient: RecipientView;
}

export interface SettledDelivery extends Held {
  settlement: Settlement;
  /** After this hand-over. */
  attemptCount: number;
  attempts: readonly Attempt[];
}

export interface QueueOutlook {
  /** Null: nothing is due, nor will be without a wake. */
  nextDueAt: Date | null;
  /** Why the earliest row waits, as in domain/reasons.ts. */
  reason: string | null;
  /** Open rows, counted up to `openCountLimit`. */
  open: number;
}

export const openCountLimit = 1_000;

const byPriority = `(VALUES ${priorities.map((priority) => `('${priority}'::priority, interval '${ageingMs[priority]} milliseconds')`).join(", ")}) AS p(priority, ageing)`;

/** A campaign's rows are claimed only while it runs; `$2` is null for queues of notifications. */
const sourceRuns = "($2::uuid IS NULL OR EXISTS (SELECT FROM campaigns WHERE id = $2 AND status = 'running'))";

const claimSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($3::timestamptz, clock_timestamp()) AS now),
  due AS (
    SELECT d.id, d.status
    FROM clock, ${byPriority},
    LATERAL (
      SELECT id, status, due_at FROM deliveries
      WHERE queue = $1 AND priority = p.priority AND due_at <= clock.now
        AND (lease_until IS NULL OR lease_until <= clock.now) AND ${sourceRuns}
      ORDER BY due_at LIMIT $4
      FOR UPDATE SKIP LOCKED
    ) d
    ORDER BY d.due_at + p.ageing LIMIT $4
  ),
  claimed AS (
    UPDATE deliveries d SET lease_token = $5, lease_until = clock.now + $6 * interval '1 millisecond'
    FROM due, clock WHERE d.id = due.id
    RETURNING d.id, d.campaign_id, d.notification_id, d.priority, d.attempt_count, due.status = 'sending' AS interrupted, d.recipient_id
  )
  SELECT c.id, c.campaign_id, c.notification_id, c.priority, c.attempt_count, c.interrupted,
    r.erased_at IS NOT NULL, r.id, r.external_id, r.email, r.phone, r.time_zone, r.locale, r.attributes
  FROM claimed c JOIN recipients r ON r.id = c.recipient_id`;

const markSendingSql = `
  UPDATE deliveries d SET status = 'sending', attempt_count = d.attempt_count + 1,
    lease_until = greatest(d.lease_until, clock_timestamp() + $3 * interval '1 millisecond')
  FROM unnest($1::uuid[], $2::uuid[]) AS held(id, token)
  WHERE d.id = held.id AND d.lease_token = held.token AND d.status IN ('pending', 'sending') AND d.lease_until > clock_timestamp()
  RETURNING d.id`;

const settleSql = `
  WITH settled AS (
    UPDATE deliveries d SET status = s.status, due_at = s.due_at, reason = s.reason, detail = s.detail, attempt_count = s.attempt_count,
      lease_token = NULL, lease_until = NULL, finished_at = CASE WHEN s.due_at IS NULL THEN clock_timestamp() END
    FROM unnest($1::uuid[], $2::uuid[], $3::delivery_status[], $4::timestamptz[], $5::text[], $6::text[], $7::smallint[])
      AS s(id, token, status, due_at, reason, detail, attempt_count)
    WHERE d.id = s.id AND d.lease_token = s.token
  )
  INSERT INTO attempts (delivery_id, number, provider, outcome, failure, response, started_at, finished_at)
  SELECT * FROM unnest($8::uuid[], $9::smallint[], $10::text[], $11::attempt_outcome[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[])
  ON CONFLICT (delivery_id, number) DO NOTHING`;

const renewSql = `
  UPDATE deliveries d SET lease_until = greatest($3::timestamptz, clock_timestamp()) + $4 * interval '1 millisecond'
  FROM unnest($1::uuid[], $2::uuid[]) AS held(id, token)
  WHERE d.id = held.id AND d.lease_token = held.token`;

const releaseSql = `
  UPDATE deliveries d SET lease_token = NULL, lease_until = NULL
  FROM unnest($1::uuid[], $2::uuid[]) AS held(id, token)
  WHERE d.id = held.id AND d.lease_token = held.token AND d.status = 'pending'`;

/** The earliest of: the first row without a live lease, and the first live lease to run out on a row that is due. */
const outlookSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($3::timestamptz, clock_timestamp()) AS now),
  waiting AS (
    SELECT d.due_at AS at, d.reason FROM clock, ${byPriority},
    LATERAL (
      SELECT due_at, reason FROM deliveries
      WHERE queue = $1 AND priority = p.priority AND due_at IS NOT NULL AND (lease_until IS NULL OR lease_until <= clock.now)
      ORDER BY due_at LIMIT 1
    ) d
    UNION ALL
    SELECT min(d.lease_until), 'leased' FROM clock, deliveries d
    WHERE d.queue = $1 AND d.due_at <= clock.now AND d.lease_until > clock.now
  ),
  open AS (SELECT count(*)::int AS count FROM (SELECT FROM deliveries WHERE queue = $1 AND due_at IS NOT NULL LIMIT ${openCountLimit}) o)
  SELECT (SELECT count FROM open), w.at, w.reason
  FROM (SELECT) one LEFT JOIN waiting w ON w.at IS NOT NULL AND ${sourceRuns}
  ORDER BY w.at NULLS LAST LIMIT 1`;

export function createLedger(pool: Pool): Ledger {
  /** Named, so that PostgreSQL plans each statement once a connection. */
  const run = async (name: string, text: string, values: unknown[]): Promise<unknown[][]> =>
    (await pool.query<unknown[]>({ name, text, values, rowMode: "array" })).rows;

  const held = (rows: readonly Held[]) => [rows.map((row) => row.id), rows.map((row) => row.token)];

  return {
    async claim({ queue, campaignId, asOf, limit, token, leaseMs }) {
      const rows = await run("claim", claimSql, [queue, campaignId, asOf, limit, token, leaseMs]);
      return rows.map(
        ([id, campaign, notification, priority, attemptCount, interrupted, erased, recipientId, externalId, email, phone, timeZone, locale, attributes]) =>
          ({
            id,
            token,
            campaignId: campaign,
            notificationId: notification,
            priority,
            attemptCount,
            interrupted,
            erased,
            recipient: { id: recipientId, externalId, email, phone, timeZone, locale, attributes },
          }) as ClaimedDelivery,
      );
    },

    async markSending(rows, leaseMs) {
      const marked = await run("mark-sending", markSendingSql, [...held(rows), leaseMs]);
      return new Set(marked.map(([id]) => id as string));
    },

    async settle(outcomes) {
      const attempts = outcomes.flatMap(({ id, attemptCount, attempts: made }) =>
        made.map((attempt, index) => ({ id, number: attemptCount - made.length + index + 1, attempt })),
      );
      await run("settle", settleSql, [
        ...held(outcomes),
        outcomes.map(({ settlement }) => settlement.status),
        outcomes.map(({ settlement }) => (settlement.status === "pending" ? settlement.dueAt : null)),
        outcomes.map(({ settlement }) => settlement.reason),
        outcomes.map(({ settlement }) => ("detail" in settlement ? settlement.detail : null)),
        outcomes.map(({ attemptCount }) => attemptCount),
        attempts.map(({ id }) => id),
        attempts.map(({ number }) => number),
        attempts.map(({ attempt }) => attempt.provider),
        attempts.map(({ attempt }) => attempt.outcome),
        attempts.map(({ attempt }) => attempt.failure),
        attempts.map(({ attempt }) => attempt.response),
        attempts.map(({ attempt }) => attempt.startedAt),
        attempts.map(({ attempt }) => attempt.finishedAt),
      ]);
    },

    async renew(rows, asOf, leaseMs) {
      await run("renew", renewSql, [...held(rows), asOf, leaseMs]);
    },

    async release(rows) {
      await run("release", releaseSql, held(rows));
    },

    async outlook({ queue, campaignId, asOf }) {
      const [row] = await run("outlook", outlookSql, [queue, campaignId, asOf]);
      const [open, nextDueAt, reason] = row as [number, Date | null, string | null];
      return { open, nextDueAt, reason };
    },
  };
}
