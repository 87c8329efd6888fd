import { defineStatement, type Execute } from "./sql.ts";

/*
 * Transactions that add deliveries to groups or remove them lock the groups first and their rows afterwards, each in the order of ids, so that
 * they do not deadlock.
 */

const lockGroupsStatement = defineStatement<{ groups: readonly string[] }>(
  "SELECT FROM groups WHERE id = ANY(:groups::uuid[]) ORDER BY id FOR UPDATE",
);

/** Counts the remaining members of groups, and closes groups without members. */
const leaveGroupsStatement = defineStatement<{ groups: readonly string[] }>(`
  UPDATE groups AS g SET member_count = m.count, status = CASE WHEN m.count = 0 THEN 'closed' ELSE g.status END,
    closed_at = CASE WHEN m.count = 0 THEN ledger_now() ELSE g.closed_at END
  FROM (
    SELECT left_by.id, (SELECT count(*)::int FROM open_deliveries WHERE group_id = left_by.id) AS count
    FROM unnest(:groups::uuid[]) AS left_by(id)
  ) AS m
  WHERE g.id = m.id AND g.status <> 'closed'`);

/** An UPDATE that reopens those of the groups `ids` that were closed for a message that was not sent: it still has to be sent. */
export const reopenGroups = (ids: string) =>
  `UPDATE groups SET status = 'full', closed_at = NULL WHERE id = ANY (${ids}) AND status = 'closed'`;

const reopenGroupsStatement = defineStatement<{ groups: readonly string[] }>(
  reopenGroups(":groups::uuid[]"),
);

interface Member {
  groupId: string | null;
}

/** The ids of the rows' groups, each once. */
export const groupsOf = (rows: readonly Member[]): string[] => [
  ...new Set(rows.flatMap(({ groupId }) => groupId ?? [])),
];

/** Locks groups whose members are about to leave. */
export async function lockGroups(execute: Execute, groups: readonly string[]): Promise<void> {
  if (groups.length > 0) await execute(lockGroupsStatement, { groups });
}

/** Counts the remaining members of the groups that rows have left, and closes groups without members. The groups must be locked. */
export async function leaveGroups(execute: Execute, rows: readonly Member[]): Promise<void> {
  const groups = groupsOf(rows);
  if (groups.length > 0) await execute(leaveGroupsStatement, { groups });
}

/** Reopens the rows' groups that were closed for a message that was not sent. The groups must be locked. */
export async function reopenGroupsOf(execute: Execute, rows: readonly Member[]): Promise<void> {
  const groups = groupsOf(rows);
  if (groups.length > 0) await execute(reopenGroupsStatement, { groups });
}
