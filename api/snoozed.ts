import { leaveGroups, lockGroups } from "./groups.ts";
import type { Run } from "./run.ts";

const openSql = `
  SELECT id, group_id AS "groupId" FROM deliveries
  WHERE campaign_id = $1::uuid AND leg <> 'primary' AND status = 'pending' AND due_at IS NOT NULL`;

const cancelSql = `
  UPDATE deliveries d SET status = 'cancelled', reason = 'campaign_cancelled', detail = NULL, due_at = NULL, group_id = NULL,
    lease_token = NULL, lease_until = NULL, finished_at = clock_timestamp()
  FROM (
    SELECT id, group_id FROM deliveries WHERE id = ANY($1::uuid[]) AND status = 'pending' AND due_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE
  ) AS held
  WHERE d.id = held.id RETURNING held.group_id AS "groupId"`;

/**
 * What recipients of a campaign snoozed does not come again: the campaign, which is locked, was cancelled or taken back. Its
 * workflow cancels the rest; these are in none of its lanes.
 */
export async function cancelSnoozed(run: Run, campaignId: string): Promise<void> {
  const open = await run<{ id: string; groupId: string | null }>(openSql, [campaignId]);
  if (open.length === 0) return;
  await lockGroups(
    run,
    open.flatMap(({ groupId }) => groupId ?? []),
  );
  const cancelled = await run<{ groupId: string | null }>(cancelSql, [open.map(({ id }) => id)]);
  await leaveGroups(run, cancelled);
}
