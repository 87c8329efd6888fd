import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { isStage, sourceRuns } from "../../ledger/conditions.ts";
import { type Channel, channels } from "../../domain/channel.ts";
import { priorities, type Priority } from "../../domain/priority.ts";
import { type FilteredReason, type Reason, reasons } from "../../domain/delivery/reasons.ts";
import { reasonIn } from "../deliveries/filters.ts";
import { createWhereBuilder } from "../http/where.ts";

/** The dimensions by which waiting deliveries are counted. */
export const presetDimensions = ["queue", "type", "priority", "reason"] as const;
export const queueDimensions = [...presetDimensions, "channel"] as const;
type Dimension = (typeof queueDimensions)[number];

/** Filters of waiting deliveries; the campaign and the type are UUIDs. */
export interface WaitingFilters {
  queue?: string | undefined;
  /** Its snoozed deliveries are left out, as in lists of deliveries. */
  campaign?: string | undefined;
  type?: string | undefined;
  priority?: Priority[] | undefined;
  reason?: FilteredReason[] | undefined;
}

const counts = {
  waiting: z.number().int().openapi({ description: "Pending deliveries", example: 42 }),
  due: z.number().int().openapi({
    description:
      "Pending deliveries that could be sent now: they are due, and their campaign is running",
    example: 3,
  }),
  sending: z.number().int().openapi({
    description: "Deliveries that are being handed over, not included in `waiting`",
    example: 1,
  }),
};

export const waitingAnswer = z
  .object({
    items: z.array(
      z
        .object({
          queue: z.string().optional().openapi({ example: "mailbox/3" }),
          type: z.string().nullable().optional().openapi({ example: "task.deadline" }),
          priority: z.enum(priorities).optional().openapi({ example: "normal" }),
          reason: z.enum(reasons).nullable().optional().openapi({
            description: "Why the deliveries wait; null means for their time or their turn",
            example: "quiet_hours",
          }),
          channel: z.enum(channels).optional().openapi({ example: "email" }),
          ...counts,
          oldestDueAt: z.iso.datetime().nullable().openapi({
            description: "The time since which the oldest due delivery has been due",
            example: "2027-03-01T09:00:00.000Z",
          }),
          oldestDueSeconds: z.number().nullable().openapi({
            description: "How long the oldest due delivery has been due, in seconds",
            example: 1.5,
          }),
          nextDueAt: z.iso.datetime().nullable().openapi({
            description: "When the next delivery becomes due",
            example: "2027-03-01T09:30:00.000Z",
          }),
        })
        .openapi("Waiting"),
    ),
    total: z
      .object(counts)
      .openapi({ description: "The counts of all groups, including those that are not shown" }),
    more: z
      .number()
      .int()
      .openapi({ description: "The number of groups that are not shown", example: 0 }),
  })
  .openapi("WhatWaits");

type Counts = { [Name in keyof typeof counts]: number };

interface Row extends Counts {
  queue?: string;
  type?: string | null;
  priority?: Priority;
  reason?: Reason | null;
  channel?: Channel;
  oldestDueAt: Date | null;
  oldestDueSeconds: number | null;
  nextDueAt: Date | null;
  kinds: number;
  allWaiting: number;
  allDue: number;
  allSending: number;
}

const typeId = "coalesce(n.type_id, c.type_id)";

const columns: Record<Dimension, string> = {
  queue: "d.queue",
  type: typeId,
  priority: "d.priority",
  reason: "d.reason",
  channel: "d.channel",
};

/** Joins the sources of deliveries for their types. Looking up the type of each row, as lists do for a page, would take several times as long. */
const withType =
  "LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id";

/** Makes the SELECT expression of a dimension. The key of a type is looked up after counting. */
const selectDimension = (dimension: Dimension) =>
  dimension === "type"
    ? "(SELECT t.key FROM notification_types t WHERE t.id = k.type) AS type"
    : `k.${dimension}`;

/**
 * Counts open deliveries in groups, by the dimensions in `by`. It returns up to `limit` groups, those with the most due deliveries
 * first, then those with the most waiting ones. All counts come from one statement, and so from one snapshot.
 */
export async function readWaiting(
  pool: Pick<Pool, "query">,
  by: readonly Dimension[],
  { queue, campaign, type, priority, reason }: WaitingFilters,
  limit: number,
): Promise<z.output<typeof waitingAnswer>> {
  const { bind, and, sql, values } = createWhereBuilder();
  if (queue !== undefined) and(`d.queue = ${bind(queue)}`);
  if (campaign !== undefined) and(`d.campaign_id = ${bind(campaign)}::uuid AND ${isStage("d")}`);
  if (type !== undefined) and(`${typeId} = ${bind(type)}::uuid`);
  if (priority) and(`d.priority = ANY(${bind(priority)}::priority[])`);
  if (reason) and(reasonIn(bind(reason), reason));
  const { rows } = await pool.query<Row>(
    `WITH clock AS MATERIALIZED (SELECT ledger_now() AS now),
     open AS (
       SELECT ${by.map((name) => `${columns[name]} AS ${name}`).join(", ")}, d.due_at, d.status,
         d.status = 'pending' AND d.due_at <= clock.now AND ${sourceRuns("d")} AS due
       FROM deliveries d CROSS JOIN clock ${by.includes("type") || type !== undefined ? withType : ""} WHERE d.due_at IS NOT NULL AND ${sql()}
     ),
     kinds AS (
       SELECT ${by.join(", ")}, count(*) FILTER (WHERE status = 'pending')::int AS waiting, count(*) FILTER (WHERE due)::int AS due,
         count(*) FILTER (WHERE status = 'sending')::int AS sending,
         min(due_at) FILTER (WHERE due) AS oldest, min(due_at) FILTER (WHERE status = 'pending' AND due_at > clock.now) AS next
       FROM open, clock GROUP BY ${by.join(", ")}
     )
     SELECT ${by.map(selectDimension).join(", ")}, k.waiting, k.due, k.sending, k.oldest AS "oldestDueAt",
       extract(epoch FROM clock.now - k.oldest)::float8 AS "oldestDueSeconds", k.next AS "nextDueAt", count(*) OVER ()::int AS kinds,
       sum(k.waiting) OVER ()::int AS "allWaiting", sum(k.due) OVER ()::int AS "allDue", sum(k.sending) OVER ()::int AS "allSending"
     FROM kinds k, clock ORDER BY k.due DESC, k.waiting DESC, ${by.map((name) => `k.${name}`).join(", ")} LIMIT ${bind(limit)}::int`,
    values,
  );
  const [first] = rows;
  return {
    items: rows.map(
      ({ kinds: _kinds, allWaiting: _waiting, allDue: _due, allSending: _sending, ...row }) => ({
        ...row,
        oldestDueAt: row.oldestDueAt?.toISOString() ?? null,
        nextDueAt: row.nextDueAt?.toISOString() ?? null,
      }),
    ),
    total: {
      waiting: first?.allWaiting ?? 0,
      due: first?.allDue ?? 0,
      sending: first?.allSending ?? 0,
    },
    more: (first?.kinds ?? 0) - rows.length,
  };
}
