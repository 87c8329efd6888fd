import { z } from "@hono/zod-openapi";
import { campaignStatuses } from "../../domain/campaign.ts";
import { readCampaignAccount, readCampaignProgress } from "../../ledger/campaign-counts.ts";
import { executeIn, executeOn } from "../../ledger/sql.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import {
  deliveriesJson,
  deliveryAnswer,
  exampleCounts,
  statusCounts,
} from "../deliveries/store.ts";
import { reachedLevels } from "../../domain/policy/route.ts";
import { stageCounts } from "../notifications/stage-counts.ts";
import { readDeliveries } from "../deliveries/filters.ts";
import { maskFor } from "../http/masking.ts";
import { readPageByCreation } from "../http/page-reading.ts";
import { byCreation, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { throwNotFound, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import type { Services } from "../services.ts";

const stages = z
  .array(
    stageCounts.element.extend({
      after: z
        .object({
          minutes: z.number().int().openapi({ example: 10 }),
          unless: z.enum(reachedLevels).openapi({ example: "read" }),
        })
        .nullable()
        .openapi({
          description: "When the stage begins, as in its route; null if it begins at once",
        }),
    }),
  )
  .openapi({
    description:
      "The deliveries of each later stage of the recipients’ routes that has any. Recipients may have different routes: stages with one number are apart if they begin at different times",
  });

const progress = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}/progress",
  access: "viewer",
  summary: "Get the progress of a campaign from the ledger",
  request: { params: idParams("campaign") },
  responses: responses(
    200,
    "The progress",
    z.object({
      status: z.enum(campaignStatuses).openapi({ example: "running" }),
      audience: z.number().int().nullable().openapi({
        description: "The size of the audience; null until it is frozen",
        example: 1000,
      }),
      counts: statusCounts.openapi({ description: "The deliveries of the first stage" }),
      stages,
      messagesPerSecond: z.number().openapi({
        description:
          "First-stage messages, on average over the last ten seconds while the campaign runs, and over the whole run once it has finished",
        example: 48.2,
      }),
      startedAt: z.iso.datetime().nullable().openapi({ example: "2027-03-01T09:00:00.120Z" }),
      finishedAt: z.iso.datetime().nullable(),
    }),
  ),
});

const reconciliation = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}/reconciliation",
  access: "viewer",
  class: "heavy",
  summary: "Reconcile a campaign: prove in one snapshot that its whole audience is accounted for",
  request: { params: idParams("campaign") },
  responses: responses(
    200,
    "The reconciliation",
    statusCounts
      .extend({
        audience: z
          .number()
          .int()
          .nullable()
          .openapi({ description: "The size of the audience; null until it is frozen" }),
        duplicates: z
          .number()
          .int()
          .openapi({ description: "Deliveries in excess of one for each recipient and stage" }),
        stages,
        reconciled: z.boolean().openapi({
          description:
            "True if the audience equals the sum of all statuses of the first stage, each further stage that begins at once has a delivery for each recipient whose route has it, and there are no duplicates",
        }),
      })
      .openapi({
        example: { ...exampleCounts, audience: 1000, duplicates: 0, stages: [], reconciled: true },
      }),
  ),
});

const list = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}/deliveries",
  access: "viewer",
  summary: "List the deliveries of a campaign, newest first",
  request: {
    params: idParams("campaign"),
    query: z.object({
      ...pageQuery(byCreation),
      status: oneOrMore(deliveryStatuses).optional(),
    }),
  },
  responses: responses(200, "A page of deliveries", pageOf(deliveryAnswer)),
});

/** How many accounts run at once. Each reads every delivery of a campaign, and connections must remain for everything else. */
const accountsAtOnce = 2;

export function campaignReportRoutes({ prisma, pool, clock }: Services) {
  const limitAccounts = createLimiter(accountsAtOnce);

  return createRouter()
    .openapi(progress, async (c) => {
      const {
        status,
        audience,
        startedAt,
        finishedAt,
        recent,
        counts,
        stages: later,
      } = (await readCampaignProgress(
        executeIn(prisma),
        readPathId("campaign", c.req.valid("param").id),
        clock(),
      )) ?? throwNotFound("campaign");
      const { sent, delivered } = counts;
      const seconds =
        startedAt && finishedAt && (finishedAt.getTime() - startedAt.getTime()) / 1_000;
      return c.json(
        {
          status,
          audience,
          counts,
          stages: later,
          messagesPerSecond:
            Math.round(seconds ? (10 * (sent + delivered)) / seconds : recent) / 10,
          startedAt: startedAt?.toISOString() ?? null,
          finishedAt: finishedAt?.toISOString() ?? null,
        },
        200,
      );
    })
    .openapi(reconciliation, async (c) => {
      const {
        audience,
        duplicates,
        counts,
        stages: later,
        hasAllStages,
      } = (await limitAccounts(() =>
        readCampaignAccount(executeIn(prisma), readPathId("campaign", c.req.valid("param").id), {
          now: clock(),
          duplicates: true,
        }),
      )) ?? throwNotFound("campaign");
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
      return c.json(
        {
          audience,
          ...counts,
          duplicates,
          stages: later,
          reconciled: audience !== null && total === audience && duplicates === 0 && hasAllStages,
        },
        200,
      );
    })
    .openapi(list, async (c) => {
      const id = readPathId("campaign", c.req.valid("param").id);
      const query = c.req.valid("query");
      if (!(await prisma.campaign.findUnique({ where: { id }, select: { id: true } })))
        throwNotFound("campaign");
      const deliveries = await readPageByCreation(
        query,
        (part) => readDeliveries(pool, { campaign: id, status: query.status }, part),
        (row) => row,
      );
      const items = await deliveriesJson(executeOn(pool), deliveries.items);
      return c.json(maskFor(c, { ...deliveries, items }), 200);
    });
}
