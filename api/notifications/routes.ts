import { z } from "@hono/zod-openapi";
import { executeOn } from "../../ledger/sql.ts";
import { publicId } from "../../domain/ids.ts";
import { newNotification, notificationActions } from "../../domain/notification.ts";
import { type TemplateContent, templateContent } from "../../domain/templates/content.ts";
import { acceptInRequest } from "./accept-request.ts";
import { withTemplate } from "../templates/store.ts";
import { withoutConfirmLink } from "../deliveries/sent-message.ts";
import { deliveriesJson, deliveryAnswer } from "../deliveries/store.ts";
import { readDeliveries } from "../deliveries/filters.ts";
import { idempotencyHeaders } from "../http/idempotency.ts";
import { maskFor } from "../http/masking.ts";
import { Problem } from "../http/problem.ts";
import { throwNotFound, exampleIdOf, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { copiesAnswer, copiesJson } from "./copies.ts";
import { acceptedNotification } from "./schemas.ts";
import { readStageCounts, stageCounts } from "./stage-counts.ts";
import { addCounts, listedJson, listedNotification } from "./store.ts";
import { systemCaller } from "./system-caller.ts";
import type { Services } from "../services.ts";

const exampleNotification = {
  recipients: ["customer-17", "customer-42"],
  template: { key: "order-shipped" },
  data: { order: "A-17" },
  priority: "high" as const,
};

/** How many deliveries are shown with their notification; GET /v1/deliveries lists all of them. */
const shownDeliveries = 1_000;

const notification = listedNotification
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
            data: shownDataOf(row),
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
            deliveries: await deliveriesJson(executeOn(pool), deliveries),
          }),
          // What its author wrote, as the texts of templates, stays as it is.
          content: (row.content?.content ?? null) as TemplateContent | null,
        },
        200,
      );
    });
}

/** The data of a notification. What Tidings sends by itself may contain a link that acts for the recipient. */
function shownDataOf({ data, createdBy }: { data: unknown; createdBy: string }) {
  const given = data as Record<string, unknown>;
  return createdBy === systemCaller.id ? withoutConfirmLink(given) : given;
}
