import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { waitingDigests } from "../domain/delivery/queues.ts";
import { isStage, openIn, outsideLanes, owedOutside } from "./conditions.ts";
import { executeOn, defineStatement, type Execute } from "./sql.ts";
import { inTransaction } from "./transaction.ts";
import {
  cancelDeliveries,
  cancelSql,
  changeMembers,
  isCancellable,
  lockedRows,
  type Member,
  outOfDigest,
  reprioritiseSql,
  type RowThatLeft,
} from "./transitions.ts";

// The functions by which a campaign's workflow moves its deliveries, in any queue, one batch per transaction.

export interface CampaignRow {
  id: string;
  status: "draft" | "scheduled" | "running" | "paused" | "completed" | "cancelled";
  laneCount: number;
  startAt: Date | null;
  frozenAt: Date | null;
  recalledAt: Date | null;
  audienceCount: number | null;
  /** The ledger's time when the campaign was read. */
  now: Date;
}

/** The queues in which the deliveries of a campaign wait. */
export interface CampaignQueues {
  /** The campaign's UUID. */
  id: string;
  lanes: readonly string[];
  /** The queues for deliveries that leave a digest, one per shard. */
  mailboxes: readonly string[];
}

/** The maximum of open deliveries outside the lanes that are read for each priority. */
export const lookRows = 1_000;
/** The delay before rows that another transaction had locked are tried again. */
const lockedRetryMs = 50;
/** The number of rows written in one transaction. It is small, so that claims and API calls do not wait long. */
const writeBatch = 5_000;

const readStatement = defineStatement<{ id: string }, CampaignRow>(
  `SELECT id, status, lane_count AS "laneCount", start_at AS "startAt", frozen_at AS "frozenAt", recalled_at AS "recalledAt",
     audience_count AS "audienceCount", ledger_now() AS now FROM campaigns WHERE id = :id::uuid`,
);

export async function readCampaign(pool: Pool, id: string): Promise<CampaignRow | undefined> {
  return (await executeOn(pool)(readStatement, { id }))[0];
}

const pauseRefusedStatement = defineStatement<{ id: string; detail: string }, { id: string }>(
  `UPDATE campaigns SET status = 'paused', pause_detail = :detail::text, version = version + 1, updated_at = ledger_now()
   WHERE id = :id::uuid AND status = 'running' AND finished_at IS NULL RETURNING id`,
);

/** Pauses a running campaign with `detail` as the reason. Resolves with whether it was running. */
export async function pauseRefusedCampaign(
  pool: Pool,
  id: string,
  detail: string,
): Promise<boolean> {
  return (await executeOn(pool)(pauseRefusedStatement, { id, detail })).length > 0;
}

const inFlightStatement = defineStatement<
  { id: string; lanes: readonly string[] },
  { inFlight: number }
>(`
  SELECT count(*) FILTER (WHERE o.lease_until > ledger_now())::int AS "inFlight" FROM unnest(enum_range(NULL::priority)) AS of(priority),
  LATERAL (
    (SELECT d.lease_until FROM unnest(:lanes::text[]) AS q(name), unnest(enum_range(NULL::channel)) AS c(channel),
     LATERAL (
       SELECT lease_until FROM open_deliveries WHERE queue = q.name AND channel = c.channel AND priority = of.priority ORDER BY due_at LIMIT ${lookRows}
     ) d)
    UNION ALL
    (SELECT lease_until FROM open_deliveries d WHERE d.campaign_id = :id::uuid AND ${isStage("d")} AND d.priority = of.priority AND ${outsideLanes("d")}
     ORDER BY d.due_at LIMIT ${lookRows})
  ) AS o`);

/** Counts the deliveries of a campaign that are being handed over, among the first `lookRows` of each queue and priority. */
export async function countInFlight(
  execute: Execute,
  campaign: Pick<CampaignQueues, "id" | "lanes">,
): Promise<number> {
  return (await execute(inFlightStatement, campaign))[0]!.inFlight;
}

const openLanesStatement = defineStatement<{ lanes: readonly string[] }, { lane: number }>(
  `SELECT (q.number - 1)::int AS lane FROM unnest(:lanes::text[]) WITH ORDINALITY AS q(name, number)
   WHERE ${openIn("q.name")} ORDER BY lane`,
);

/** The numbers of the lanes that have an open delivery. */
export async function readOpenLanes(pool: Pool, lanes: readonly string[]): Promise<number[]> {
  return (await executeOn(pool)(openLanesStatement, { lanes })).map(({ lane }) => lane);
}

