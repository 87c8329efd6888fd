import { z } from "@hono/zod-openapi";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { newNotification } from "../../domain/notification.ts";
import { priorities } from "../../domain/priority.ts";
import { acceptNotification } from "../accept-notification.ts";
import { countsOf, deliveryAnswer, deliveryJson, statusCounts } from "../deliveries.ts";
import { answerWith, idempotencyHeaders, keyedRequest } from "../idempotency.ts";
import { notFound } from "../problem.ts";
import { type ApiDeps, createRouter, defineRoute, jsonContent, responses } from "../router.ts";
import { createTemplateVersions } from "../template-versions.ts";

export const acceptedNotification = z
  .object({ id: z.string(), deliveries: z.number().int() })
  .openapi("AcceptedNotification");

const notification = z
  .object({
    id: z.string(),
    template: z.object({ key: z.string(), version: z.number().int() }),
    priority: z.enum(priorities),
    data: z.unknown(),
    sendAt: z.iso.datetime(),
    createdAt: z.iso.datetime(),
    counts: statusCounts,
    deliveries: z.array(deliveryAnswer),
  })
  .openapi("Notification");

const create = defineRoute({
  method: "post",
  path: "/v1/notifications",
  access: "sender",
  summary: "Tell recipients something. Once this is answered, nothing of it is lost.",
  request: { headers: idempotencyHeaders, body: jsonContent(newNotification) },
  responses: responses(202, "Accepted", acceptedNotification),
});

const get = defineRoute({
  method: "get",
  path: "/v1/notifications/{id}",
  access: "viewer",
  summary: "One notification with its deliveries",
  request: {
    params: z.object({ id: z.string().openapi({ example: "ntf_01jd3v8qyee7fr8xmcsnh5hbcd" }) }),
  },
  responses: responses(200, "The notification", notification),
});

export function notificationRoutes({ prisma, pool, wakes, clock, config }: ApiDeps) {
  const versions = createTemplateVersions(prisma);

  return createRouter()
    .openapi(create, async (c) => {
      const requestId = c.get("requestId");
      const { queues, ...answer } = await acceptNotification(
        { pool, versions, mailboxShards: config.mailboxShards, now: clock() },
        c.req.valid("json"),
        { caller: c.get("caller").id, requestId },
        keyedRequest(c),
      );
      for (const queue of queues) wakes.queue(queue, { requestId });
      return answerWith<z.infer<typeof acceptedNotification>, 202>(c, answer);
    })
    .openapi(get, async (c) => {
      const id = parsePublicId("notification", c.req.valid("param").id);
      const row =
        id &&
        (await prisma.notification.findUnique({
          where: { id },
          include: {
            templateVersion: { include: { template: true } },
            deliveries: { orderBy: [{ recipientId: "asc" }, { leg: "asc" }] },
          },
        }));
      if (!row) throw notFound("notification");
      const deliveries = row.deliveries.map(deliveryJson);
      return c.json(
        {
          id: publicId("notification", row.id),
          template: { key: row.templateVersion.template.key, version: row.templateVersion.version },
          priority: row.priority,
          data: row.data as unknown,
          sendAt: row.sendAt.toISOString(),
          createdAt: row.createdAt.toISOString(),
          counts: countsOf(deliveries.map(({ status }) => ({ status, count: 1 }))),
          deliveries,
        },
        200,
      );
    });
}
