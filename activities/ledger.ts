import type { Pool } from "pg";
import type { Attempt } from "../domain/outcome.ts";
import { ageingMs, priorities } from "../domain/priority.ts";
import type { Settlement } from "../domain/settle.ts";
import type { RecipientView } from "./channels/channel.ts";

/**
 * The ledger as workers use it: set-based statements over `deliveries` and `attempts`, each one transaction. What is due
 * is only read; the claim is the compare-and-set that marks a row as `sending` just before it is handed over, under a
 * token and a lease. From then on it is written only by who holds that token (docs/decisions/0001).
 *
 * Instants are PostgreSQL's clock, or the workflow's time (`asOf`) where that is later: so workers need not agree with
 * each other, and a workflow's timer that fired finds its row due.
 */
export interface Ledger {
  /**
   * Up to `limit` rows of the queue that are due, or whose hand-over was cut off, the most urgent first, without those
   * in `except`; none while the queue's campaign is not running.
   */
  due(input: {
    queue: string;
    asOf: Date;
    limit: number;
    except: readonly string[];
  }): Promise<DueDelivery[]>;
  /**
   * One write for what ended and what is next. `settled`: what became of rows, with their attempts; their leases end. A row
   * that is no longer the token's is left to its new holder, whose first attempt says that this one was cut off. `wanted`:
   * rows to mark as being handed over by the holder of `token`, for `leaseMs`; those that another claimed, or that are not
   * due any more (cancelled, paused, held), that were tried since they were read, or whose campaign says something else by
   * now than what would be sent, are missing in the result.
   */
  turn(input: {
    settled: readonly SettledDelivery[];
    wanted: readonly WantedDelivery[];
    token: string;
    asOf: Date;
    leaseMs: number;
  }): Promise<Set<string>>;
  /** `turn` with nothing wanted. */
  settle(settled: readonly SettledDelivery[]): Promise<void>;
  /** Leases go on for another `leaseMs`. */
  renew(input: { rows: readonly Held[]; asOf: Date; leaseMs: number }): Promise<void>;
  /** When `due` would next find something, and what is open in the queue. */
  outlook(input: { queue: string; asOf: Date }): Promise<QueueOutlook>;
}

export interface Held {
  id: string;
  /** Null for a row that nobody has claimed. */
  token: string | null;
}

export interface DueDelivery extends Held {
  campaignId: string | null;
  notificationId: string | null;
  /** The campaign's revision in force when it was read; null for a notification, which has but one. */
  revision: number | null;
  /** Hand-overs so far, a cut-off one included. */
  attemptCount: number;
  /** Of these, those that do not count towards the limit any more. */
  forgivenCount: number;
  /** It was being handed over when its worker died or lost its lease; `token` is the dead one. */
  interrupted: boolean;
  erased: boolean;
  recipient: RecipientView;
}

/** A row to claim, with what would be sent: of a campaign, its revision. */
type WantedDelivery = Pick<DueDelivery, "id" | "attemptCount" | "revision">;

export interface SettledDelivery extends Held {
  settlement: Settlement;
  /** Hand-overs so far, these included. */
  attemptCount: number;
  attempts: readonly Attempt[];
}

interface QueueOutlook {
  /** Null: nothing is due, nor will be without a wake. */
  nextDueAt: Date | null;
  /** Why the earliest row waits, as in domain/reasons.ts; `interrupted` for a hand-over whose lease has to run out. */
  reason: string | null;
  /** Open rows, counted up to `openCountLimit`. */
  open: number;
}

const openCountLimit = 1_000;

const nobody = "00000000-0000-0000-0000-000000000000";

const byPriority = `(VALUES ${priorities.map((priority) => `('${priority}'::priority, interval '${ageingMs[priority]} milliseconds')`).join(", ")}) AS p(priority, ageing)`;

/** Rows of a campaign move only while it runs: pause, cancel and reschedule need nothing but their own commit. */
const sourceRuns = `(campaign_id IS NULL OR campaign_id = ANY (ARRAY(SELECT id FROM campaigns WHERE status = 'running' AND finished_at IS NULL)))`;

const dueSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($2::timestamptz, clock_timestamp()) AS now),
  due AS (
    SELECT d.* FROM clock, ${byPriority},
    LATERAL (
      SELECT id, campaign_id, notification_id, recipient_id, attempt_count, forgiven_count, status, lease_token, due_at FROM deliveries
      WHERE queue = $1 AND priority = p.priority AND due_at <= clock.now AND (lease_until IS NULL OR lease_until <= clock.now)
        AND id NOT IN (SELECT unnest($4::uuid[])) AND ${sourceRuns}
      ORDER BY due_at LIMIT $3
    ) d
    ORDER BY d.due_at + p.ageing LIMIT $3
  )
  SELECT d.id, d.lease_token, d.campaign_id, d.notification_id, c.revision, d.attempt_count, d.forgiven_count, d.status = 'sending',
    r.erased_at IS NOT NULL, r.id, r.external_id, r.email, r.phone, r.time_zone, r.locale, r.attributes
  FROM due d JOIN recipients r ON r.id = d.recipient_id LEFT JOIN campaigns c ON c.id = d.campaign_id`;

const turnSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($17::timestamptz, clock_timestamp()) AS now),
  settled AS (
    UPDATE deliveries d SET status = s.status, due_at = to_timestamp(s.due_ms / 1000.0), reason = s.reason, detail = s.detail, attempt_count = s.attempt_count,
      lease_token = NULL, lease_until = NULL, finished_at = CASE WHEN s.due_ms IS NULL THEN clock_timestamp() END
    FROM unnest($1::uuid[], $2::uuid[], $3::delivery_status[], $4::bigint[], $5::text[], $6::text[], $7::smallint[])
      AS s(id, token, status, due_ms, reason, detail, attempt_count)
    WHERE d.id = s.id AND d.lease_token IS NOT DISTINCT FROM s.token AND d.due_at IS NOT NULL
    RETURNING d.id
  ),
  evidence AS (
    INSERT INTO attempts (delivery_id, number, provider, outcome, failure, response, started_at, finished_at)
    SELECT a.id, a.number, a.provider, a.outcome, a.failure, a.response, to_timestamp(a.started_ms / 1000.0), to_timestamp(a.finished_ms / 1000.0)
    FROM unnest($8::uuid[], $9::smallint[], $10::text[], $11::attempt_outcome[], $12::text[], $13::text[], $14::bigint[], $15::bigint[])
      AS a(id, number, provider, outcome, failure, response, started_ms, finished_ms)
    WHERE a.id = ANY (ARRAY(SELECT id FROM settled))
  )
  UPDATE deliveries d SET status = 'sending', attempt_count = d.attempt_count + 1, revision = wanted.revision,
    lease_token = $18, lease_until = clock.now + $19 * interval '1 millisecond'
  FROM unnest($16::uuid[], $20::smallint[], $21::smallint[]) AS wanted(id, attempt_count, revision), clock
  WHERE d.id = wanted.id AND d.attempt_count = wanted.attempt_count AND d.due_at <= clock.now AND (d.lease_until IS NULL OR d.lease_until <= clock.now)
    AND (d.campaign_id IS NULL OR wanted.revision = (SELECT c.revision FROM campaigns c WHERE c.id = d.campaign_id AND c.status = 'running' AND c.finished_at IS NULL))
  RETURNING d.id`;

const renewSql = `
  UPDATE deliveries d SET lease_until = greatest($3::timestamptz, clock_timestamp()) + $4 * interval '1 millisecond'
  FROM unnest($1::uuid[], $2::uuid[]) AS held(id, token)
  WHERE d.id = held.id AND d.lease_token = held.token`;

