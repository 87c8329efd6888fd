import { creationOf, publicId } from "./ids.ts";

/** What happens around a message once it is sent. Stands in the table of events: kinds are added, never renamed. */
export const eventKinds = ["delivery.viewed", "delivery.snoozed", "delivery.completed"] as const;
export type EventKind = (typeof eventKinds)[number];

/** What is read of an event to tell it, as `eventColumns` has it. Ids are UUIDs. */
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
}

/** An event as the outside sees it: ids, and what its sender called the thing that it is about. */
export interface EventView {
  id: string;
  kind: EventKind;
  delivery: string | null;
  recipient: string | null;
  /** What the delivery was owed to: one of these two, while the delivery is kept. */
  notification: string | null;
  campaign: string | null;
  entityId: string | null;
  /** Of a snooze: when it comes again. */
  until: string | null;
  /** Of a view: a mail filter, a browser that looks ahead or another program followed the link, and not a person. */
  automated: boolean;
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
    at: creationOf(id).toISOString(),
  };
}
