import { z } from "@hono/zod-openapi";
import { publicId, parsePublicId, publicIdPattern } from "../../domain/ids.ts";
import { attemptOutcomes, keptAttemptDays, keptAttempts } from "../../domain/webhook-endpoint.ts";
import type { WebhookAttempt } from "../../prisma/generated/client.ts";
import { maskFor } from "../http/masking.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { byCreation, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { exampleIdOf, idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const outcome = z.enum(attemptOutcomes).openapi({
  description:
    "`taken`: it answered 2xx. `refused`: it answered another status, so that these events wait. `unavailable`: it answered 5xx, 408, 425 or 429, or not at all, so that all its events wait. `gone`: it answered 410, and is switched off",
  example: "taken",
});

const attempt = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("webhookAttempt") }),
    messageId: z.string().openapi({
      description: "The header `webhook-id` of the request",
      example: "batch_kVq0mPZ9b1Xk2yqv1x7uEoM0bq1H3m5c0n4w8sT6dLA",
    }),
    events: z.array(z.string()).openapi({ example: [exampleIdOf("event")] }),
    outcome,
    status: z.number().int().nullable().openapi({
      description: "The status of the answer; null if there was none",
      example: 204,
    }),
    detail: z.string().openapi({ example: "answered 204" }),
    answer: z.string().nullable().openapi({
      description: "The beginning of the answer; null if there was none",
      example: "",
    }),
    durationMs: z.number().int().openapi({ example: 35 }),
    at: z.iso.datetime().openapi({ description: "When the request was over" }),
  })
  .openapi("WebhookAttempt");

const list = defineRoute({
  method: "get",
  path: "/v1/webhook-endpoints/{id}/attempts",
  access: "admin",
  summary: "List the requests to a webhook endpoint, newest first",
  description: `The newest ${keptAttempts} are kept, for ${keptAttemptDays} days.`,
  request: {
    params: idParams("webhookEndpoint"),
    query: z.object({
      ...pageQuery(byCreation),
      outcome: oneOrMore(attemptOutcomes).optional(),
      event: z
        .string()
        .regex(publicIdPattern("event"), "must be the id of an event")
        .optional()
        .openapi({ description: "Only requests with this event", example: exampleIdOf("event") }),
    }),
  },
  responses: responses(200, "A page of requests", pageOf(attempt)),
});

/** The route that lists the requests to a webhook endpoint. */
export function webhookAttemptRoutes({ prisma }: Services) {
  return createRouter().openapi(list, async (c) => {
    const endpointId = readPathId("webhookEndpoint", c.req.valid("param").id);
    const query = c.req.valid("query");
    const endpoint = await prisma.webhookEndpoint.findUnique({
      where: { id: endpointId },
      select: { id: true },
    });
    if (!endpoint) throwNotFound("webhookEndpoint");
    const page = await readPage(
      query,
      byCreation,
      (selection) =>
        prisma.webhookAttempt.findMany(
          filterBy(
            selection,
            { endpointId },
            query.outcome ? { outcome: { in: query.outcome } } : {},
            query.event === undefined
              ? {}
              : { eventIds: { has: parsePublicId("event", query.event)! } },
          ),
        ),
      attemptJson,
    );
    return c.json(maskFor(c, page), 200);
  });
}

function attemptJson(row: WebhookAttempt): z.output<typeof attempt> {
  const { messageId, status, detail, answer, durationMs } = row;
  return {
    id: publicId("webhookAttempt", row.id),
    messageId,
    events: row.eventIds.map((id) => publicId("event", id)),
    outcome: outcome.parse(row.outcome),
    status,
    detail,
    answer,
    durationMs,
    at: row.createdAt.toISOString(),
  };
}
