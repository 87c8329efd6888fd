import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { firstUuidAt, publicId } from "../../domain/ids.ts";
import { typeKey } from "../../domain/policy/notification-type.ts";
import { newNotification, notificationActions, templateKey } from "../../domain/notification.ts";
import { type DeliveryStatus } from "../../domain/delivery/status.ts";
import { priorities, type Priority } from "../../domain/priority.ts";
import { notificationQueues } from "../../domain/delivery/queues.ts";
import { type TemplateContent, templateContent } from "../../domain/templates/content.ts";
import { text } from "../../domain/text.ts";
import { acceptInRequest } from "./accept-request.ts";
import { withTemplate } from "../templates/store.ts";
import { createWhereBuilder } from "../http/where.ts";
import {
  sumCounts,
  deliveryAnswer,
  deliveryJson,
  statusCounts,
  templateVersionAnswer,
} from "../deliveries/store.ts";
import { findNamed, readDeliveries, recipientParameter } from "../deliveries/filters.ts";
import { idempotencyHeaders } from "../http/idempotency.ts";
import { maskFor } from "../http/masking.ts";
import { Problem } from "../http/problem.ts";
import { type Part, readPageByCreation } from "../http/page-reading.ts";
import { byCreation, createdBetween, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { throwNotFound, exampleIdOf, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { copiesAnswer, copiesJson } from "./copies.ts";
import { acceptedNotification } from "./schemas.ts";
import { readStageCounts, stageCounts } from "./stage-counts.ts";
import type { Services } from "../services.ts";

const exampleNotification = {
  recipients: ["customer-17", "customer-42"],
  template: { key: "order-shipped" },
  data: { order: "A-17" },
  priority: "high" as const,
};

const listed = z
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

/** How many deliveries are shown with their notification; GET /v1/deliveries lists all of them. */
const shownDeliveries = 1_000;

const notification = listed
  .extend({
    content: templateContent.nullable().openapi({
      description:
        "The content of a notification without a template, by channel; null if it has a template, or if its recipient was erased",
      example: null,
    }),
    data: z.record(z.string(), z.unknown()).openapi({ example: { order: "1042" } }),
    occursAt: z.iso.datetime().nullable(),
    expiresAt: z.iso.datetime().nullable(),
    entityId: z.string().nullable().openapi({ example: "task-17" }),
    dedupKey: z.string().nullable().openapi({ example: "task-17-due" }),
    collapseKey: z.string().nullable().openapi({ example: "task-17" }),
    batchable: z.boolean(),
    bypassRateLimit: z.boolean(),
    actions: notificationActions,
    attachments: z
      .array(z.object({ id: z.string().openapi({ example: exampleIdOf("attachment") }) }))
      .openapi({ description: "The attachments of its email", example: [] }),
    copies: copiesAnswer,
    stages: stageCounts,
    deliveries: z.array(deliveryAnswer).openapi({
      description: `The first ${shownDeliveries} deliveries; /v1/deliveries?notification=… lists all of them`,
    }),
  })
  .openapi("Notification");

const create = defineRoute({
  method: "post",
  path: "/v1/notifications",
  access: "sender",
  class: "accept",
  summary: "Send a notification. 202 means that it is committed and will not be lost.",
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(newNotification.meta({ example: exampleNotification })),
  },
  responses: responses(202, "The notification was accepted", acceptedNotification),
});

const list = defineRoute({
  method: "get",
  path: "/v1/notifications",
  access: "viewer",
  summary: "List notifications, newest first",
  request: {
    query: z.object({
      ...pageQuery(byCreation),
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
    }),
  },
  responses: responses(200, "A page of notifications", pageOf(listed)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/notifications/{id}",
  access: "viewer",
  summary: "Get a notification with its deliveries",
  request: {
    params: idParams("notification"),
  },
  responses: responses(200, "The notification", notification),
});

export function notificationRoutes(services: Services) {
  const { prisma, pool } = services;

  return createRouter()
    .openapi(create, async (c) => {
      const wanted = c.req.valid("json");
      const { role } = c.get("caller");
      if (wanted.bypassRateLimit && role !== "admin")
        throw new Problem(
          "forbidden",
          "bypassRateLimit needs an API key with the role admin. Omit it, or use another key.",
        );
      return acceptInRequest(c, services, wanted, { test: false });
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filters = await findNamed(pool, query);
      const notifications = await readPageByCreation(
        query,
        async (part) =>
          filters ? addCounts(pool, await readNotifications(pool, filters, part)) : [],
        listedJson,
      );
      return c.json(notifications, 200);
    })
    .openapi(get, async (c) => {
      const row = await prisma.notification.findUnique({
        where: { id: readPathId("notification", c.req.valid("param").id) },
        include: {
          ...withTemplate,
          type: { select: { key: true } },
          content: { select: { content: true } },
          attachments: { orderBy: { position: "asc" } },
          copies: { orderBy: { position: "asc" } },
        },
      });
      if (!row) throwNotFound("notification");
      const [counted] = await addCounts(pool, [row]);
      const deliveries = await readDeliveries(
        pool,
        { notification: row.id },
        { after: null, direction: "asc", take: shownDeliveries },
      );
      const version = row.templateVersion?.version ?? null;
      const key = row.templateVersion?.template.key ?? null;
      return c.json(
        {
          ...maskFor(c, {
            ...listedJson({ ...counted!, key, version, type: row.type?.key ?? null }),
            data: row.data as Record<string, unknown>,
            occursAt: row.occursAt?.toISOString() ?? null,
            expiresAt: row.expiresAt?.toISOString() ?? null,
            entityId: row.entityId,
            dedupKey: row.dedupKey,
            collapseKey: row.collapseKey,
            batchable: row.batchable,
            bypassRateLimit: row.bypassRateLimit,
            actions: row.actions as z.output<typeof notificationActions>,
            attachments: row.attachments.map(({ attachmentId }) => ({
              id: publicId("attachment", attachmentId),
            })),
            copies: copiesJson(
              row.copies,
              deliveries.some(({ dueAt }) => dueAt !== null),
            ),
            stages: await readStageCounts(pool, row.id),
            deliveries: deliveries.map(deliveryJson),
          }),
          // What its author wrote, as the texts of templates, stays as it is.
          content: (row.content?.content ?? null) as TemplateContent | null,
        },
        200,
      );
    });
}

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

interface NotificationFilters {
  priority?: Priority[] | undefined;
  template?: string | undefined;
  type?: string | undefined;
  /** The UUID of the recipient. */
  recipient?: string | undefined;
  createdBy?: string | undefined;
  test?: "true" | "false" | undefined;
  state?: "pending" | undefined;
  createdFrom?: Date | undefined;
  createdBefore?: Date | undefined;
}

/** Reads a part of the list of notifications. The statement is not a prepared one, so that PostgreSQL plans it for these values. */
async function readNotifications(
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
async function addCounts<Row extends { id: string }>(
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

function listedJson(row: NotificationRow & Counted): z.output<typeof listed> {
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
