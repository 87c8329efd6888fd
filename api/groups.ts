import type { Run } from "./run.ts";

/**
 * Locks groups whose members are about to leave: groups before rows, as whoever adds members does, and in the order of
 * their ids.
 */
export const lockGroups = (run: Run, ids: readonly string[]): Promise<unknown> =>
  run("SELECT FROM groups WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", [ids]);

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

const leaveGroupsSql = `
  UPDATE groups AS g SET member_count = m.count, status = CASE WHEN m.count = 0 THEN 'closed' ELSE g.status END,
    closed_at = CASE WHEN m.count = 0 THEN clock_timestamp() ELSE g.closed_at END
  FROM (
    SELECT left_by.id, (SELECT count(*)::int FROM deliveries WHERE group_id = left_by.id AND due_at IS NOT NULL) AS count FROM unnest($1::uuid[]) AS left_by(id)
  ) AS m
  WHERE g.id = m.id AND g.status <> 'closed'`;

/** For rows that were in groups and are not any more, whose groups are locked: a group that has no member left is closed. */
export async function leaveGroups(
  run: Run,
  rows: readonly { groupId: string | null }[],
): Promise<void> {
  const groups = new Set(rows.flatMap(({ groupId }) => groupId ?? []));
  if (groups.size > 0) await run(leaveGroupsSql, [[...groups]]);
}

/** In SQL: of an array of queues, one a shard, that of the recipient of a delivery `d`. */
export const ownQueue = (queues: string) =>
  `(${queues})[get_byte(uuid_send(d.recipient_id), 15) % cardinality(${queues}) + 1]`;
