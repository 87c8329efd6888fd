import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { campaignEdit, campaignStatuses } from "../../domain/campaign.ts";
import { campaignGate } from "../../domain/delivery/gates.ts";
import { audience } from "../../domain/audience.ts";
import { publicId } from "../../domain/ids.ts";
import { typeKey } from "../../domain/policy/notification-type.ts";
import { templateKey } from "../../domain/notification.ts";
import { cutText, text } from "../../domain/text.ts";
import { type OutcomeCounts, readOutcomeCounts } from "../../ledger/campaign-counts.ts";
import { executeIn } from "../../ledger/sql.ts";
import { idOf } from "../deliveries/filters.ts";
import { exampleOutcomes, outcomeCounts } from "../deliveries/store.ts";
import type { Gate, Prisma } from "../../prisma/generated/client.ts";
import { describedAudience } from "../segments/audience.ts";
import {
  campaignExample,
  campaignInclude,
  campaignAnswer,
  campaignJson,
  type CampaignRow,
  readCampaign,
} from "./store.ts";
import type { ApiEnv } from "../http/context.ts";
import { setEtag } from "../http/etag.ts";
import { withIdempotentTransaction, idempotencyHeaders } from "../http/idempotency.ts";
import { createCampaign, newCampaignBody } from "./create.ts";
import { maskFor } from "../http/masking.ts";
import { matchText, filterByCreation, filterBy, readLongPage } from "../http/page-reading.ts";
import { byCreation, createdBetween, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const create = defineRoute({
  method: "post",
  path: "/v1/campaigns",
  access: "sender",
  summary:
    "Create a campaign: a draft, or scheduled if it has a `startAt`. The template version is fixed now.",
  request: { headers: idempotencyHeaders, body: jsonContent(newCampaignBody) },
  responses: responses(201, "The new campaign", campaignAnswer),
});

const sortable = { ...byCreation, updatedAt: "instant", name: "text" } as const;

const countedCampaignAnswer = campaignAnswer
  .extend({
    counts: outcomeCounts.nullable().openapi({
      description:
        "The deliveries of the first stage; null until the audience is frozen, and if it is empty",
    }),
  })
  .openapi("CountedCampaign", { example: { ...campaignExample, counts: exampleOutcomes } });

const list = defineRoute({
  method: "get",
  path: "/v1/campaigns",
  access: "viewer",
  summary: "List campaigns, newest first",
  request: {
    query: z.object({
      ...pageQuery(sortable),
      status: oneOrMore(campaignStatuses).optional(),
      q: text(200).optional().openapi({
        description: "Part of the name, without regard to case",
        example: "spring",
      }),
      template: templateKey
        .optional()
        .openapi({ description: "The key of the campaign’s template" }),
      type: typeKey
        .optional()
        .openapi({ description: "The key of the campaign’s notification type" }),
      corrects: idOf("campaign").openapi({
        description: "The id of a campaign: only its corrections are listed",
      }),
      ...createdBetween,
    }),
  },
  responses: responses(200, "A page of campaigns", pageOf(countedCampaignAnswer)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}",
  access: "viewer",
  summary: "Get a campaign",
  request: { params: idParams("campaign") },
  responses: responses(200, "The campaign", countedCampaignAnswer),
});

const duplicate = defineRoute({
  method: "post",
  path: "/v1/campaigns/{id}/duplicate",
  access: "sender",
  summary:
    "Duplicate a campaign as a draft with the same template version, audience, data, attachments, type, priority, route, guarantee and throttle",
  request: {
    params: idParams("campaign"),
    headers: idempotencyHeaders,
    body: {
      ...jsonContent(
        campaignEdit
          .omit({ startAt: true, redirects: true })
          .extend({ audience: describedAudience.optional() })
          .openapi({
            description: "Fields that differ from the original",
            example: { name: "Spring sale, the second wave" },
          }),
      ),
      required: false,
    },
  },
  responses: responses(201, "The new campaign", campaignAnswer),
});

export function campaignRoutes(services: Services) {
  const { prisma } = services;

  return createRouter()
    .openapi(create, (c) =>
      withIdempotentTransaction(c, services, 201, (tx) =>
        createCampaign(c, services, tx, "campaign.create", c.req.valid("json")),
      ),
    )
    .openapi(duplicate, (c) =>
      withIdempotentTransaction(c, services, 201, async (tx) => {
        const { row, json } = await readCampaign(
          tx,
          readPathId("campaign", c.req.valid("param").id),
        );
        const changes = c.req.valid("json");
        return createCampaign(c, services, tx, "campaign.duplicate", {
          name: changes.name ?? cutText(`${json.name} (copy)`, 200),
          template: changes.template ?? json.template,
          audience: changes.audience ?? audience.parse(row.audience),
          data: changes.data ?? json.data,
          type: changes.type === undefined ? json.type : changes.type,
          topic: changes.topic === undefined ? json.topic : changes.topic,
          priority: changes.priority ?? json.priority,
          route: changes.route === undefined ? json.route : changes.route,
          guarantee: changes.guarantee ?? json.guarantee,
          throttle: changes.throttle === undefined ? json.throttle : changes.throttle,
          email: changes.email ?? json.email,
          attachments: changes.attachments ?? json.attachments,
          tracking: changes.tracking === undefined ? json.tracking : changes.tracking,
          utm: changes.utm === undefined ? json.utm : changes.utm,
        });
      }),
    )
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const { status, q, template, type, corrects } = query;
      const filters: Prisma.CampaignWhereInput[] = [
        filterByCreation(query),
        status ? { status: { in: status } } : {},
        q ? { name: matchText(q) } : {},
        template ? { templateVersion: { template: { key: template } } } : {},
        type ? { type: { key: type } } : {},
        corrects ? { correctsId: corrects } : {},
      ];
      const gateOf = ({ id }: CampaignRow) => campaignGate(publicId("campaign", id));
      const gates = new Map<string, Gate>();
      const counts = new Map<string, OutcomeCounts>();
      const campaigns = await readLongPage(
        query,
        sortable,
        async (page) => {
          const rows = await prisma.campaign.findMany({
            ...filterBy(page, ...filters),
            include: campaignInclude,
          });
          const keys = rows.map(gateOf);
          for (const gate of await prisma.gate.findMany({ where: { key: { in: keys } } }))
            gates.set(gate.key, gate);
          for (const [id, of] of await readOutcomeCounts(
            executeIn(prisma),
            rows.map(({ id }) => id),
          ))
            counts.set(id, of);
          return rows;
        },
        (row: CampaignRow) => ({
          ...maskPauseDetail(c, campaignJson(row, gates.get(gateOf(row)) ?? null)),
          counts: counts.get(row.id) ?? null,
        }),
      );
      return c.json(campaigns, 200);
    })
    .openapi(get, async (c) => {
      const { row, json } = await readCampaign(
        prisma,
        readPathId("campaign", c.req.valid("param").id),
      );
      const counts = await readOutcomeCounts(executeIn(prisma), [row.id]);
      setEtag(c, row.version);
      return c.json({ ...maskPauseDetail(c, json), counts: counts.get(row.id) ?? null }, 200);
    });
}

/** The answer of a provider, which may name a recipient. The other fields are the campaign's own, and are written back when it is edited. */
const maskPauseDetail = <Answer extends { pauseDetail: string | null }>(
  c: Context<ApiEnv>,
  answer: Answer,
): Answer => ({ ...answer, pauseDetail: maskFor(c, answer.pauseDetail) });
