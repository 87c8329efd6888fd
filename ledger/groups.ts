import { defineStatement, type Execute } from "./sql.ts";

/*
 * Whoever takes deliveries out of groups locks the groups first and their rows afterwards, each in the order of ids, as
 * whoever puts deliveries into groups does: so no two of them wait for each other.
 */

const lockGroupsStatement = defineStatement<{ groups: readonly string[] }>(
  "SELECT FROM groups WHERE id = ANY(:groups::uuid[]) ORDER BY id FOR UPDATE",
);

/** A group that has no member left is closed. */
const leaveGroupsStatement = defineStatement<{ groups: readonly string[] }>(`
  UPDATE groups AS g SET member_count = m.count, status = CASE WHEN m.count = 0 THEN 'closed' ELSE g.status END,
    closed_at = CASE WHEN m.count = 0 THEN ledger_now() ELSE g.closed_at END
  FROM (
    SELECT left_by.id, (SELECT count(*)::int FROM open_deliveries WHERE group_id = left_by.id) AS count
    FROM unnest(:groups::uuid[]) AS left_by(id)
  ) AS m
  WHERE g.id = m.id AND g.status <> 'closed'`);

/** An UPDATE that opens again, of the groups `ids`, those that were closed for a message that did not go out: it has still to. */
export const reopenGroups = (ids: string) =>
  `UPDATE groups SET status = 'full', closed_at = NULL WHERE id = ANY (${ids}) AND status = 'closed'`;

const reopenGroupsStatement = defineStatement<{ groups: readonly string[] }>(
  reopenGroups(":groups::uuid[]"),
);

interface Member {
  groupId: string | null;
}

/** The groups that rows are in, each once. */
export const groupsOf = (rows: readonly Member[]): string[] => [
  ...new Set(rows.flatMap(({ groupId }) => groupId ?? [])),
];

/** Locks groups whose members are about to leave. */
export async function lockGroups(execute: Execute, groups: readonly string[]): Promise<void> {
  if (groups.length > 0) await execute(lockGroupsStatement, { groups });
}

/** Counts the members that are left in groups which rows have left, and closes those that have none. The groups are locked. */
export async function leaveGroups(execute: Execute, rows: readonly Member[]): Promise<void> {
  const groups = groupsOf(rows);
  if (groups.length > 0) await execute(leaveGroupsStatement, { groups });
}

/** As `reopenGroups`. The groups are locked. */
export async function reopenGroupsOf(execute: Execute, rows: readonly Member[]): Promise<void> {
  const groups = groupsOf(rows);
  if (groups.length > 0) await execute(reopenGroupsStatement, { groups });
}
