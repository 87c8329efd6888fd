import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { inTransaction } from "../ledger/transaction.ts";
import { mayHaveArrived } from "../ledger/audience-sql.ts";
import { parsePublicId } from "../domain/ids.ts";
import {
  leaveGroupsSql,
  lockGroupsSql,
  openIn,
  outsideLanes,
  owedOutside,
  ownQueue,
} from "../ledger/conditions.ts";
import { laneNames, shardNames, waitingDigests } from "../domain/delivery/queues.ts";
import { heldReasons } from "../domain/delivery/reasons.ts";
import { invalidInput } from "./failures.ts";
import { freezeAudience } from "../ledger/freeze-audience.ts";

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
  recalledAt: Date | null;
  audienceCount: number | null;
}

/** Rows of a campaign, by where they wait. */
interface Rows {
  /** The campaign's UUID. */
  id: string;
  lanes: readonly string[];
  /** Where rows wait that leave a digest. */
  mailboxes: readonly string[];
}

const heartbeatMs = 5_000;
/**
 * What waits outside the lanes is asked for when the first of it should have been sent, and no more often than this; the
 * relay notices when nothing does any more.
 */
const askAgainMs = 30_000;
const sentWithinMs = 5_000;
/** Rows outside the lanes that are looked at for what they wait for, of each priority. */
const lookRows = 1_000;
/** How soon rows that somebody else was writing are looked at again. */
const lookAgainMs = 50;
/** Rows written in one transaction: few, so that claims and API calls are not kept waiting. */
const writeBatch = 5_000;

/**
 * Moves a campaign on as far as the ledger allows, and says what to wait for: freezes the audience when its time has
 * come, cancels what is open when it was cancelled or recalled, completes it when nothing is open that it owes. Each step is
 * one transaction that a retry finds done. Rows that policy merges leave the lanes for their recipients' mailboxes and for
 * digests, and are as much the campaign's as others; queues of theirs where something is due are woken.
 */
export function createAdvanceCampaign({
  pool,
  mailboxShards,
  wake,
}: {
  pool: Pool;
  mailboxShards: number;
  /** Starts the workflow of a queue, or has it look again. */
  wake: (queue: string) => Promise<void>;
}) {
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
        const rows: Rows = {
          id,
          lanes: laneNames(campaignId, row.laneCount),
          mailboxes: shardNames("mailbox", mailboxShards),
        };
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
            await reprioritise(pool, rows);
            const outside = await lookOutside(pool, id, asOf);
            await Promise.all(outside.dueQueues.map(wake));
            const open = await openLanes(pool, rows.lanes);
            if (open.length > 0) return { next: "drain", lanes: open };
            if (outside.nextDueAt) return waitFor(outside, Math.max(Date.parse(asOf), Date.now()));
            await complete(pool, rows);
            break;
          }
          case "cancelled": {
            const leasedUntil = row.frozenAt === null ? null : await cancelOpen(pool, rows, asOf);
            if (leasedUntil) return handedOverFirst("Cancelled", leasedUntil);
            await finish(pool, id);
            return reconcile(pool, row, "cancelled");
          }
          case "completed": {
            // What was snoozed of it does not come again.
            const leasedUntil = row.recalledAt === null ? null : await cancelOpen(pool, rows, asOf);
            if (leasedUntil) return handedOverFirst("Recalled", leasedUntil);
            return reconcile(pool, row, "completed");
          }
        }
      }
    } finally {
      clearInterval(beating);
    }
  };
}

const handedOverFirst = (over: string, until: Date): CampaignStep => ({
  next: "wait",
  why: `${over}; what is being handed over ends first`,
  until: until.toISOString(),
});

const waitFor = ({ open, nextDueAt }: Outside, now: number): CampaignStep => ({
  next: "wait",
  why: `${open < lookRows ? open : `At least ${open}`} ${open === 1 ? "waits" : "wait"} in batches, digests and mailboxes`,
  until: new Date(Math.max(nextDueAt!.getTime() + sentWithinMs, now + askAgainMs)).toISOString(),
});

async function read(pool: Pool, id: string): Promise<CampaignRow | undefined> {
  const { rows } = await pool.query<CampaignRow>(
    `SELECT id, status, lane_count AS "laneCount", start_at AS "startAt", frozen_at AS "frozenAt", recalled_at AS "recalledAt", audience_count AS "audienceCount" FROM campaigns WHERE id = $1`,
    [id],
  );
  return rows[0];
}

async function openLanes(pool: Pool, lanes: readonly string[]): Promise<number[]> {
  const { rows } = await pool.query<{ lane: number }>(
    `SELECT (q.number - 1)::int AS lane FROM unnest($1::text[]) WITH ORDINALITY AS q(name, number)
     WHERE ${openIn("q.name")} ORDER BY lane`,
    [lanes],
  );
  return rows.map(({ lane }) => lane);
}

/** What a campaign owes and is in none of its lanes. */
interface Outside {
  /** Up to `lookRows` of each priority. */
  open: number;
  /** The earliest; null where nothing is open. */
  nextDueAt: Date | null;
  /** Queues where something is due that nobody holds. */
  dueQueues: string[];
}

