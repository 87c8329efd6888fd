import { defineStatement, type Execute } from "./sql.ts";

/** How far a recipient has come with a message. Each level includes those before it. */
export const engagementLevels = ["seen", "read", "acted"] as const;
export type EngagementLevel = (typeof engagementLevels)[number];

/** What a recipient did with deliveries, with all members of a group, or with the deliveries that items of an inbox stand for. Ids are UUIDs. */
export type Engagement = (
  | { deliveryIds: readonly string[] }
  | { groupId: string }
  | { itemIds: readonly string[] }
) & { recipientId: string; level: EngagementLevel };

/** An id is one of a delivery or of a group, never both. Members that did not go out with their group have another status. */
const recordStatement = defineStatement<
  { ids: readonly string[]; recipientId: string; read: boolean; acted: boolean },
  { id: string }
>(
  `WITH named AS MATERIALIZED (
     SELECT id FROM deliveries WHERE id = ANY(:ids::uuid[]) AND recipient_id = :recipientId::uuid
     UNION
     SELECT id FROM deliveries WHERE group_id = ANY(:ids::uuid[]) AND recipient_id = :recipientId::uuid
       AND status NOT IN ('failed', 'suppressed', 'cancelled')
   )
   INSERT INTO engagements AS e (delivery_id, recipient_id, seen_at, read_at, acted_at)
   SELECT id, :recipientId::uuid, ledger_now(), CASE WHEN :read::boolean THEN ledger_now() END, CASE WHEN :acted::boolean THEN ledger_now() END
   FROM named ORDER BY id
   ON CONFLICT (delivery_id) DO UPDATE SET seen_at = coalesce(e.seen_at, excluded.seen_at), read_at = coalesce(e.read_at, excluded.read_at),
     acted_at = coalesce(e.acted_at, excluded.acted_at)
   WHERE e.seen_at IS NULL OR (:read::boolean AND e.read_at IS NULL) OR (:acted::boolean AND e.acted_at IS NULL)
   RETURNING delivery_id AS id`,
);

/**
 * Records what a recipient did with a message, for each delivery of it that is still stored. The first time of each level is kept: who has
 * acted has read, and who has read has seen. Resolves with the ids of the deliveries of which something new became known.
 */
export async function recordEngagement(
  execute: Execute,
  { recipientId, level, ...engaged }: Engagement,
): Promise<string[]> {
  const ids =
    "groupId" in engaged
      ? [engaged.groupId]
      : "itemIds" in engaged
        ? engaged.itemIds
        : engaged.deliveryIds;
  const acted = level === "acted";
  const read = acted || level === "read";
  const rows = await execute(recordStatement, { ids, recipientId, read, acted });
  return rows.map(({ id }) => id);
}
