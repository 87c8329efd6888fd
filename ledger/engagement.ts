import type { Reason } from "../domain/delivery/reasons.ts";
import { reachedLevels } from "../domain/policy/route.ts";
import { isStage } from "./conditions.ts";
import { endDeliveries } from "./on-end.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** How far a recipient has come with a message. Each level includes those before it. */
type EngagementLevel = "seen" | "read" | "acted";

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
 * Ends the later stages of the deliveries `ids` that wait only for their time, and that are not needed once a message has come as far as one of
 * `levels`. The policy decides the same when a stage is due (the rule `already_reached`), so that locked rows can be skipped.
 */
const leaveOutStatement = defineStatement<{ ids: readonly string[]; levels: readonly string[] }>(`
  WITH taken AS (
    DELETE FROM open_deliveries d USING (
      SELECT w.id FROM unnest(:ids::uuid[]) AS named(id) JOIN deliveries own ON own.id = named.id
        JOIN open_deliveries w ON w.recipient_id = own.recipient_id AND (w.campaign_id = own.campaign_id OR w.notification_id = own.notification_id)
        JOIN routes t ON t.id = w.route_id
      WHERE ${isStage("own")} AND ${isStage("w")} AND w.leg > own.leg AND w.reason = '${"earlier_stage" satisfies Reason}' AND w.lease_token IS NULL
        AND t.document #>> ARRAY['stages', right(w.leg, 1), 'after', 'unless'] = ANY(:levels::text[])
      ORDER BY w.id FOR UPDATE OF w SKIP LOCKED
    ) AS locked
    WHERE d.id = locked.id RETURNING d.*
  ),
  ${endDeliveries("taken", {
    status: "'suppressed'::delivery_status",
    reason: `'${"already_reached" satisfies Reason}'`,
  })}
  SELECT FROM ended LIMIT 0`);

/**
 * Records what a recipient did with a message, for each delivery of it that is still stored. The first time of each level is kept: who has
 * acted has read, and who has read has seen. Later stages that are no longer needed are left out. Resolves with the ids of the deliveries of which something new became known.
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
  const changed = rows.map(({ id }) => id);
  if (changed.length > 0)
    await execute(leaveOutStatement, {
      ids: changed,
      levels: reachedLevels.slice(0, reachedLevels.indexOf(level) + 1),
    });
  return changed;
}
