import { z } from "@hono/zod-openapi";
import { creationOf, publicId } from "../../domain/ids.ts";
import { type DeliveryStatus } from "../../domain/delivery/status.ts";
import {
  type CountedStatus,
  countedStatuses,
  deliveryStatuses,
} from "../../domain/delivery/status.ts";
import { route, stageOfLeg } from "../../domain/policy/route.ts";
import { priorities } from "../../domain/priority.ts";
import type { Delivery } from "../../prisma/generated/client.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { defineStatement, type Execute } from "../../ledger/sql.ts";
import { type DeliveryInstants, instantsAnswer, readInstants } from "./instants.ts";

export const templateVersionAnswer = z.object({
  key: z.string().openapi({ example: "order-shipped" }),
  version: z.number().int().openapi({ example: 1 }),
});

/** The route of a message, and what chose it. */
export const routeAnswer = z.object({
  origin: z.string().openapi({
    description:
      "What chose the route: `request`, `rule:KEY@VERSION`, joined by `+` where several rules hold, `type:KEY@VERSION`, `policy@VERSION` or `default`",
    example: "type:task.deadline@2",
  }),
  stages: route.shape.stages,
});

/** A delivery, as every route shows it. */
export const deliveryAnswer = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("delivery") }),
    source: z.string().openapi({
      description: "The campaign or notification of the delivery: cmp_… or ntf_…",
      example: exampleIdOf("notification"),
    }),
    recipient: z
      .string()
      .openapi({ description: "The recipient’s id, rcp_…", example: exampleIdOf("recipient") }),
    leg: z.string().openapi({
      description:
        "`primary` for the first stage of the message’s route, `stage:n` for a later one, or `snooze:n` for the n-th time that the message was snoozed",
      example: "primary",
    }),
    stage: z.number().int().nullable().openapi({
      description:
        "The number of the stage of the message’s route, from 0; null for a message that was snoozed",
      example: 0,
    }),
    type: z.string().nullable().openapi({
      description: "The key of the notification type; null if the delivery has no type",
      example: "task.deadline",
    }),
    channel: z.string().openapi({ example: "email" }),
    failedChannels: z.array(z.string()).openapi({
      description:
        "The channels of the stage that have failed or were out of service, in this order",
      example: [],
    }),
    priority: z.enum(priorities).openapi({ example: "normal" }),
    queue: z
      .string()
      .openapi({ description: "The queue that sends the delivery", example: "mailbox/3" }),
    status: z.enum(deliveryStatuses).openapi({ example: "failed" }),
    reason: z.string().nullable().openapi({
      description: "Why the delivery waits, or why it ended as it did; null once it is sent",
      example: "provider_rejected",
    }),
    detail: z.string().nullable().openapi({
      description: "The provider’s answer, or the error, if the delivery failed",
      example: "550 5.1.1 no such user",
    }),
    dueAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When the delivery is due; null once it has ended" }),
    group: z.string().nullable().openapi({
      description: "The batch or digest that sends the delivery with others: grp_…",
      example: null,
    }),
    holdCount: z.number().int().openapi({
      description: "How often in a row the delivery was held for the same reason",
      example: 0,
    }),
    decided: z
      .object({
        at: z.iso.datetime(),
        policyVersion: z.number().int().openapi({ example: 3 }),
        typeVersion: z.number().int().nullable().openapi({ example: 1 }),
        preferencesVersion: z.number().int().openapi({ example: 2 }),
      })
      .nullable()
      .openapi({
        description:
          "The last decision: when it was made, and with which versions of the policy, the notification type and the preferences",
      }),
    attemptCount: z
      .number()
      .int()
      .openapi({ description: "How often the delivery was handed over to a provider" }),
    finishedAt: z.iso.datetime().nullable().openapi({ example: "2027-03-01T09:00:02.120Z" }),
    ...instantsAnswer,
    createdAt: z.iso.datetime(),
  })
  .openapi("Delivery");

/** The columns of a delivery that the API shows. */
export type DeliveryRow = Pick<
  Delivery,
  | "id"
  | "campaignId"
  | "notificationId"
  | "recipientId"
  | "leg"
  | "routeId"
  | "channel"
  | "failedChannels"
  | "priority"
  | "queue"
  | "status"
  | "reason"
  | "detail"
  | "dueAt"
  | "groupId"
  | "holdCount"
  | "decidedAt"
  | "policyVersion"
  | "typeVersion"
  | "preferencesVersion"
  | "attemptCount"
  | "finishedAt"
