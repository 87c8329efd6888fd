import type { Pool } from "pg";
import type { NotificationType } from "../domain/policy/notification-type.ts";
import type { RequestedMessage, WaitingGroup } from "../domain/policy/simulate-types.ts";
import {
  requestColumns,
  type RequestRow,
  requestTables,
  toRequestedMessage,
} from "./recipient-snapshot.ts";
import { isSupersededBySent, repeatsEndedColumn } from "./repeats.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The messages that wait for a recipient, and the groups that some of them have joined. */
export interface PendingMessages {
  /** In the order of creation. */
  requests: RequestedMessage[];
  groups: WaitingGroup[];
}

type PendingRow = RequestRow & Pick<RequestedMessage, "repeats" | "superseded">;

const pendingMessages = defineStatement<
  {
    recipientIds: readonly string[];
    windowSeconds: number;
    typeCollapseKeys: Record<string, string>;
    limit: number;
  },
  PendingRow
>(`
  SELECT of.* FROM unnest(:recipientIds::uuid[]) AS w(recipient_id) CROSS JOIN LATERAL (
    SELECT ${requestColumns}, ${repeatsEndedColumn({ windowSeconds: ":windowSeconds::float8", recordedBy: "'infinity'" })} AS repeats,
      ${isSupersededBySent("(:typeCollapseKeys::jsonb ->> n.type_id::text)", { recordedBy: "'infinity'" })} AS superseded
    FROM ${requestTables}
    WHERE d.recipient_id = w.recipient_id AND d.due_at IS NOT NULL AND d.status = 'pending' AND (c.id IS NULL OR c.status = 'running')
    ORDER BY d.id LIMIT :limit::int
  ) AS of ORDER BY of.id`);

const openGroups = defineStatement<
  { recipientIds: readonly string[] },
  WaitingGroup & { recipientId: string }
>(
  `SELECT g.id, g.recipient_id AS "recipientId", g.kind, g.status, g.member_count AS "memberCount", g.maximum_size AS "maximumSize",
     (extract(epoch FROM g.closes_at) * 1000)::float8 AS "closesAt", (extract(epoch FROM g.first_occurs_at) * 1000)::float8 AS "firstOccursAt",
     (extract(epoch FROM g.last_occurs_at) * 1000)::float8 AS "lastOccursAt"
   FROM groups g
   WHERE g.id IN (SELECT group_id FROM deliveries WHERE recipient_id = ANY(:recipientIds::uuid[]) AND due_at IS NOT NULL) AND g.status <> 'closed' ORDER BY g.id`,
);

/**
 * Reads the waiting messages of recipients for the start of a simulation, the oldest ones of each up to a limit. A claimed message counts as
 * sent. Recipients without any are missing from the result.
 */
export async function readPendingMessages(
  pool: Pick<Pool, "query">,
  recipientIds: readonly string[],
  types: ReadonlyMap<string, NotificationType>,
  { deduplicationSeconds, limit }: { deduplicationSeconds: number; limit: number },
): Promise<ReadonlyMap<string, PendingMessages>> {
  const execute = executeOn(pool);
  const rows = await execute(pendingMessages, {
    recipientIds,
    windowSeconds: deduplicationSeconds,
    typeCollapseKeys: Object.fromEntries(
      [...types].flatMap(([id, { collapseKey }]) =>
        collapseKey === null ? [] : [[id, collapseKey]],
      ),
    ),
    limit,
  });
  const found = new Map<string, PendingMessages>();
  for (const row of rows) {
    let pending = found.get(row.recipientId);
    if (!pending) found.set(row.recipientId, (pending = { requests: [], groups: [] }));
    pending.requests.push({
      ...toRequestedMessage(row, types),
      repeats: row.repeats,
      superseded: row.superseded,
      waiting: {
        dueAt: row.dueAt!.getTime(),
        reason: row.reason,
        holdCount: row.holdCount,
        group: row.groupId,
      },
    });
  }
  if (rows.some(({ groupId }) => groupId !== null))
    for (const { recipientId, ...group } of await execute(openGroups, { recipientIds }))
      found.get(recipientId)?.groups.push(group);
  return found;
}