/** The open deliveries of a campaign that are in none of its lanes. */
export interface OutsideLanes {
  /** The number of open deliveries; at most `lookRows` are counted for each priority. */
  open: number;
  /** When the first of them is due; null where none is open. */
  nextDueAt: Date | null;
  /** The queues in which a delivery is due that is not claimed. */
  dueQueues: string[];
}

const outsideLanesStatement = defineStatement<{ id: string }, OutsideLanes>(`
  SELECT count(*)::int AS open, min(due_at) AS "nextDueAt",
    coalesce(array_agg(DISTINCT queue) FILTER (WHERE due AND queue <> '${waitingDigests}'), '{}') AS "dueQueues"
  FROM (SELECT ledger_now() AS now) AS clock, unnest(enum_range(NULL::priority)) AS of(priority),
  LATERAL (
    SELECT d.queue, d.due_at, d.due_at <= clock.now AND (d.lease_until IS NULL OR d.lease_until <= clock.now) AS due FROM open_deliveries d
    WHERE d.campaign_id = :id::uuid AND d.priority = of.priority AND ${outsideLanes("d")} AND ${isStage("d")}
    ORDER BY d.due_at LIMIT ${lookRows}
  ) AS waiting`);

/** Reads the open deliveries of a campaign outside its lanes. */
export async function readOutsideLanes(pool: Pool, id: string): Promise<OutsideLanes> {
  return (await executeOn(pool)(outsideLanesStatement, { id }))[0]!;
}

const reprioritiseLanesStatement = defineStatement<
  { id: string; lanes: readonly string[] },
  RowThatLeft
>(`
  WITH locked AS MATERIALIZED (
    SELECT locked.*, c.priority AS "newPriority"
    FROM campaigns c, unnest(:lanes::text[]) AS q(name), unnest(enum_range(NULL::channel)) AS of(channel),
      unnest(enum_range(NULL::priority)) AS other(priority),
    LATERAL ${lockedRows(
      "d.queue = q.name AND d.channel = of.channel AND d.priority = other.priority",
      `LIMIT ${writeBatch}`,
    )}
    WHERE c.id = :id::uuid AND other.priority <> c.priority
    LIMIT ${writeBatch}
  )
  ${reprioritiseSql("locked", { priority: 'locked."newPriority"', queue: "d.queue" })}`);

const misplacedStatement = defineStatement<{ id: string }, Member>(`
  SELECT d.id, d.group_id AS "groupId"
  FROM campaigns c, unnest(enum_range(NULL::priority)) AS other(priority),
  LATERAL (
    SELECT id, group_id FROM open_deliveries o
    WHERE o.campaign_id = c.id AND o.priority = other.priority AND ${outsideLanes("o")} ORDER BY o.due_at LIMIT ${writeBatch}
  ) d
  WHERE c.id = :id::uuid AND other.priority <> c.priority
  LIMIT ${writeBatch}`);

const reprioritiseOutsideStatement = defineStatement<
  {
    ids: readonly string[];
    groups: readonly string[];
    id: string;
    mailboxes: readonly string[];
  },
  RowThatLeft
>(
  reprioritiseSql(
    lockedRows(
      "d.id = ANY(:ids::uuid[]) AND (d.group_id IS NULL OR d.group_id = ANY(:groups::uuid[]))",
      "ORDER BY d.id",
    ),
    {
      priority: "(SELECT priority FROM campaigns WHERE id = :id::uuid)",
      queue: `CASE WHEN locked.deferred THEN ${outOfDigest} ELSE d.queue END`,
    },
  ),
);

/**
 * Gives the open deliveries of a campaign the campaign's current priority. This includes those that are being handed over, since they may
 * have to be retried. Members of batches and digests leave their groups and are decided again. Rows that a claim or an outcome has
 * locked are left for the next call.
 */
export async function reprioritiseCampaign(
  pool: Pool,
  { id, lanes, mailboxes }: CampaignQueues,
): Promise<void> {
  const execute = executeOn(pool);
  while ((await execute(reprioritiseLanesStatement, { id, lanes })).length > 0);
  await changeOutside(
    pool,
    (run) => run(misplacedStatement, { id }),
    (run, members) => changeMembers(run, reprioritiseOutsideStatement, members, { id, mailboxes }),
  );
}

