import type { Priority } from "../domain/priority.ts";
import { shardNames } from "../domain/delivery/queues.ts";
import { heldReasons } from "../domain/delivery/reasons.ts";
import { mayHaveArrived, isFree, ownQueue } from "./conditions.ts";
import { untilUncontended } from "./contention.ts";
import { changesOfEnded, countChanges } from "./delivery-counts.ts";
import { groupsOf, leaveGroups, lockGroups, reopenGroupsOf } from "./groups.ts";
import { endDeliveries, reopenDeliveries } from "./on-end.ts";
import { defineStatement, type Execute, type Statement } from "./sql.ts";

/*
 * The transitions of waiting deliveries, except those of the worker that sends them. Each transition is complete: it locks campaigns,
 * recipients, groups and rows, in this order and each in the order of ids; writes; removes rows from their groups; and resolves with the
 * rows whose workflows have to be woken once the transaction is committed.
 *
 * No transition waits for a locked row, whose delivery is being handed over or decided: such rows are skipped. A caller that must not skip a
 * row repeats the transition (`untilUncontended`, or batch after batch).
 */

/** A row whose workflow has to be woken. */
export interface ChangedRow {
  id: string;
  campaignId: string | null;
  queue: string;
}

/** A changed row, and the group that it was in before. */
export type RowThatLeft = ChangedRow & { groupId: string | null };

/** A row that was read before its group was locked. */
export type Member = Pick<RowThatLeft, "id" | "groupId">;

/** Why a delivery is cancelled; the ledger stores it as the reason. */
export type CancelReason =
  | "campaign_cancelled"
  | "delivery_cancelled"
  | "completed"
  | "recipient_erased";

/** The names of the queues, one per shard. */
interface Shards {
  mailboxShards: number;
}

/** Whether the row of an open delivery waits. */
const isWaiting = "d.lease_token IS NULL";

/** Whether the row of an open delivery may be cancelled: no valid lease holds it. */
export const isCancellable = isFree("d", "ledger_now()");

/** Whether the row has not joined another group since the groups were locked. */
const inLockedGroup = "(d.group_id IS NULL OR d.group_id = ANY(:groups::uuid[]))";

/** A subquery that locks the open deliveries that fulfil `condition`, with the columns that the transitions need. */
export const lockedRows = (condition: string, limit = "") => `(
    SELECT d.id, d.group_id, d.lease_token IS NOT NULL OR ${mayHaveArrived("d")} AS unknown,
      coalesce(d.lease_token IS NULL AND d.reason = ANY('{${heldReasons.join(",")}}'::text[]), false) AS deferred
    FROM open_deliveries d WHERE ${condition} ${limit} FOR UPDATE OF d SKIP LOCKED
  ) AS locked`;

/** A subquery that locks rows by their ids if they fulfil `condition`. */
const lockedById = (condition: string) =>
  lockedRows(`d.id = ANY(:ids::uuid[]) AND ${condition} AND ${inLockedGroup}`, "ORDER BY d.id");

/**
 * Cancels locked rows. A message may have arrived if its hand-over was interrupted, if an attempt had no answer, or if some of its devices have it: its
 * row ends as `unknown` and keeps its group, under whose Message-ID it was sent (decision 0016).
 * @param from a subquery like `lockedRows`; `:cause` is the reason
 */
export const cancelSql = (from: string) => `
  WITH taken AS (
    DELETE FROM open_deliveries d USING ${from} WHERE d.id = locked.id RETURNING d.*, locked.unknown
  ),
  ${endDeliveries("taken", {
    status: "(CASE WHEN unknown THEN 'unknown' ELSE 'cancelled' END)::delivery_status",
    reason: "CASE WHEN unknown THEN 'outcome_unknown' ELSE :cause::text END",
    groupId: "CASE WHEN unknown THEN group_id END",
    attempt: {
      provider: "NULL",
      outcome: ifCutOff("'unknown'::attempt_outcome"),
      failure: ifCutOff("'interrupted'"),
      response: "NULL",
      startedAt: ifCutOff("ledger_now()"),
      finishedAt: ifCutOff("ledger_now()"),
    },
  })}
  SELECT id, campaign_id AS "campaignId", queue, group_id AS "groupId" FROM taken`;

/** The value for a row whose lease has expired: its hand-over will never have an outcome, and counts as an attempt. */
const ifCutOff = (value: string) => `CASE WHEN lease_token IS NOT NULL THEN ${value} END`;

/**
 * Gives locked rows another priority. A row that policy holds leaves its group and is decided again; it keeps a reason, so that its wait does
 * not count as latency. A due row may be about to be held because of its old priority: that is written only if `due_at` has not changed, so
 * `due_at` moves by a millisecond, which keeps the row's place in the queue. A row that is being handed over changes only its priority.
 * @param from a subquery like `lockedRows`
 * @param queue the SQL of the new queue
 * @param leaves the SQL condition for rows that leave their groups, besides those that are decided again
 */
