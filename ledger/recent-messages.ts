import type { Priority } from "../domain/priority.ts";
import { defineStatement } from "./sql.ts";

/** A notification, with the parts that its route depends on. */
export interface RecentNotification {
  id: string;
  typeId: string | null;
  priority: Priority;
  data: Record<string, unknown>;
  entityId: string | null;
  sendAt: Date;
}

/** Reads the newest notifications between two ids, without tests of templates. */
export const recentNotifications = defineStatement<
  { from: string; before: string; limit: number },
  RecentNotification
>(
  `SELECT id, type_id AS "typeId", priority, data, entity_id AS "entityId", send_at AS "sendAt" FROM notifications
   WHERE id >= :from::uuid AND id < :before::uuid AND NOT test ORDER BY id DESC LIMIT :limit::int`,
);

/** A delivery of the first stage of a notification. */
export interface FirstDelivery {
  id: string;
  notificationId: string;
  recipientId: string;
  /** The id of the route that was chosen when the message was accepted; null for a message from before routes. */
  routeId: number | null;
}

/** Reads the deliveries of the first stage of notifications, beyond a notification and a recipient, in the descending order of both. */
export const firstDeliveries = defineStatement<
  { notificationIds: readonly string[]; below: string; belowRecipient: string; limit: number },
  FirstDelivery
>(
  `SELECT id, notification_id AS "notificationId", recipient_id AS "recipientId", route_id AS "routeId" FROM deliveries
   WHERE notification_id = ANY(:notificationIds::uuid[]) AND leg = 'primary' AND (notification_id, recipient_id) < (:below::uuid, :belowRecipient::uuid)
   ORDER BY notification_id DESC, recipient_id DESC LIMIT :limit::int`,
);
