import type { Context } from "hono";
import { ownQueue } from "../../ledger/conditions.ts";
import { shardNames } from "../../domain/delivery/queues.ts";
import { heldReasons } from "../../domain/delivery/reasons.ts";
import type { ApiEnv } from "../http/context.ts";
import { type ChangedRow, wakeFor } from "./changes.ts";
import { leaveGroups, lockGroupsOf } from "../../ledger/groups.ts";
import type { ApiDeps } from "../http/router.ts";
import type { Run } from "../../ledger/run.ts";

/**
 * Rows of digests have a queue that no delivery is sent from: they go back to their recipient's mailbox. That a row was
 * held stays known, so that its wait does not count as slowness. Those that have joined another group since $4 were locked
 * are passed over.
 */
const releaseSql = `
  WITH open AS (
    SELECT id, group_id, coalesce(reason = ANY($2::text[]), false) AS held FROM deliveries
    WHERE recipient_id = ANY($1::uuid[]) AND due_at IS NOT NULL AND status = 'pending'
      AND (reason = ANY($2::text[]) OR due_at <= clock_timestamp()) AND (group_id IS NULL OR group_id = ANY($4::uuid[]))
    ORDER BY id FOR UPDATE SKIP LOCKED
  ),
  moved AS (
    UPDATE deliveries AS d SET due_at = clock_timestamp() FROM open WHERE d.id = open.id AND NOT open.held
  )
  UPDATE deliveries AS d SET due_at = clock_timestamp(), reason = 'decide_again', detail = NULL, hold_count = greatest(d.hold_count, 1), group_id = NULL,
    queue = CASE WHEN d.queue LIKE 'digest/%' THEN ${ownQueue("d", "$3::text[]")} ELSE d.queue END
  FROM open WHERE d.id = open.id AND open.held
  RETURNING d.id, d.campaign_id AS "campaignId", d.queue, open.group_id AS "groupId"`;

/**
 * What policy holds for recipients is decided again, now, for something that it was decided by is different: their
 * preferences, their time zone. Resolves with the rows, for `wakeFor` once the transaction is committed.
 *
 * A worker may be about to hold what is due by what it read before: it leaves alone what has moved since then, and so all
 * that is due moves, by a moment. A row that somebody is writing at this moment is passed over, and waits as they say.
 */
export async function releaseHeldOf(
  run: Run,
  recipientIds: readonly string[],
  { mailboxShards }: { mailboxShards: number },
): Promise<ChangedRow[]> {
  if (recipientIds.length === 0) return [];
  const groups = await lockGroupsOf(run, recipientIds);
  const released = await run<ChangedRow & { groupId: string | null }>(releaseSql, [
    recipientIds,
    heldReasons,
    shardNames("mailbox", mailboxShards),
    groups,
  ]);
  await leaveGroups(run, released);
  return released;
}

/** As `releaseHeldOf`, in a request: resolves with what to do once the transaction is committed. */
export async function releasing(
  c: Context<ApiEnv>,
  { wakes, config }: Pick<ApiDeps, "wakes" | "config">,
  run: Run,
  recipientIds: readonly string[],
): Promise<() => void> {
  const released = await releaseHeldOf(run, recipientIds, config);
  return () => wakeFor(released, wakes, c.get("requestId"));
}
