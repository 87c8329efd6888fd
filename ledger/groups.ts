import { leaveGroupsSql, lockGroupsSql } from "./conditions.ts";
import type { Run } from "./run.ts";

/** Locks groups whose members are about to leave. */
export const lockGroups = (run: Run, ids: readonly string[]): Promise<unknown> =>
  run(lockGroupsSql, [ids]);

/** Locks the groups that deliveries of these recipients wait in; resolves with their ids. */
export async function lockGroupsOf(run: Run, recipientIds: readonly string[]): Promise<string[]> {
  const rows = await run<{ id: string }>(
    "SELECT DISTINCT group_id AS id FROM deliveries WHERE recipient_id = ANY($1::uuid[]) AND due_at IS NOT NULL AND group_id IS NOT NULL",
    [recipientIds],
  );
  const ids = rows.map(({ id }) => id);
  await lockGroups(run, ids);
  return ids;
}

/** For rows that were in groups and are not any more, whose groups are locked: a group that has no member left is closed. */
export async function leaveGroups(
  run: Run,
  rows: readonly { groupId: string | null }[],
): Promise<void> {
  const groups = new Set(rows.flatMap(({ groupId }) => groupId ?? []));
  if (groups.size > 0) await run(leaveGroupsSql, [[...groups]]);
}