/** The earliest of: the first row that nobody holds, and the first live lease to run out. */
const outlookSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($2::timestamptz, clock_timestamp()) AS now),
  waiting AS (
    SELECT d.due_at AS at, d.reason FROM clock, ${byPriority},
    LATERAL (
      SELECT due_at, reason FROM deliveries
      WHERE queue = $1 AND priority = p.priority AND due_at IS NOT NULL AND (lease_until IS NULL OR lease_until <= clock.now)
        AND ${sourceRuns}
      ORDER BY due_at LIMIT 1
    ) d
    UNION ALL
    SELECT min(d.lease_until), 'interrupted' FROM clock, deliveries d
    WHERE d.queue = $1 AND d.due_at <= clock.now AND d.lease_until > clock.now AND ${sourceRuns}
  ),
  open AS (SELECT count(*)::int AS count FROM (SELECT FROM deliveries WHERE queue = $1 AND due_at IS NOT NULL LIMIT ${openCountLimit}) o)
  SELECT (SELECT count FROM open), w.at, w.reason
  FROM (SELECT) one LEFT JOIN waiting w ON w.at IS NOT NULL
  ORDER BY w.at NULLS LAST LIMIT 1`;

export function createLedger(pool: Pool): Ledger {
  /** Named, so that PostgreSQL plans each statement once a connection. */
  const run = async (name: string, text: string, values: unknown[]): Promise<unknown[][]> =>
    (await pool.query<unknown[]>({ name, text, values, rowMode: "array" })).rows;

  const held = (rows: readonly Held[]) => [rows.map((row) => row.id), rows.map((row) => row.token)];

  return {
    async due({ queue, asOf, limit, except }) {
      const rows = await run("due", dueSql, [queue, asOf, limit, except]);
      return rows.map(
        ([
          id,
          token,
          campaignId,
          notificationId,
          revision,
          attemptCount,
          forgivenCount,
          interrupted,
          erased,
          recipientId,
          externalId,
          email,
          phone,
          timeZone,
          locale,
          attributes,
        ]) =>
          ({
            id,
            token,
            campaignId,
            notificationId,
            revision,
            attemptCount,
            forgivenCount,
            interrupted,
            erased,
            recipient: { id: recipientId, externalId, email, phone, timeZone, locale, attributes },
          }) as DueDelivery,
      );
    },

    async turn({ settled, wanted, token, asOf, leaseMs }) {
      const rows: [
        string[],
        (string | null)[],
        string[],
        (number | null)[],
        (string | null)[],
        (string | null)[],
        number[],
      ] = [[], [], [], [], [], [], []];
      const made: [
        string[],
        number[],
        (string | null)[],
        string[],
        (string | null)[],
        (string | null)[],
        number[],
        number[],
      ] = [[], [], [], [], [], [], [], []];
      for (const { id, token: held, settlement, attemptCount, attempts } of settled) {
        rows[0].push(id);
        rows[1].push(held);
        rows[2].push(settlement.status);
        rows[3].push(settlement.status === "pending" ? settlement.dueAt.getTime() : null);
        rows[4].push(settlement.reason);
        rows[5].push("detail" in settlement ? (settlement.detail ?? null) : null);
        rows[6].push(attemptCount);
        let number = attemptCount - attempts.length;
        for (const { provider, outcome, failure, response, startedAt, finishedAt } of attempts) {
          made[0].push(id);
          made[1].push(++number);
          made[2].push(provider);
          made[3].push(outcome);
          made[4].push(failure);
          made[5].push(response);
          made[6].push(startedAt.getTime());
          made[7].push(finishedAt.getTime());
        }
      }
      const claimed = await run("turn", turnSql, [
        ...rows,
        ...made,
        wanted.map(({ id }) => id),
        asOf,
        token,
        leaseMs,
        wanted.map(({ attemptCount }) => attemptCount),
        wanted.map(({ revision }) => revision),
      ]);
      return new Set(claimed.map(([id]) => id as string));
    },

    async settle(settled) {
      await this.turn({ settled, wanted: [], token: nobody, asOf: new Date(0), leaseMs: 0 });
    },

    async renew({ rows, asOf, leaseMs }) {
      await run("renew", renewSql, [...held(rows), asOf, leaseMs]);
    },

    async outlook({ queue, asOf }) {
      const [row] = await run("outlook", outlookSql, [queue, asOf]);
      const [open, nextDueAt, reason] = row as [number, Date | null, string | null];
      return { open, nextDueAt, reason };
    },
  };
}