const lookOutsideSql = `
  SELECT count(*)::int AS open, min(due_at) AS "nextDueAt",
    coalesce(array_agg(DISTINCT queue) FILTER (WHERE due AND queue <> '${waitingDigests}'), '{}') AS "dueQueues"
  FROM (SELECT greatest($2::timestamptz, clock_timestamp()) AS now) AS clock, unnest(enum_range(NULL::priority)) AS of(priority),
  LATERAL (
    SELECT d.queue, d.due_at, d.due_at <= clock.now AND (d.lease_until IS NULL OR d.lease_until <= clock.now) AS due FROM deliveries d
    WHERE d.campaign_id = $1 AND d.priority = of.priority AND ${outsideLanes("d")} AND d.due_at IS NOT NULL AND d.leg = 'primary'
    ORDER BY d.due_at LIMIT ${lookRows}
  ) AS waiting`;

async function lookOutside(pool: Pool, id: string, asOf: string): Promise<Outside> {
  return (await pool.query<Outside>(lookOutsideSql, [id, asOf])).rows[0]!;
}

/**
 * What another priority makes of a row `d`: held by policy, it is decided again. What is due may have been read, and be about
 * to be held for the priority it had: that is written only where `due_at` is as it was read. A millisecond does not cost it
 * its place.
 */
const reprioritised = (held: string) => `
  due_at = CASE WHEN ${held} THEN clock_timestamp() WHEN d.due_at <= clock_timestamp() THEN d.due_at + interval '1 millisecond' ELSE d.due_at END,
  reason = CASE WHEN ${held} THEN 'decide_again' ELSE d.reason END`;

/**
 * Gives what is open the priority that the campaign has by now. Members of batches and digests leave them, and are decided
 * again. Rows that a claim or an outcome holds are left for the next time.
 */
async function reprioritise(pool: Pool, { id, lanes, mailboxes }: Rows): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      `WITH batch AS (
         SELECT d.id, c.priority, coalesce(d.status = 'pending' AND d.reason = ANY($3::text[]), false) AS held
         FROM campaigns c, unnest($2::text[]) AS q(name), unnest(enum_range(NULL::priority)) AS other(priority),
         LATERAL (
           SELECT id, status, reason FROM deliveries WHERE queue = q.name AND priority = other.priority AND due_at IS NOT NULL
           LIMIT ${writeBatch} FOR NO KEY UPDATE SKIP LOCKED
         ) d
         WHERE c.id = $1 AND other.priority <> c.priority
         LIMIT ${writeBatch}
       )
       UPDATE deliveries d SET priority = batch.priority, ${reprioritised("batch.held")} FROM batch WHERE d.id = batch.id`,
      [id, lanes, heldReasons],
    );
    if (rowCount === 0) break;
  }
  await changeOutside(
    pool,
    `SELECT d.id, d.group_id AS "groupId"
     FROM campaigns c, unnest(enum_range(NULL::priority)) AS other(priority),
     LATERAL (
       SELECT id, group_id FROM deliveries o
       WHERE o.campaign_id = c.id AND o.priority = other.priority AND ${outsideLanes("o")} AND o.due_at IS NOT NULL ORDER BY o.due_at LIMIT ${writeBatch}
     ) d
     WHERE c.id = $1 AND other.priority <> c.priority
     LIMIT ${writeBatch}`,
    [id],
    `UPDATE deliveries d SET priority = c.priority, ${reprioritised("open.held")},
       group_id = CASE WHEN open.held THEN NULL ELSE d.group_id END,
       queue = CASE WHEN open.held AND d.queue LIKE 'digest/%' THEN ${ownQueue("d", "$4::text[]")} ELSE d.queue END
     FROM campaigns c, (
       SELECT id, group_id, coalesce(status = 'pending' AND reason = ANY($3::text[]), false) AS held FROM deliveries
       WHERE id = ANY($1::uuid[]) AND due_at IS NOT NULL AND (group_id IS NULL OR group_id = ANY($2::uuid[]))
       ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
     ) AS open
     WHERE d.id = open.id AND c.id = d.campaign_id RETURNING open.group_id AS "groupId"`,
    [heldReasons, mailboxes],
  );
}

/**
 * Changes rows outside the lanes, a batch a transaction, until none is found or all that are found are being written by
 * somebody else: those are passed over, and so are those that have joined another group since their groups were locked.
 * @param find says which: their ids and groups
 * @param write changes the rows $1, some of which are in the groups $2, and returns the groups that they were in
 */
