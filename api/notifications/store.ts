import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { firstUuidAt, publicId } from "../../domain/ids.ts";
import { typeKey } from "../../domain/policy/notification-type.ts";
import { templateKey } from "../../domain/notification.ts";
import { type DeliveryStatus } from "../../domain/delivery/status.ts";
import { priorities, type Priority } from "../../domain/priority.ts";
import { notificationQueues } from "../../domain/delivery/queues.ts";
import { text } from "../../domain/text.ts";
import { recipientParameter } from "../deliveries/filters.ts";
import { statusCounts, sumCounts, templateVersionAnswer } from "../deliveries/store.ts";
import type { Part } from "../http/page-reading.ts";
import { createdBetween, oneOrMore } from "../http/pages.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createWhereBuilder } from "../http/where.ts";

/** A notification, as lists show it. */
export const listedNotification = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("notification") }),
    template: templateVersionAnswer.nullable().openapi({
      description: "The version of the template; null if the notification has a content of its own",
      example: { key: "order-shipped", version: 1 },
    }),
    type: z.string().nullable().openapi({
      description: "The key of the notification type; null if the notification has no type",
      example: "task.deadline",
    }),
    priority: z.enum(priorities).openapi({ example: "normal" }),
    sendAt: z.iso
      .datetime()
      .openapi({ description: "When the notification is, or was, due to be sent" }),
    test: z.boolean().openapi({
      description: "Whether it is a test message of a template to a real recipient",
      example: false,
    }),
    createdBy: z.string().openapi({
      description:
        "Who sent it: `bootstrap`, the id of an API key or an operator, or `tidings` for an alert",
      example: "bootstrap",
    }),
    requestId: z.string().nullable().openapi({
      description: "The id of the request that created it",
      example: "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab",
    }),
    createdAt: z.iso.datetime(),
    counts: statusCounts,
  })
  .openapi("ListedNotification");

/** The filters of the list of notifications. */
export const notificationFilterQuery = z.object({
  priority: oneOrMore(priorities).optional(),
  template: templateKey
    .optional()
    .openapi({ description: "The key of the template, in any version" }),
  type: typeKey.optional().openapi({ description: "The key of the notification type" }),
  recipient: recipientParameter.optional(),
  createdBy: text(100).optional().openapi({
    description:
      "Who sent it: `bootstrap`, the id of an API key or an operator, or `tidings` for an alert",
    example: "bootstrap",
  }),
  test: z
    .enum(["true", "false"])
    .optional()
    .openapi({ description: "Whether it is a test message of a template" }),
  state: z.enum(["pending"]).optional().openapi({
    description: "`pending` selects notifications with deliveries that have not ended yet",
  }),
  ...createdBetween,
});

interface NotificationRow {
  id: string;
  key: string | null;
  version: number | null;
  type: string | null;
  priority: Priority;
  sendAt: Date;
  test: boolean;
  createdBy: string;
  requestId: string | null;
  createdAt: Date;
}

/** The filters of notifications, in which UUIDs stand for the type and the recipient. */
type NotificationFilters = z.output<typeof notificationFilterQuery>;

/** Reads a part of the list of notifications. The statement is not a prepared one, so that PostgreSQL plans it for these values. */
export async function readNotifications(
  pool: Pool,
  filters: NotificationFilters,
  { after, direction, take }: Part,
): Promise<NotificationRow[]> {
  const conditions = createWhereBuilder();
  const { bind, and } = conditions;
  const { priority, template, type, recipient, createdBy, test, state } = filters;
  const { createdFrom, createdBefore } = filters;
  if (priority) and(`n.priority = ANY(${bind(priority)}::priority[])`);
  if (template !== undefined)
    and(
      `n.template_version_id = ANY(ARRAY(SELECT v.id FROM template_versions v JOIN templates t ON t.id = v.template_id WHERE t.key = ${bind(template)}))`,
    );
  if (type !== undefined) and(`n.type_id = ${bind(type)}::uuid`);
  if (recipient !== undefined)
    and(
      `n.id = ANY(ARRAY(SELECT notification_id FROM deliveries WHERE recipient_id = ${bind(recipient)}::uuid AND notification_id IS NOT NULL))`,
    );
  if (createdBy !== undefined) and(`n.created_by = ${bind(createdBy)}`);
  if (test !== undefined) and(`n.test = ${bind(test === "true")}::boolean`);
  // Begins with the open deliveries: their number is bounded, unlike that of notifications.
  if (state !== undefined)
    and(
      `n.id = ANY(ARRAY(SELECT DISTINCT notification_id FROM deliveries WHERE queue = ANY(${bind(notificationQueues)}::text[]) AND due_at IS NOT NULL))`,
    );
  if (createdFrom) and(`n.id >= ${bind(firstUuidAt(createdFrom))}::uuid`);
  if (createdBefore) and(`n.id < ${bind(firstUuidAt(createdBefore))}::uuid`);
  if (after !== null) and(`n.id ${direction === "asc" ? ">" : "<"} ${bind(after)}::uuid`);
  const { rows } = await pool.query<NotificationRow>(
    `SELECT n.id, t.key, v.version, y.key AS type, n.priority, n.send_at AS "sendAt", n.test, n.created_by AS "createdBy", n.request_id AS "requestId", n.created_at AS "createdAt"
     FROM (SELECT * FROM notifications n WHERE ${conditions.sql()} ORDER BY n.id ${direction} LIMIT ${bind(take)}::int) n
     LEFT JOIN template_versions v ON v.id = n.template_version_id LEFT JOIN templates t ON t.id = v.template_id
     LEFT JOIN notification_types y ON y.id = n.type_id
     ORDER BY n.id ${direction}`,
    conditions.values,
  );
  return rows;
}

type StatusCount = { status: DeliveryStatus; count: number };

interface Counted {
  counts: StatusCount[];
}

/** Counts the deliveries of each notification by status. */
export async function addCounts<Row extends { id: string }>(
  pool: Pool,
  notifications: readonly Row[],
): Promise<(Row & Counted)[]> {
  if (notifications.length === 0) return [];
  const { rows } = await pool.query<StatusCount & { id: string }>(
    "SELECT notification_id AS id, status, count(*)::int AS count FROM deliveries WHERE notification_id = ANY($1::uuid[]) AND leg = 'primary' GROUP BY 1, 2",
    [notifications.map(({ id }) => id)],
  );
  return notifications.map((row) => ({ ...row, counts: rows.filter(({ id }) => id === row.id) }));
}

export function listedJson(row: NotificationRow & Counted): z.output<typeof listedNotification> {
  const { key, version, type, priority, test, createdBy, requestId } = row;
  return {
    id: publicId("notification", row.id),
    template: key === null || version === null ? null : { key, version },
    type,
    priority,
    sendAt: row.sendAt.toISOString(),
    test,
    createdBy,
    requestId,
    createdAt: row.createdAt.toISOString(),
    counts: sumCounts(row.counts),
  };
}
