import type { EventKind } from "../domain/event-kinds.ts";
import type { EngagementKind, NewEngagement } from "./engagement.ts";
import { defineStatement, type Execute } from "./sql.ts";

/*
 * Which endpoints get an event. Every statement that writes events has `queueForEndpoints` in it, so that an event and what is to be sent of it
 * are committed together.
 */

/** The SQL condition that the endpoint `w` asks for the event `e`, which has the columns of `events`. */
export const isAskedFor = `e.kind = ANY(w.kinds)
      AND (w.campaign_id IS NULL OR w.campaign_id = (SELECT d.campaign_id FROM deliveries d WHERE d.id = e.delivery_id))
      AND (cardinality(w.types) = 0 OR coalesce(e.data->>'type', (
        SELECT t.key FROM deliveries d LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id
          JOIN notification_types t ON t.id = coalesce(n.type_id, c.type_id)
        WHERE d.id = e.delivery_id
      )) = ANY(w.types))`;

/** The common table expression `queued`, which notes that endpoints have to get the events of the expression `written`. */
export const queueForEndpoints = (written: string) => `queued AS (
    INSERT INTO event_deliveries (event_id, endpoint_id, due_at, created_at)
    SELECT e.id, w.id, ledger_now(), ledger_now() FROM ${written} e JOIN webhook_endpoints w ON w.is_enabled AND ${isAskedFor}
  )`;

/** The kinds of engagements that are events. What machines did is counted, but is no event: a filter may follow every link of a campaign. */
const kindsOfEngagements: Partial<Record<EngagementKind, EventKind>> = {
  delivered: "delivery.delivered",
  read: "delivery.read",
  opened: "delivery.opened",
  clicked: "delivery.clicked",
  bounced: "delivery.bounced",
  complained: "delivery.complained",
};

/** The kinds that are events themselves and prove that a message was read, which is not another event then. */
const provingRead: readonly EngagementKind[] = ["opened", "clicked", "acted"];

/** These kinds may come once for every message, so they are only marked as due for `EVENTS_URL` if it is set. */
const recordStatement = defineStatement<{
  kinds: readonly EventKind[];
  deliveryIds: readonly string[];
  recipientIds: readonly string[];
}>(
  `WITH written AS (
    INSERT INTO events (id, kind, delivery_id, recipient_id, due_at, created_at)
    SELECT uuid_v7(ledger_now()), e.kind, e.delivery_id, e.recipient_id, CASE WHEN EXISTS (SELECT FROM event_receivers) THEN ledger_now() END, ledger_now()
    FROM unnest(:kinds::text[], :deliveryIds::uuid[], :recipientIds::uuid[]) AS e(kind, delivery_id, recipient_id)
    RETURNING *
  ),
  ${queueForEndpoints("written")}
  SELECT FROM written LIMIT 0`,
  "record-engagement-events",
);

/** Records events for what became known of messages for the first time, in the transaction that records it. */
export async function recordEngagementEvents(
  execute: Execute,
  found: readonly NewEngagement[],
): Promise<void> {
  const otherwiseRead = new Set(
    found.filter(({ kind }) => provingRead.includes(kind)).map(({ id }) => id),
  );
  const events = found.flatMap(({ id, recipientId, kind }) => {
    const eventKind = kindsOfEngagements[kind];
    return eventKind === undefined || (kind === "read" && otherwiseRead.has(id))
      ? []
      : [{ id, recipientId, eventKind }];
  });
  if (events.length === 0) return;
  await execute(recordStatement, {
    kinds: events.map(({ eventKind }) => eventKind),
    deliveryIds: events.map(({ id }) => id),
    recipientIds: events.map(({ recipientId }) => recipientId),
  });
}