> & {
  /** The key of the notification type. */
  type: string | null;
};

/** A subquery for the UUID of the notification type of a row `d`. */
export const typeIdOf = `coalesce((SELECT n.type_id FROM notifications n WHERE n.id = d.notification_id), (SELECT c.type_id FROM campaigns c WHERE c.id = d.campaign_id))`;

/** The columns of a `DeliveryRow`, to select from a table or subquery called `d`. */
export const deliveryColumns = `d.id, d.campaign_id AS "campaignId", d.notification_id AS "notificationId", d.recipient_id AS "recipientId", d.leg, d.route_id AS "routeId", d.channel,
  coalesce(d.failed_channels::text[], '{}') AS "failedChannels",
  d.priority, d.queue, d.status, d.reason, d.detail, d.due_at AS "dueAt", d.attempt_count AS "attemptCount", d.finished_at AS "finishedAt",
  d.group_id AS "groupId", d.hold_count AS "holdCount", d.decided_at AS "decidedAt", d.policy_version AS "policyVersion", d.type_version AS "typeVersion",
  d.preferences_version AS "preferencesVersion", (SELECT t.key FROM notification_types t WHERE t.id = ${typeIdOf}) AS type`;

const readStatement = defineStatement<{ id: string }, DeliveryRow>(
  `SELECT ${deliveryColumns} FROM deliveries d WHERE d.id = :id::uuid`,
);

/** Reads one delivery, within a transaction. */
export async function readDelivery(execute: Execute, id: string): Promise<DeliveryRow | null> {
  return (await execute(readStatement, { id }))[0] ?? null;
}

/** Makes what the ledger has of a delivery itself. */
export function ledgerJson(
  row: DeliveryRow,
): Omit<z.output<typeof deliveryAnswer>, keyof DeliveryInstants> {
  const { leg, type, channel, failedChannels, priority, queue, status, reason, detail } = row;
  const { groupId, holdCount, attemptCount } = row;
  return {
    id: publicId("delivery", row.id),
    source: row.campaignId
      ? publicId("campaign", row.campaignId)
      : publicId("notification", row.notificationId!),
    recipient: publicId("recipient", row.recipientId),
    leg,
    stage: stageOfLeg(leg),
    type,
    channel,
    failedChannels,
    priority,
    queue,
    status,
    reason,
    detail,
    dueAt: row.dueAt?.toISOString() ?? null,
    group: groupId && publicId("group", groupId),
    holdCount,
    decided: row.decidedAt && {
      at: row.decidedAt.toISOString(),
      policyVersion: row.policyVersion!,
      typeVersion: row.typeVersion,
      preferencesVersion: row.preferencesVersion!,
    },
    attemptCount,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    // Lists are sorted and filtered by the instant in the id. All rows of one freeze have the same `created_at`.
    createdAt: creationOf(row.id).toISOString(),
  };
}

/** Makes the answers for a page of deliveries, in their order. */
export async function deliveriesJson(
  execute: Execute,
  rows: readonly DeliveryRow[],
): Promise<z.output<typeof deliveryAnswer>[]> {
  const instantsOf = await readInstants(execute, rows);
  return rows.map((row) => ({ ...ledgerJson(row), ...instantsOf(row.id) }));
}

/** Makes the answer for one delivery. */
export async function deliveryJson(
  execute: Execute,
  row: DeliveryRow,
): Promise<z.output<typeof deliveryAnswer>> {
  return (await deliveriesJson(execute, [row]))[0]!;
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

export const exampleOutcomes: Record<CountedStatus, number> = {
  open: 130,
  sent: 868,
  delivered: 0,
  failed: 1,
  suppressed: 1,
  cancelled: 0,
  unknown: 0,
};

/** The counts of open deliveries, and of ended ones by status. */
export const outcomeCounts = z
  .object(
    Object.fromEntries(countedStatuses.map((status) => [status, z.number().int()])) as Record<
      CountedStatus,
      z.ZodNumber
    >,
  )
  .openapi("OutcomeCounts", { example: exampleOutcomes });

/** Adds up counts by status. A status without a count gets zero. */
export function sumCounts(
  rows: readonly { status: DeliveryStatus; count: number }[],
): Record<DeliveryStatus, number> {
  const counts = Object.fromEntries(deliveryStatuses.map((status) => [status, 0])) as Record<
    DeliveryStatus,
    number
  >;
  for (const { status, count } of rows) counts[status] += count;
  return counts;
}