export const reprioritiseSql = (
  from: string,
  { priority, queue, leaves = "false" }: { priority: string; queue: string; leaves?: string },
) => `
  UPDATE open_deliveries d SET priority = ${priority},
    due_at = CASE WHEN locked.deferred THEN ledger_now()
      WHEN d.lease_token IS NULL AND d.due_at <= ledger_now() THEN d.due_at + interval '1 millisecond' ELSE d.due_at END,
    reason = CASE WHEN locked.deferred THEN 'decide_again' ELSE d.reason END,
    hold_count = CASE WHEN locked.deferred THEN greatest(d.hold_count, 1) ELSE d.hold_count END,
    group_id = CASE WHEN locked.deferred OR ${leaves} THEN NULL ELSE d.group_id END, queue = ${queue}
  FROM ${from} WHERE d.id = locked.id
  RETURNING d.id, d.campaign_id AS "campaignId", d.queue, locked.group_id AS "groupId"`;

/** The queue of a row that leaves a digest: the recipient's mailbox, because no delivery is sent from the queue of waiting digests. */
export const outOfDigest = `CASE WHEN d.queue LIKE 'digest/%' THEN ${ownQueue("d", ":mailboxes::text[]")} ELSE d.queue END`;

interface ByGroup {
  ids: readonly string[];
  groups: readonly string[];
}

const cancelStatement = defineStatement<ByGroup & { cause: CancelReason }, RowThatLeft>(
  cancelSql(lockedById(isCancellable)),
);

const sendNowStatement = defineStatement<ByGroup & { mailboxes: readonly string[] }, RowThatLeft>(`
  UPDATE open_deliveries d SET due_at = ledger_now(), reason = 'send_requested', hold_count = greatest(d.hold_count, 1),
    group_id = NULL, queue = ${outOfDigest}
  FROM ${lockedById(isWaiting)}
  WHERE d.id = locked.id RETURNING d.id, d.campaign_id AS "campaignId", d.queue, locked.group_id AS "groupId"`);

const reprioritiseStatement = defineStatement<
  ByGroup & { priority: Priority; mailboxes: readonly string[]; critical: readonly string[] },
  RowThatLeft
>(
  reprioritiseSql(lockedById(isWaiting), {
    priority: ":priority::priority",
    // A delivery that an operator changes leaves its group.
    leaves: "true",
    queue: `CASE WHEN :priority::priority = 'critical' THEN ${ownQueue("d", ":critical::text[]")}
      WHEN d.queue LIKE 'critical/%' THEN ${ownQueue("d", ":mailboxes::text[]")} ELSE ${outOfDigest} END`,
  }),
);

/** Executes a transition of members: locks their groups, changes the rows, and updates the counts of the groups. */
export async function changeMembers<Values extends object>(
  execute: Execute,
  statement: Statement<ByGroup & Values, RowThatLeft>,
  members: readonly Member[],
  values: Values,
): Promise<RowThatLeft[]> {
  const groups = groupsOf(members);
  await lockGroups(execute, groups);
  const changed = await execute(statement, { ids: members.map(({ id }) => id), groups, ...values });
  await leaveGroups(execute, changed);
  return changed;
}

/** Cancels those of the members that wait, or whose hand-over was interrupted. */
export const cancelDeliveries = (
  execute: Execute,
  members: readonly Member[],
  cause: CancelReason,
): Promise<RowThatLeft[]> => changeMembers(execute, cancelStatement, members, { cause });

/** Makes those of the members that wait due now, whatever their reason. Digests are never critical. */
export const sendDeliveriesNow = (
  execute: Execute,
  members: readonly Member[],
  { mailboxShards }: Shards,
): Promise<RowThatLeft[]> =>
  changeMembers(execute, sendNowStatement, members, {
    mailboxes: shardNames("mailbox", mailboxShards),
  });

/** Gives those of the members that wait another priority. */
export const reprioritiseDeliveries = (
  execute: Execute,
  members: readonly Member[],
  priority: Priority,
  { mailboxShards }: Shards,
): Promise<RowThatLeft[]> =>
  changeMembers(execute, reprioritiseStatement, members, {
    priority,
    mailboxes: shardNames("mailbox", mailboxShards),
    critical: shardNames("critical", mailboxShards),
  });

const retryStatement = defineStatement<
  {
    ids: readonly string[];
    statuses: readonly string[];
    versionIds: readonly (string | null)[];
  },
  ChangedRow & { leg: string; groupId: string | null; attemptCount: number }
>(`
  WITH taken AS (
    DELETE FROM ended_deliveries d
    USING (
      SELECT o.id, named.version_id FROM ended_deliveries o JOIN unnest(:ids::uuid[], :versionIds::uuid[]) AS named(id, version_id) ON named.id = o.id
      WHERE o.status = ANY(:statuses::delivery_status[]) ORDER BY o.id FOR UPDATE OF o
    ) AS locked
    WHERE d.id = locked.id RETURNING d.*, locked.version_id
  ),
  evidence AS (
    INSERT INTO earlier_attempts (delivery_id, number, channel, provider, outcome, failure, response, started_at, finished_at)
    SELECT id, attempt_count, channel, provider, outcome, failure, response, attempt_started_at, attempt_finished_at FROM taken WHERE outcome IS NOT NULL
  ),
  counted AS (${countChanges(changesOfEnded("taken", { count: "-count(*)::int" }))})
  ${reopenDeliveries("taken", {
    dueAt: "ledger_now()",
    reason: "'retry_requested'",
    forgivenCount: "attempt_count",
    templateVersionId: "coalesce(version_id, template_version_id)",
  })}
  RETURNING id, campaign_id AS "campaignId", queue, leg, group_id AS "groupId", attempt_count AS "attemptCount"`);

