/*
 * Where a delivery ends. Every statement that gives deliveries a terminal status names the rows that it changed to `onEnd`: what has
 * to follow from an end, in the same statement, is added here and nowhere else.
 */

/** What a delivery `d` is set to that somebody ends, whatever it waited for. It belongs to nobody any more. */
export const endDelivery = ({ status, reason }: { status: string; reason: string }) =>
  `status = ${status}, reason = ${reason}, detail = NULL, due_at = NULL, lease_token = NULL, lease_until = NULL, finished_at = clock_timestamp()`;

/** What a statement that ends deliveries returns of each row that it changed, of deliveries `d`. */
export const changedColumns =
  "d.id, d.campaign_id, d.notification_id, d.recipient_id, d.leg, d.status, d.queue, d.group_id, d.attempt_count";

/**
 * The common table expression `ended`: of the rows that the expression `changed` returned, with `changedColumns`, those that
 * have ended. It follows the expression that it names.
 */
export const onEnd = (changed: string) =>
  `ended AS (SELECT id, campaign_id, notification_id, recipient_id, leg, status FROM ${changed} WHERE status NOT IN ('pending', 'sending'))`;
