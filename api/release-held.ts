import { queueName } from "../domain/queues.ts";
import { heldReasons } from "../domain/reasons.ts";
import type { Prisma } from "../prisma/generated/client.ts";
import type { ChangedRow } from "./delivery-changes.ts";
import { type Run, runOf } from "./run.ts";

type Shards = { mailboxShards: number };

/**
 * What policy holds for a recipient is decided again, now, for something that it was decided by is different: their
 * preferences, their time zone. Resolves with the rows, for `wakeFor` once the transaction is committed.
 *
 * A worker may be about to hold what is due by what it read before: it leaves alone what has moved since then, and so all
 * that is due moves, by a moment. A row that somebody is writing at this moment is passed over, and waits as they say.
 */
export function releaseHeld(
  tx: Prisma.TransactionClient,
  recipientId: string,
  shards: Shards,
): Promise<ChangedRow[]> {
  return releaseHeldOf(runOf(tx), [recipientId], shards);
}

/** Groups before rows, as whoever adds members does; each in the order of their ids. */
const lockGroupsSql = `
  SELECT id FROM groups WHERE id IN (
    SELECT group_id FROM deliveries
    WHERE recipient_id = ANY($1::uuid[]) AND due_at IS NOT NULL AND status = 'pending' AND reason = ANY($2::text[])
  ) ORDER BY id FOR UPDATE`;

/** Rows of digests have a queue that no delivery is sent from: they go back to their recipient's mailbox. */
const releaseSql = `
  WITH open AS (
    SELECT id, group_id, coalesce(reason = ANY($2::text[]), false) AS held FROM deliveries
    WHERE recipient_id = ANY($1::uuid[]) AND due_at IS NOT NULL AND status = 'pending'
      AND (reason = ANY($2::text[]) OR due_at <= clock_timestamp())
    ORDER BY id FOR UPDATE SKIP LOCKED
  ),
  moved AS (
    UPDATE deliveries AS d SET due_at = clock_timestamp() FROM open WHERE d.id = open.id AND NOT open.held
  )
  UPDATE deliveries AS d SET due_at = clock_timestamp(), reason = 'decide_again', detail = NULL, hold_count = 0, group_id = NULL,
    queue = CASE WHEN d.queue LIKE 'digest/%' THEN ($3::text[])[get_byte(uuid_send(d.recipient_id), 15) % cardinality($3::text[]) + 1] ELSE d.queue END
  FROM open WHERE d.id = open.id AND open.held
  RETURNING d.id, d.campaign_id AS "campaignId", d.queue, open.group_id AS "groupId"`;

/** Counts the members that are left in groups which some have left; one that has none any more is closed. */
const leaveGroupsSql = `
  UPDATE groups AS g SET member_count = m.count, status = CASE WHEN m.count = 0 THEN 'closed' ELSE g.status END,
    closed_at = CASE WHEN m.count = 0 THEN clock_timestamp() ELSE g.closed_at END
  FROM (
    SELECT left_by.id, (SELECT count(*)::int FROM deliveries WHERE group_id = left_by.id AND due_at IS NOT NULL) AS count FROM unnest($1::uuid[]) AS left_by(id)
  ) AS m
  WHERE g.id = m.id AND g.status <> 'closed'`;

/** As `releaseHeld`, for many recipients. */
export async function releaseHeldOf(
  run: Run,
  recipientIds: readonly string[],
  { mailboxShards }: Shards,
): Promise<ChangedRow[]> {
  if (recipientIds.length === 0) return [];
  await run(lockGroupsSql, [recipientIds, heldReasons]);
  const mailboxes = Array.from({ length: mailboxShards }, (_, shard) =>
    queueName({ kind: "mailbox", shard }),
  );
  const released = await run<ChangedRow & { groupId: string | null }>(releaseSql, [
    recipientIds,
    heldReasons,
    mailboxes,
  ]);
  await leaveGroups(run, released);
  return released;
}

/** For rows that were in groups and are not any more, whose groups are locked. */
export async function leaveGroups(
  run: Run,
  rows: readonly { groupId: string | null }[],
): Promise<void> {
  const groups = new Set(rows.flatMap(({ groupId }) => groupId ?? []));
  if (groups.size > 0) await run(leaveGroupsSql, [[...groups]]);
}