/**
 * Changes deliveries outside the lanes, one batch per transaction, until none is left. Rows that another transaction has locked, or that
 * have joined another group since their groups were locked, are skipped.
 */
async function changeOutside(
  pool: Pool,
  find: (execute: Execute) => Promise<Member[]>,
  change: (execute: Execute, members: readonly Member[]) => Promise<RowThatLeft[]>,
): Promise<void> {
  for (;;) {
    const changed = await inTransaction(pool, async (client) => {
      const execute = executeOn(client);
      const members = await find(execute);
      return members.length === 0 ? [] : change(execute, members);
    });
    if (changed.length === 0) return;
  }
}

const lockRunningStatement = defineStatement<{ id: string }>(
  "SELECT id FROM campaigns WHERE id = :id::uuid AND status = 'running' FOR NO KEY UPDATE",
);

const completeStatement = defineStatement<{ id: string; lanes: readonly string[] }>(
  `UPDATE campaigns SET status = 'completed', finished_at = ledger_now(), updated_at = ledger_now(), version = version + 1
   WHERE id = :id::uuid AND NOT EXISTS (SELECT FROM unnest(:lanes::text[]) AS q(name) WHERE ${openIn("q.name")}) AND ${owedOutside("campaigns.id")} IS NULL`,
);

/**
 * Completes a campaign if it is still running and none of its deliveries is open, except snoozed ones. The campaign is locked, so that an
 * earlier pause, cancellation or retry is respected. Open deliveries are then read by a separate statement, in one snapshot, so that no row
 * that leaves a lane is missed.
 */
export async function completeCampaign(pool: Pool, { id, lanes }: CampaignQueues): Promise<void> {
  await inTransaction(pool, async (client) => {
    const execute = executeOn(client);
    if ((await execute(lockRunningStatement, { id })).length === 0) return;
    await execute(completeStatement, { id, lanes });
  });
}

const finishStatement = defineStatement<{ id: string }>(
  "UPDATE campaigns SET finished_at = ledger_now(), updated_at = ledger_now(), version = version + 1 WHERE id = :id::uuid AND status = 'cancelled' AND finished_at IS NULL",
);

/** Marks a cancelled campaign as finished. */
export async function finishCampaign(pool: Pool, id: string): Promise<void> {
  await executeOn(pool)(finishStatement, { id });
}

const cancelLanesStatement = defineStatement<
  { lanes: readonly string[]; cause: "campaign_cancelled" },
  RowThatLeft
>(
  cancelSql(
    lockedRows(`d.queue = ANY(:lanes::text[]) AND ${isCancellable}`, `LIMIT ${writeBatch}`),
  ),
);

const cancellableOutsideStatement = defineStatement<{ id: string }, Member>(
  `SELECT d.id, d.group_id AS "groupId" FROM open_deliveries d WHERE d.campaign_id = :id::uuid AND ${outsideLanes("d")} AND ${isCancellable}
   ORDER BY d.priority, d.due_at LIMIT ${writeBatch}`,
);

const leftOpenStatement = defineStatement<
  { id: string; lanes: readonly string[] },
  { open: number; until: Date | null }
>(
  `SELECT count(*)::int AS open, max(lease_until) AS until FROM (
     SELECT lease_until FROM open_deliveries WHERE queue = ANY(:lanes::text[])
     UNION ALL SELECT lease_until FROM open_deliveries d WHERE d.campaign_id = :id::uuid AND ${outsideLanes("d")}
   ) AS left_open`,
);

/**
 * Cancels the open deliveries of a campaign in all queues, including snoozed ones. Rows that another transaction has locked are tried again
 * after a delay.
 * @returns when the last current hand-over must have ended, or null if no delivery is open any more
 */
export async function cancelCampaignDeliveries(
  pool: Pool,
  { id, lanes }: CampaignQueues,
): Promise<Date | null> {
  const execute = executeOn(pool);
  const cause = "campaign_cancelled";
  for (;;) {
    while ((await execute(cancelLanesStatement, { lanes, cause })).length > 0);
    await changeOutside(
      pool,
      (run) => run(cancellableOutsideStatement, { id }),
      (run, members) => cancelDeliveries(run, members, cause),
    );
    const [left] = await execute(leftOpenStatement, { id, lanes });
    if (left!.open === 0 || left!.until !== null) return left!.until;
    // The rows are locked: a hand-over may just return its row to be retried, or a merge may move it.
    await sleep(lockedRetryMs);
  }
}
