import { z } from "@hono/zod-openapi";
import { creationOf, publicId } from "../domain/ids.ts";
import { type DeliveryStatus, deliveryStatuses } from "../domain/notification.ts";
import { priorities } from "../domain/priority.ts";
import type { Delivery } from "../prisma/generated/client.ts";
import { exampleIdOf } from "./references.ts";

export const templateVersionAnswer = z.object({
  key: z.string().openapi({ example: "order-shipped" }),
  version: z.number().int().openapi({ example: 1 }),
});

/** One ledger row, as every route shows it. */
export const deliveryAnswer = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("delivery") }),
    /** The campaign or notification that it is owed to. */
    source: z
      .string()
      .openapi({ description: "cmp_… or ntf_…", example: exampleIdOf("notification") }),
    recipient: z.string().openapi({ description: "rcp_…", example: exampleIdOf("recipient") }),
    leg: z.string().openapi({ example: "primary" }),
    channel: z.string().openapi({ example: "email" }),
    priority: z.enum(priorities).openapi({ example: "normal" }),
    queue: z.string().openapi({ example: "mailbox/3" }),
    status: z.enum(deliveryStatuses).openapi({ example: "failed" }),
    reason: z.string().nullable().openapi({
      description: "Why it waits, or why it ended as it did",
      example: "provider_rejected",
    }),
    detail: z
      .string()
      .nullable()
      .openapi({ description: "What the provider said", example: "550 5.1.1 no such user" }),
    dueAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Not before; null when it has ended" }),
    attemptCount: z.number().int(),
    finishedAt: z.iso.datetime().nullable().openapi({ example: "2027-03-01T09:00:02.120Z" }),
    createdAt: z.iso.datetime(),
  })
  .openapi("Delivery");

/** What is read of a row to show it. */
export type DeliveryRow = Pick<
  Delivery,
  | "id"
  | "campaignId"
  | "notificationId"
  | "recipientId"
  | "leg"
  | "channel"
  | "priority"
  | "queue"
  | "status"
  | "reason"
  | "detail"
  | "dueAt"
  | "attemptCount"
  | "finishedAt"
>;

/** The same of a table or subquery called `d`. */
export const deliveryColumns = `d.id, d.campaign_id AS "campaignId", d.notification_id AS "notificationId", d.recipient_id AS "recipientId", d.leg, d.channel,
  d.priority, d.queue, d.status, d.reason, d.detail, d.due_at AS "dueAt", d.attempt_count AS "attemptCount", d.finished_at AS "finishedAt"`;

export function deliveryJson(row: DeliveryRow): z.output<typeof deliveryAnswer> {
  const { leg, channel, priority, queue, status, reason, detail, attemptCount } = row;
  return {
    id: publicId("delivery", row.id),
    source: row.campaignId
      ? publicId("campaign", row.campaignId)
      : publicId("notification", row.notificationId!),
    recipient: publicId("recipient", row.recipientId),
    leg,
    channel,
    priority,
    queue,
    status,
    reason,
    detail,
    dueAt: row.dueAt?.toISOString() ?? null,
    attemptCount,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    // What lists are sorted and filtered by. Rows of one freeze share the column of that name.
    createdAt: creationOf(row.id).toISOString(),
  };
}

export const exampleCounts: Record<DeliveryStatus, number> = {
  pending: 120,
  sending: 10,
  sent: 868,
  delivered: 0,
  failed: 1,
  suppressed: 1,
  cancelled: 0,
  unknown: 0,
};

export const statusCounts = z
  .object(
    Object.fromEntries(deliveryStatuses.map((status) => [status, z.number().int()])) as Record<
      DeliveryStatus,
      z.ZodNumber
    >,
  )
  .openapi("StatusCounts", { example: exampleCounts });

/** Every status with the sum of its counts, zero where there is none. */
export function countsOf(
  rows: readonly { status: DeliveryStatus; count: number }[],
): Record<DeliveryStatus, number> {
  const counts = Object.fromEntries(deliveryStatuses.map((status) => [status, 0])) as Record<
    DeliveryStatus,
    number
  >;
  for (const { status, count } of rows) counts[status] += count;
  return counts;
}
