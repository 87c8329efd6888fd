import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import {
  deliveryAnswer,
  deliveryColumns,
  ledgerJson,
  type DeliveryRow,
} from "../deliveries/store.ts";

/** How many snoozes a timeline shows. */
export const shownSnoozes = 200;
/** Among how many events of the recipient, the newest ones, snoozes are looked for. */
const searchedEvents = 5_000;

const { id, source, type, channel } = deliveryAnswer.shape;
const instant = z.iso.datetime();

/** A snooze of a timeline. */
export const shownSnooze = z.object({
  id: id.openapi({ description: "The delivery that was snoozed; the first one of a group" }),
  source,
  type,
  channel,
  deliveries: z
    .number()
    .int()
    .openapi({ description: "How many deliveries were snoozed together", example: 1 }),
  from: instant.openapi({
    description: "When it was snoozed",
    example: "2027-03-28T08:10:00.000Z",
  }),
  until: instant.openapi({
    description: "Until when it was snoozed; or when it was snoozed again or completed before that",
    example: "2027-03-28T10:10:00.000Z",
  }),
});

type ShownSnooze = z.output<typeof shownSnooze>;
type SnoozeRow = DeliveryRow & { from: Date; until: Date; deliveries: number; all: number };

/**
 * Reads what a recipient has snoozed within a time, or before it and into it, the earliest first. The time is in epoch milliseconds. If there are too
 * many, the latest are shown.
 */
export async function readSnoozes(
  pool: Pick<Pool, "query">,
  recipientId: string,
  { begin, end }: { begin: number; end: number },
): Promise<{ snoozes: ShownSnooze[]; moreSnoozes: number }> {
  // One press of a button snoozes all deliveries of a group: their events differ only in the delivery, with which the key of each ends.
  const { rows } = await pool.query<SnoozeRow>(
    `SELECT ${deliveryColumns}, s.began AS from, s.until, s.deliveries, s."all" FROM (
       SELECT (array_agg(delivery_id ORDER BY delivery_id))[1] AS id, min(began) AS began, max(until) AS until, count(*)::int AS deliveries, (count(*) OVER ())::int AS "all"
       FROM (
         SELECT e.kind, e.delivery_id, left(e.dedup_key, -length(e.delivery_id::text)) AS press, e.created_at AS began,
           least((e.data->>'until')::timestamptz, lead(e.created_at) OVER (PARTITION BY e.delivery_id ORDER BY e.created_at, e.id)) AS until
         FROM (SELECT * FROM events WHERE recipient_id = $1::uuid ORDER BY id DESC LIMIT ${searchedEvents}) AS e
         WHERE e.kind IN ('delivery.snoozed', 'delivery.completed')
       ) AS act
       WHERE kind = 'delivery.snoozed' AND until > greatest(began, $2::timestamptz) AND began < $3::timestamptz
       GROUP BY press ORDER BY began DESC LIMIT ${shownSnoozes}
     ) AS s JOIN deliveries d ON d.id = s.id ORDER BY s.began, d.id`,
    [recipientId, new Date(begin), new Date(end)],
  );
  const snoozes = rows.map((row) => {
    const { id, source, type, channel } = ledgerJson(row);
    const { deliveries, from, until } = row;
    return {
      id,
      source,
      type,
      channel,
      deliveries,
      from: from.toISOString(),
      until: until.toISOString(),
    };
  });
  return { snoozes, moreSnoozes: Math.max((rows[0]?.all ?? 0) - shownSnoozes, 0) };
}
