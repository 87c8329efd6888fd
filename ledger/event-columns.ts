/** The SQL columns of an `EventRow` (domain/event.ts), from an event `e` with its delivery `d` and notification `n` joined by `eventJoins`. */
export const eventColumns = `e.id, e.kind, e.delivery_id AS "deliveryId", e.recipient_id AS "recipientId",
  d.notification_id AS "notificationId", d.campaign_id AS "campaignId", coalesce(e.data->>'entityId', n.entity_id) AS "entityId", e.data->>'until' AS until, coalesce((e.data->>'automated')::boolean, false) AS automated, e.data->>'type' AS type, e.data->>'topic' AS topic`;

export const eventJoins =
  "LEFT JOIN deliveries d ON d.id = e.delivery_id LEFT JOIN notifications n ON n.id = d.notification_id";
