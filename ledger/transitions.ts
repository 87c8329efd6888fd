import type { Priority } from "../domain/priority.ts";
import { shardNames } from "../domain/delivery/queues.ts";
import { heldReasons } from "../domain/delivery/reasons.ts";
import { hadNoAnswer, isFree, ownQueue } from "./conditions.ts";
import { untilUncontended } from "./contention.ts";
import { groupsOf, leaveGroups, lockGroups, reopenGroupsOf } from "./groups.ts";
import { endDeliveries, reopenDeliveries } from "./on-end.ts";
import { defineStatement, type Execute, type Statement } from "./sql.ts";

/*
 * How deliveries that wait are changed by anybody but the worker that sends them. Each transition does the whole of it: it locks
 * campaigns, recipients, groups and rows, in this order and each in the order of ids; writes; takes rows out of their groups; and
 * resolves with the rows whose workflows are to be woken once the transaction is committed.
 *
 * No transition waits for the lock of a row: whoever holds one is handing the delivery over, or deciding about it. Such rows are
 * passed over. Who must not leave a row out repeats the transition (`untilUncontended`, or batch after batch).
 */

/** A row whose workflow has to be woken. */
export interface ChangedRow {
  id: string;
  campaignId: string | null;
  queue: string;
}

/** A changed row, and the group that it was in before. */
export type RowThatLeft = ChangedRow & { groupId: string | null };

/** A row as it was read before its group was locked. */
export type Member = Pick<RowThatLeft, "id" | "groupId">;

/** By whom a delivery is cancelled: stands in the ledger as its reason. */
export type CancelReason =
  | "campaign_cancelled"
  | "delivery_cancelled"
  | "completed"
  | "recipient_erased";

/** The names of a recipient's possible queues, one a shard. */
interface Shards {
  mailboxShards: number;
}

/** A row of open deliveries that waits. */
const isWaiting = "d.lease_token IS NULL";

/** A row of open deliveries that may be cancelled: nobody holds it. */
export const isCancellable = isFree("d", "ledger_now()");

/** It has not joined another group since its groups were locked. */
const inLockedGroup = "(d.group_id IS NULL OR d.group_id = ANY(:groups::uuid[]))";

/** The open deliveries of a batch that fulfil `condition`, locked, with what of them decides what is written. */
export const lockedRows = (condition: string, limit = "") => `(
    SELECT d.id, d.group_id, d.lease_token IS NOT NULL OR ${hadNoAnswer("d")} AS unknown,
      coalesce(d.lease_token IS NULL AND d.reason = ANY('{${heldReasons.join(",")}}'::text[]), false) AS deferred
    FROM open_deliveries d WHERE ${condition} ${limit} FOR UPDATE OF d SKIP LOCKED
  ) AS locked`;

/** Locked rows by their ids, of those that fulfil `condition`. */
const lockedById = (condition: string) =>
  lockedRows(`d.id = ANY(:ids::uuid[]) AND ${condition} AND ${inLockedGroup}`, "ORDER BY d.id");

/**
 * Cancels locked rows. A row whose hand-over was cut off, or that waits for another try after one without an answer, may have
 * arrived: whoever cancels it, it ends as `unknown`, and keeps the group under whose Message-ID it went out (decision 0016).
 * @param from the rows, as `lockedRows` has them; `:cause` says who cancels
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

/** Of a row that was taken while its lease had run out: a hand-over that nobody will ever say anything of, which counts as an attempt. */
const ifCutOff = (value: string) => `CASE WHEN lease_token IS NOT NULL THEN ${value} END`;

/**
 * Gives locked rows another priority. A row that policy defers is decided again, outside its group; that it was deferred stays
 * known, so that its wait does not count as slowness. A row that is due may have been read, and be about to be deferred for the
 * priority that it had: that is written only where `due_at` is as it was read, so `due_at` moves by a millisecond, which does not
 * cost the row its place. A row that is being handed over keeps all but its priority.
 * @param from the rows, as `lockedRows` has them
 * @param queue where a row waits from now on
 * @param leaves which rows leave their groups besides those that are decided again
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

/** A digest's members wait where no delivery is sent from: who leaves one goes to the recipient's mailbox. */
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
    // A delivery that an operator chose goes its own way from then on.
    leaves: "true",
    queue: `CASE WHEN :priority::priority = 'critical' THEN ${ownQueue("d", ":critical::text[]")}
      WHEN d.queue LIKE 'critical/%' THEN ${ownQueue("d", ":mailboxes::text[]")} ELSE ${outOfDigest} END`,
  }),
);

/** Executes a transition of members: locks their groups, changes them, and counts who is left in the groups. */
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

/** Cancels those of the members that wait, or whose hand-over was cut off. */
export const cancelDeliveries = (
  execute: Execute,
  members: readonly Member[],
  cause: CancelReason,
): Promise<RowThatLeft[]> => changeMembers(execute, cancelStatement, members, { cause });

/** Makes those of the members that wait due now, whatever they waited for. Digests are never critical. */
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
    INSERT INTO earlier_attempts (delivery_id, number, provider, outcome, failure, response, started_at, finished_at)
    SELECT id, attempt_count, provider, outcome, failure, response, attempt_started_at, attempt_finished_at FROM taken WHERE outcome IS NOT NULL
  )
  ${reopenDeliveries("taken", {
    dueAt: "ledger_now()",
    reason: "'retry_requested'",
    forgivenCount: "attempt_count",
    templateVersionId: "coalesce(version_id, template_version_id)",
  })}
  RETURNING id, campaign_id AS "campaignId", queue, leg, group_id AS "groupId", attempt_count AS "attemptCount"`);

/** A delivery to be tried again; with another version of its template, where one is given. */
export type RetriedMember = Member & { versionId: string | null };

/**
 * Makes those of the members that have ended with one of `statuses` due now, with as many attempts before them as a new row has.
 * Their attempts stay, and so does their group: those that went out as one message, and are tried again, are one again. Nobody
 * but another retry writes rows that have ended, so this one waits for them.
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
  // Those that were never handed over failed since their message could not be made: it has still to go out.
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
 * What policy defers for recipients is decided again, now, for something that it was decided by is different: their preferences,
 * their time zone.
 *
 * A worker may be about to defer what is due by what it read before: it leaves alone what has moved since then, and so all that
 * is due moves, by a moment. A row that somebody is writing at this moment is passed over, and waits as they say.
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
 * Ends what waits for a recipient who is being erased, and forgets when messages were sent. The recipient's row is locked, so that
 * nobody adds deliveries meanwhile. What is being handed over at this moment still goes out.
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
