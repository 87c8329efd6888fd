import { z } from "@hono/zod-openapi";
import { publicId } from "../domain/ids.ts";
import { type DeliveryStatus, deliveryStatuses } from "../domain/notification.ts";
import { priorities } from "../domain/priority.ts";
import type { Delivery } from "../prisma/generated/client.ts";

/** One ledger row, as every route shows it. */
export const deliveryAnswer = z
  .object({
    id: z.string(),
    /** The campaign or notification that it is owed to. */
    source: z.string().openapi({ description: "cmp_… or ntf_…" }),
    recipient: z.string().openapi({ description: "rcp_…" }),
    leg: z.string(),
    channel: z.string(),
    priority: z.enum(priorities),
    queue: z.string(),
    status: z.enum(deliveryStatuses),
    reason: z
      .string()
      .nullable()
      .openapi({ description: "Why it waits, or why it ended as it did" }),
    detail: z.string().nullable(),
    dueAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Not before; null when it has ended" }),
    attemptCount: z.number().int(),
    finishedAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi("Delivery");

export function deliveryJson(row: Delivery) {
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
    createdAt: row.createdAt.toISOString(),
  };
}

export const statusCounts = z
  .object(
    Object.fromEntries(deliveryStatuses.map((status) => [status, z.number().int()])) as Record<
      DeliveryStatus,
      z.ZodNumber
    >,
  )
  .openapi("StatusCounts");

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
