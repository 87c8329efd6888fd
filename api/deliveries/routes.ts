import { z } from "@hono/zod-openapi";
import { attemptFailures, type AttemptFailure } from "../../domain/delivery/attempt.ts";
import { channels } from "../../domain/channel.ts";
import type { Routes } from "../../ledger/routes.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { PrismaClient } from "../../prisma/generated/client.ts";
import { withTemplate } from "../templates/store.ts";
import { outagesAnswer, readOutages } from "./outages.ts";
import {
  deliveriesJson,
  deliveryAnswer,
  deliveryJson,
  routeAnswer,
  templateVersionAnswer,
} from "./store.ts";
import { deliveryFilterQuery, findNamed, readDeliveries } from "./filters.ts";
import { maskFor } from "../http/masking.ts";
import { readPageByCreation } from "../http/page-reading.ts";
import { byCreation, pageOf, pageQuery } from "../http/pages.ts";
import { throwNotFound, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const attempt = z
  .object({
    number: z.number().int(),
    channel: z.enum(channels).openapi({ example: "email" }),
    provider: z.string().nullable().openapi({
      description: "The provider; null if the worker died before it recorded one",
      example: "smtp",
    }),
    outcome: z.enum(["sent", "transient", "permanent", "unknown"]),
    failure: z
      .enum(attemptFailures)
      .nullable()
      .openapi({ description: "The kind of failure; null if the message was sent" }),
    response: z.string().nullable().openapi({
      description: "The provider’s answer, or the error",
      example: "550 5.1.1 no such user",
    }),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime(),
  })
  .openapi("Attempt");

const list = defineRoute({
  method: "get",
  path: "/v1/deliveries",
  access: "viewer",
  summary: "List deliveries, newest first",
  request: { query: z.object({ ...pageQuery(byCreation), ...deliveryFilterQuery }) },
  responses: responses(200, "A page of deliveries", pageOf(deliveryAnswer)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/deliveries/{id}",
  access: "viewer",
  summary: "Get a delivery with its attempts",
  request: { params: idParams("delivery") },
  responses: responses(
    200,
    "The delivery",
    deliveryAnswer
      .extend({
        templateVersion: templateVersionAnswer.nullable().openapi({
          description:
            "The template version that is or was sent; null for a campaign’s delivery until it is claimed",
        }),
        route: routeAnswer.nullable().openapi({
          description:
            "The route of the message; null if it has the default route, which is a single stage",
        }),
        outages: outagesAnswer,
        attempts: z.array(attempt),
      })
      .openapi("DeliveryWithAttempts"),
  ),
});

export function deliveryRoutes({ prisma, pool, routes }: Services) {
  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filters = await findNamed(pool, query);
      const page = await readPageByCreation(
        query,
        async (part) => (filters ? readDeliveries(pool, filters, part) : []),
        (row) => row,
      );
      const items = await deliveriesJson(executeOn(pool), page.items);
      return c.json(maskFor(c, { ...page, items }), 200);
    })
    .openapi(get, async (c) => {
      const row = await findDelivery(prisma, readPathId("delivery", c.req.valid("param").id));
      if (!row) throwNotFound("delivery");
      const { type } = row.notification ?? row.campaign!;
      const attempts = row.attempts.map(
        ({ number, channel, provider, outcome, failure, response, startedAt, finishedAt }) => ({
          number,
          channel,
          provider,
          outcome,
          failure: failure as AttemptFailure | null,
          response,
          startedAt: startedAt.toISOString(),
          finishedAt: finishedAt.toISOString(),
        }),
      );
      return c.json(
        maskFor(c, {
          ...(await deliveryJson(executeOn(pool), { ...row, type: type?.key ?? null })),
          templateVersion: await readTemplateVersion(prisma, row),
          route: await readRoute(routes, row.routeId),
          outages: await readOutages(pool, row.id),
          attempts,
        }),
        200,
      );
    });
}

async function readRoute(routes: Routes, id: number | null) {
  const stored = id === null ? undefined : (await routes.readRoutes([id])).get(id);
  return stored ? { origin: stored.origin, stages: stored.document.stages } : null;
}

function findDelivery(prisma: PrismaClient, id: string) {
  return prisma.delivery.findUnique({
    where: { id },
    include: {
      attempts: { orderBy: { number: "asc" } },
      ...withTemplate,
      notification: { select: { type: { select: { key: true } }, ...withTemplate } },
      campaign: { select: { type: { select: { key: true } }, revision: true, ...withTemplate } },
    },
  });
}

/**
 * Reads the template version of a delivery: the one that a retry named, otherwise that of its notification, or that of the campaign
 * revision that was claimed last.
 */
async function readTemplateVersion(
  prisma: PrismaClient,
  row: NonNullable<Awaited<ReturnType<typeof findDelivery>>>,
): Promise<z.output<typeof templateVersionAnswer> | null> {
  const toAnswer = (of: { version: number; template: { key: string } } | null | undefined) =>
    of ? { key: of.template.key, version: of.version } : null;
  if (row.templateVersion) return toAnswer(row.templateVersion);
  if (row.notification) return toAnswer(row.notification.templateVersion);
  // Old rows were handed over before claims recorded the revision. They sent the first one.
  const revision = row.revision ?? (row.attemptCount > 0 ? 1 : null);
  if (!row.campaign || revision === null) return null;
  if (revision === row.campaign.revision) return toAnswer(row.campaign.templateVersion);
  const replaced = await prisma.campaignRevision.findUnique({
    where: { campaignId_revision: { campaignId: row.campaignId!, revision } },
    select: withTemplate,
  });
  return toAnswer(replaced?.templateVersion);
}
