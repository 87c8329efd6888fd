import type { EventKind } from "./event-kinds.ts";
import { creationOf, publicId } from "./ids.ts";

/** An event as it is read from the ledger with `eventColumns`. Ids are UUIDs. */
export interface EventRow {
  id: string;
  kind: EventKind;
  deliveryId: string | null;
  recipientId: string | null;
  notificationId: string | null;
  campaignId: string | null;
  entityId: string | null;
  until: string | null;
  automated: boolean;
  type: string | null;
  topic: string | null;
}

/** An event as the API shows it, with public ids. */
export interface EventView {
  id: string;
  kind: EventKind;
  delivery: string | null;
  recipient: string | null;
  /** The source of the delivery: a notification or a campaign. Both are null once the delivery is deleted. */
  notification: string | null;
  campaign: string | null;
  /** The sender's own id of the subject of the message. */
  entityId: string | null;
  /** For a snooze: when the message is sent again. */
  until: string | null;
  /** For a view: whether a mail filter, a prefetching browser or another program, and not a person, followed the link. */
  automated: boolean;
  /** For a recipient who unsubscribed from one notification type, or subscribed to it again: its key. */
  type: string | null;
  /** For a recipient who subscribed to a topic or unsubscribed from one: its key. */
  topic: string | null;
  at: string;
}

export function eventView(row: EventRow): EventView {
  const {
    id,
    kind,
    deliveryId,
    recipientId,
    notificationId,
    campaignId,
    entityId,
    until,
    automated,
    type,
    topic,
  } = row;
  return {
    id: publicId("event", id),
    kind,
    delivery: deliveryId && publicId("delivery", deliveryId),
    recipient: recipientId && publicId("recipient", recipientId),
    notification: notificationId && publicId("notification", notificationId),
    campaign: campaignId && publicId("campaign", campaignId),
    entityId,
    until,
    automated,
    type,
    topic,
    at: creationOf(id).toISOString(),
  };
}
