import { z } from "@hono/zod-openapi";
import { campaignStatuses, campaignGate, newCampaign } from "../../domain/campaign.ts";
import { publicId } from "../../domain/ids.ts";
import { templateKey } from "../../domain/notification.ts";
import { text } from "../../domain/storable.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { describedAudience, segmentsOf } from "../audience.ts";
import {
  campaignAnswer,
  campaignId,
  campaignJson,
  campaignParams,
  type CampaignRow,
  insertCampaign,
  readCampaign,
  withTemplate,
} from "../campaigns.ts";
import { setEtag } from "../etag.ts";
import { commitOnce, idempotencyHeaders } from "../idempotency.ts";
import {
  byCreation,
  createdBetween,
  createdWithin,
  oneOrMore,
  pageOf,
  pageQuery,
  paging,
} from "../pages.ts";
import { type ApiDeps, createRouter, defineRoute, jsonContent, responses } from "../router.ts";
import { createTemplateVersions, pinVersion } from "../template-versions.ts";

const newCampaignBody = newCampaign.extend({
  audience: describedAudience,
});

const create = defineRoute({
  method: "post",
  path: "/v1/campaigns",
  access: "sender",
  summary:
    "Create a campaign: a draft, or scheduled if it has a startAt. Pins the template's version.",
  request: { headers: idempotencyHeaders, body: jsonContent(newCampaignBody) },
  responses: responses(201, "Created", campaignAnswer),
});

const sortable = { ...byCreation, updatedAt: "instant", name: "text" } as const;

const list = defineRoute({
  method: "get",
  path: "/v1/campaigns",
  access: "viewer",
  summary: "Campaigns, the newest first",
  request: {
    query: z.object({
      ...pageQuery(sortable),
      status: oneOrMore(campaignStatuses).optional(),
      q: text(200).optional().openapi({ description: "Part of the name, in any case" }),
      template: templateKey.optional().openapi({ description: "The key of its template" }),
      ...createdBetween,
    }),
  },
  responses: responses(200, "A page", pageOf(campaignAnswer)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}",
  access: "viewer",
  summary: "One campaign",
  request: { params: campaignParams },
  responses: responses(200, "The campaign", campaignAnswer),
});

export function campaignRoutes(deps: ApiDeps) {
  const { prisma, clock, wakes, config } = deps;
  const versions = createTemplateVersions(prisma);

  return createRouter()
    .openapi(create, (c) => {
      const { template, startAt, ...wanted } = c.req.valid("json");
      return commitOnce(c, deps, 201, async (tx) => {
        const version = await pinVersion(versions, { template, data: wanted.data });
        await segmentsOf(tx, wanted.audience);
        const { row, json } = await insertCampaign(
          tx,
          {
            ...wanted,
            audience: wanted.audience as Prisma.InputJsonObject,
            data: wanted.data as Prisma.InputJsonObject,
            templateVersionId: version.id,
            laneCount: config.campaignLanes,
            startAt: startAt ?? null,
            createdBy: c.get("caller").id,
          },
          clock(),
        );
        return {
          body: json,
          changes: [{ action: "campaign.create", resource: json.id, after: json }],
          committed: () => {
            setEtag(c, row.version);
            if (startAt) wakes.campaign(json.id);
          },
        };
      });
    })
    .openapi(list, async (c) => {
      const { status, q, template, createdFrom, createdBefore, ...page } = c.req.valid("query");
      const { where, answer, ...find } = paging<CampaignRow>(page, sortable);
      const rows = await prisma.campaign.findMany({
        ...find,
        where: {
          AND: [
            where,
            createdWithin({ createdFrom, createdBefore }),
            status ? { status: { in: status } } : {},
            q ? { name: { contains: literal(q), mode: "insensitive" } } : {},
            template ? { templateVersion: { template: { key: template } } } : {},
          ],
        },
        include: withTemplate,
      });
      const gateOf = ({ id }: CampaignRow) => campaignGate(publicId("campaign", id));
      const gates = await prisma.gate.findMany({ where: { key: { in: rows.map(gateOf) } } });
      const byKey = new Map(gates.map((gate) => [gate.key, gate]));
      return c.json(
        answer(rows, (row) => campaignJson(row, byKey.get(gateOf(row)) ?? null)),
        200,
      );
    })
    .openapi(get, async (c) => {
      const { row, json } = await readCampaign(prisma, campaignId(c.req.valid("param").id));
      setEtag(c, row.version);
      return c.json(json, 200);
    });
}

/** Prisma takes what it looks for within a text as a pattern of LIKE. */
const literal = (part: string) => part.replaceAll(/[\\%_]/g, "\\$&");