/** A delivery to retry, with another version of its template unless `versionId` is null. */
export type RetriedMember = Member & { versionId: string | null };

/**
 * Reopens those of the members that have ended with one of `statuses`. They are due now, with the full number of attempts. They keep their
 * earlier attempts and their group: deliveries that were sent as one message are one message again. Only another retry writes ended
 * rows, so this transition waits for locked ones.
 */
export async function retryDeliveries(
  execute: Execute,
  members: readonly RetriedMember[],
  statuses: readonly ("failed" | "unknown")[],
): Promise<(ChangedRow & { leg: string })[]> {
  await lockGroups(execute, groupsOf(members));
  const changed = await execute(retryStatement, {
    ids: members.map(({ id }) => id),
    versionIds: members.map(({ versionId }) => versionId),
    statuses,
  });
  // Deliveries that were never handed over failed because their message could not be rendered: it still has to be sent.
  await reopenGroupsOf(
    execute,
    changed.filter(({ attemptCount }) => attemptCount === 0),
  );
  return changed;
}

const groupsOfRecipientsStatement = defineStatement<
  { recipientIds: readonly string[] },
  { groupId: string }
>(
  `SELECT DISTINCT group_id AS "groupId" FROM open_deliveries WHERE recipient_id = ANY(:recipientIds::uuid[]) AND group_id IS NOT NULL`,
);

const releaseStatement = defineStatement<
  { recipientIds: readonly string[]; groups: readonly string[]; mailboxes: readonly string[] },
  RowThatLeft
>(`
  WITH locked AS MATERIALIZED (
    SELECT * FROM ${lockedRows(
      `d.recipient_id = ANY(:recipientIds::uuid[]) AND d.lease_token IS NULL
        AND (d.reason = ANY('{${heldReasons.join(",")}}'::text[]) OR d.due_at <= ledger_now()) AND ${inLockedGroup}`,
      "ORDER BY d.id",
    )}
  ),
  moved AS (
    UPDATE open_deliveries AS d SET due_at = ledger_now() FROM locked WHERE d.id = locked.id AND NOT locked.deferred
  )
  UPDATE open_deliveries AS d SET due_at = ledger_now(), reason = 'decide_again', hold_count = greatest(d.hold_count, 1), group_id = NULL,
    queue = ${outOfDigest}
  FROM locked WHERE d.id = locked.id AND locked.deferred
  RETURNING d.id, d.campaign_id AS "campaignId", d.queue, locked.group_id AS "groupId"`);

/**
 * Makes the deliveries that policy holds for recipients due now, to be decided again, because their preferences or their time zone have changed.
 *
 * A worker may be about to hold a due row by the old data: it skips rows whose `due_at` has changed, so `due_at` of all due rows moves by a
 * moment. Locked rows are skipped.
 */
export async function releaseDeferredDeliveries(
  execute: Execute,
  recipientIds: readonly string[],
  { mailboxShards }: Shards,
): Promise<RowThatLeft[]> {
  if (recipientIds.length === 0) return [];
  const groups = groupsOf(await execute(groupsOfRecipientsStatement, { recipientIds }));
  await lockGroups(execute, groups);
  const released = await execute(releaseStatement, {
    recipientIds,
    groups,
    mailboxes: shardNames("mailbox", mailboxShards),
  });
  await leaveGroups(execute, released);
  return released;
}

const cancellableOfRecipientStatement = defineStatement<{ recipientId: string }, Member>(
  `SELECT d.id, d.group_id AS "groupId" FROM open_deliveries d WHERE d.recipient_id = :recipientId::uuid AND ${isCancellable}`,
);

const forgetCapUsesStatement = defineStatement<{ recipientId: string }>(
  "DELETE FROM grant_logs WHERE recipient_id = :recipientId::uuid",
);

/**
 * Ends the waiting deliveries of a recipient who is being erased, and deletes the log of sent messages. The recipient's row must be locked, so that
 * no delivery is added meanwhile. A message that is being handed over at this moment is still sent.
 * @throws LedgerBusy
 */
export async function eraseDeliveries(
  execute: Execute,
  recipientId: string,
): Promise<RowThatLeft[]> {
  const ended = await untilUncontended(execute, async () => {
    const members = await execute(cancellableOfRecipientStatement, { recipientId });
    const cancelled = await cancelDeliveries(execute, members, "recipient_erased");
    const left = await execute(cancellableOfRecipientStatement, { recipientId });
    return left.length === 0 ? cancelled : null;
  });
  await execute(forgetCapUsesStatement, { recipientId });
  return ended;
}