async function changeOutside(
  pool: Pool,
  find: string,
  findValues: unknown[],
  write: string,
  writeValues: unknown[],
): Promise<void> {
  interface Member {
    id: string;
    groupId: string | null;
  }
  const groupsOf = (rows: readonly Pick<Member, "groupId">[]) => [
    ...new Set(rows.flatMap(({ groupId }) => groupId ?? [])),
  ];
  for (;;) {
    const changed = await inTransaction(pool, async (client) => {
      const { rows: found } = await client.query<Member>(find, findValues);
      if (found.length === 0) return 0;
      const groups = groupsOf(found);
      if (groups.length > 0) await client.query(lockGroupsSql, [groups]);
      const ids = found.map(({ id }) => id);
      const { rows } = await client.query<Member>(write, [ids, groups, ...writeValues]);
      const left = groupsOf(rows);
      if (left.length > 0) await client.query(leaveGroupsSql, [left]);
      return rows.length;
    });
    if (changed === 0) return;
  }
}

/**
 * Only while it is still running and nothing that it owes is open: a pause or a cancellation that came first is obeyed, and so
 * is a retry, which opens rows under the same lock. What is open is looked for by a statement of its own, once the lock is
 * held: in one snapshot, so that no row that leaves a lane is missed. What was snoozed may be open for longer.
 */
async function complete(pool: Pool, { id, lanes }: Rows): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      "SELECT FROM campaigns WHERE id = $1 AND status = 'running' FOR NO KEY UPDATE",
      [id],
    );
    if (rowCount === 0) return;
    await client.query(
      `UPDATE campaigns SET status = 'completed', finished_at = now(), updated_at = now(), version = version + 1
       WHERE id = $1 AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS q(name) WHERE ${openIn("q.name")}) AND ${owedOutside("campaigns.id")} IS NULL`,
      [id, lanes],
    );
  });
}

async function finish(pool: Pool, id: string): Promise<void> {
  await pool.query(
    "UPDATE campaigns SET finished_at = now(), updated_at = now(), version = version + 1 WHERE id = $1 AND status = 'cancelled' AND finished_at IS NULL",
    [id],
  );
}

/** May be cancelled: it waits, or its hand-over was cut off. */
const cancellable = (asOf: string) =>
  `due_at IS NOT NULL AND (status = 'pending' OR lease_until <= greatest(${asOf}::timestamptz, clock_timestamp()))`;

const mayBeUnknown = `status = 'sending' OR ${mayHaveArrived("d")} AS unknown`;

const cancelled = `
  status = (CASE WHEN held.unknown THEN 'unknown' ELSE 'cancelled' END)::delivery_status,
  reason = CASE WHEN held.unknown THEN 'outcome_unknown' ELSE 'campaign_cancelled' END,
  due_at = NULL, lease_token = NULL, lease_until = NULL, finished_at = clock_timestamp()`;

/**
 * Cancels what waits, wherever it does, what was snoozed too. A row whose hand-over was cut off, or that waits for another try
 * after one without an answer, may have been sent, and is not sent again: its outcome is unknown. Rows that somebody is writing
 * are looked at again, and not waited for: whoever merges or claims some locks them in another order. Resolves with when the
 * last live hand-over must have ended, or null if nothing is open any more.
 */
async function cancelOpen(pool: Pool, { id, lanes }: Rows, asOf: string): Promise<Date | null> {
  for (;;) {
    for (;;) {
      const { rowCount } = await pool.query(
        `WITH held AS (
           SELECT id, ${mayBeUnknown} FROM deliveries d WHERE queue = ANY($1::text[]) AND ${cancellable("$2")}
           LIMIT ${writeBatch} FOR UPDATE SKIP LOCKED
         )
         UPDATE deliveries d SET ${cancelled} FROM held WHERE d.id = held.id`,
        [lanes, asOf],
      );
      if (rowCount === 0) break;
    }
    await changeOutside(
      pool,
      `SELECT id, group_id AS "groupId" FROM deliveries d WHERE campaign_id = $1 AND ${outsideLanes("d")} AND ${cancellable("$2")} ORDER BY priority, due_at LIMIT ${writeBatch}`,
      [id, asOf],
      `UPDATE deliveries d SET ${cancelled}, group_id = CASE WHEN held.unknown THEN d.group_id END
       FROM (
         SELECT id, group_id, ${mayBeUnknown} FROM deliveries d
         WHERE id = ANY($1::uuid[]) AND ${cancellable("$3")} AND (group_id IS NULL OR group_id = ANY($2::uuid[]))
         ORDER BY id FOR UPDATE SKIP LOCKED
       ) AS held
       WHERE d.id = held.id RETURNING held.group_id AS "groupId"`,
      [asOf],
    );
    const { rows } = await pool.query<{ open: number; until: Date | null }>(
      `SELECT count(*)::int AS open, max(lease_until) AS until FROM (
         SELECT lease_until FROM deliveries WHERE queue = ANY($2::text[]) AND due_at IS NOT NULL
         UNION ALL SELECT lease_until FROM deliveries d WHERE d.campaign_id = $1 AND ${outsideLanes("d")} AND d.due_at IS NOT NULL
       ) AS left_open`,
      [id, lanes],
    );
    const { open, until } = rows[0]!;
    if (open === 0 || until !== null) return until;
    // Somebody is writing them: a hand-over may just have left its row to be tried again, or a merge may have moved it.
    await sleep(lookAgainMs);
  }
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
