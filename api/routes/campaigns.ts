import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  applyAction,
  type CampaignAction,
  campaignGate,
  campaignStatuses,
  guarantees,
  newCampaign,
  throttle,
} from "../../domain/campaign.ts";
import { instant } from "../../domain/instant.ts";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { priorities } from "../../domain/priority.ts";
import type { CampaignStatus, Gate, Prisma } from "../../prisma/generated/client.ts";
import { commit, commitOnce, idempotencyHeaders } from "../idempotency.ts";
import { changeOf } from "../audit.ts";
import { notFound, Problem } from "../problem.ts";
import {
  type ApiDeps,
  type ApiEnv,
  createRouter,
  defineRoute,
  jsonContent,
  responses,
} from "../router.ts";
import { createTemplateVersions, pinVersion } from "../template-versions.ts";

const audienceDoc = {
  type: "object" as const,
  description:
    "{ all: true }, or { where: filter }. A filter asks for an attribute ({ attribute, equals | in | exists | greaterThan | atLeast | lessThan | atMost }) " +
    "or a field ({ field: externalId | email | phone | timeZone | locale, equals | in | exists }), or joins filters: { all: [] }, { any: [] }, { not }.",
  example: {
    where: {
      all: [
        { attribute: "plan", equals: "pro" },
        { field: "locale", in: ["de", "de-AT"] },
      ],
    },
  },
};

const newCampaignBody = newCampaign.extend({
  audience: newCampaign.shape.audience.meta(audienceDoc),
});

const campaign = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(campaignStatuses),
    template: z.object({ key: z.string(), version: z.number().int() }),
    audience: z.unknown(),
    data: z.unknown(),
    priority: z.enum(priorities),
    guarantee: z.enum(guarantees),
    throttle: z.object({ perSecond: z.number(), burst: z.number().int() }).nullable(),
    startAt: z.iso.datetime().nullable(),
    /** When its audience was written into the ledger, and how many they are. */
    frozenAt: z.iso.datetime().nullable(),
    audienceCount: z.number().int().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Campaign");

export const campaignParams = z.object({
  id: z.string().openapi({ example: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd" }),
});

const create = defineRoute({
  method: "post",
  path: "/v1/campaigns",
  access: "sender",
  summary:
    "Create a campaign: a draft, or scheduled if it has a startAt. Pins the template's version.",
  request: { headers: idempotencyHeaders, body: jsonContent(newCampaignBody) },
  responses: responses(201, "Created", campaign),
});

const get = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}",
  access: "viewer",
  summary: "One campaign",
  request: { params: campaignParams },
  responses: responses(200, "The campaign", campaign),
});

const act = <Action extends CampaignAction>(action: Action, summary: string) =>
  defineRoute({
    method: "post",
    path: `/v1/campaigns/{id}/${action}`,
    access: "sender",
    summary,
    request: { params: campaignParams, headers: idempotencyHeaders },
    responses: responses(200, "The campaign afterwards", campaign),
  });

const actAt = <Action extends CampaignAction>(action: Action, summary: string) =>
  defineRoute({
    method: "post",
    path: `/v1/campaigns/{id}/${action}`,
    access: "sender",
    summary,
    request: {
      params: campaignParams,
      headers: idempotencyHeaders,
      body: jsonContent(z.strictObject({ startAt: instant })),
    },
    responses: responses(200, "The campaign afterwards", campaign),
  });

const setThrottle = defineRoute({
  method: "put",
  path: "/v1/campaigns/{id}/throttle",
  access: "sender",
  summary:
    "Set or, with null, lift the limit of messages per second. Obeyed within a second or so.",
  request: { params: campaignParams, body: jsonContent(throttle.nullable()) },
  responses: responses(200, "The campaign afterwards", campaign),
});

export function campaignRoutes(deps: ApiDeps) {
  const { prisma, clock, wakes, config } = deps;
  const versions = createTemplateVersions(prisma);

  const answer = async (
    client: Pick<Prisma.TransactionClient, "campaign" | "gate">,
    id: string,
  ) => {
    const row = await client.campaign.findUnique({ where: { id }, include: withTemplate });
    if (!row) throw notFound("campaign");
    return campaignJson(
      row,
      await client.gate.findUnique({ where: { key: campaignGate(publicId("campaign", id)) } }),
    );
  };

  const change = (
    c: Context<ApiEnv>,
    reference: string,
    request: { action: CampaignAction; startAt?: Date },
  ) =>
    commitOnce(c, deps, 200, async (tx) => {
      const id = campaignId(reference);
      const state = await lockCampaign(tx, id);
      const transition = applyAction(state, request, clock());
      if (transition.kind === "refused") {
        throw new Problem(
          "conflict",
          `${transition.why}. It is ${state.status}; ${request.action} needs ${transition.allowedFrom.join(" or ")}.`,
        );
      }
      const { status, startAt, finishedAt } = transition.state;
      const before = await answer(tx, id);
      await tx.campaign.update({
        where: { id },
        data: { status, startAt, finishedAt, updatedAt: clock(), version: { increment: 1 } },
      });
      const body = await answer(tx, id);
      return {
        body,
        changes: [changeOf(`campaign.${request.action}`, reference, before, body)],
        committed: () => wakes.campaign(reference),
      };
    });

  return createRouter()
    .openapi(create, async (c) => {
      const { name, template, audience, data, priority, guarantee, throttle, startAt } =
        c.req.valid("json");
      return commitOnce(c, deps, 201, async (tx) => {
        const version = await pinVersion(versions, { template, data });
        const now = clock();
        const id = newUuid(now);
        const reference = publicId("campaign", id);
        const row = await tx.campaign.create({
          data: {
            id,
            name,
            status: startAt ? "scheduled" : "draft",
            templateVersionId: version.id,
            audience: audience as Prisma.InputJsonObject,
            data: data as Prisma.InputJsonObject,
            priority,
            guarantee,
            laneCount: config.campaignLanes,
            startAt: startAt ?? null,
            createdBy: c.get("caller").id,
            createdAt: now,
            updatedAt: now,
          },
          include: withTemplate,
        });
        const gate =
          throttle &&
          (await tx.gate.create({
            data: {
              key: campaignGate(reference),
              ...gateColumns(throttle),
              permits: throttle.burst,
              refilledAt: now,
            },
          }));
        const body = campaignJson(row, gate);
        return {
          body,
          changes: [{ action: "campaign.create", resource: reference, after: body }],
          ...(startAt && { committed: () => wakes.campaign(reference) }),
        };
      });
    })
    .openapi(get, async (c) =>
      c.json(await answer(prisma, campaignId(c.req.valid("param").id)), 200),
    )
    .openapi(act("start", "Start it now"), (c) =>
      change(c, c.req.valid("param").id, { action: "start" }),
    )
    .openapi(act("pause", "Pause it. What is being handed over is still sent."), (c) =>
      change(c, c.req.valid("param").id, { action: "pause" }),
    )
    .openapi(act("resume", "Let it go on"), (c) =>
      change(c, c.req.valid("param").id, { action: "resume" }),
    )
    .openapi(act("cancel", "Cancel it for good. What is being handed over is still sent."), (c) =>
      change(c, c.req.valid("param").id, { action: "cancel" }),
    )
    .openapi(actAt("schedule", "Schedule a draft. An instant that is past means at once."), (c) =>
      change(c, c.req.valid("param").id, { action: "schedule", ...c.req.valid("json") }),
    )
    .openapi(actAt("reschedule", "Move the start of a campaign that has not begun"), (c) =>
      change(c, c.req.valid("param").id, { action: "reschedule", ...c.req.valid("json") }),
    )
    .openapi(setThrottle, async (c) => {
      const reference = c.req.valid("param").id;
      const wanted = c.req.valid("json");
      const id = campaignId(reference);
      const key = campaignGate(reference);
      const body = await commit(c, deps, async (tx) => {
        const { status } = await lockCampaign(tx, id);
        const before = await answer(tx, id);
        if (status === "completed" || status === "cancelled")
          throw new Problem(
            "conflict",
            `The campaign is ${status}: there is nothing left to limit.`,
          );
        if (wanted === null) await tx.gate.deleteMany({ where: { key } });
        else {
          // What was saved up under another limit is cut to the new burst.
          await tx.$executeRaw`
            INSERT INTO gates (key, permits_per_second, burst, permits, refilled_at) VALUES (${key}, ${wanted.perSecond}, ${wanted.burst}, ${wanted.burst}, ${clock()})
            ON CONFLICT (key) DO UPDATE SET permits_per_second = excluded.permits_per_second, burst = excluded.burst, permits = least(gates.permits, excluded.burst)`;
        }
        await tx.campaign.update({
          where: { id },
          data: { updatedAt: clock(), version: { increment: 1 } },
        });
        const after = await answer(tx, id);
        return {
          body: after,
          changes: [changeOf("campaign.set_throttle", reference, before, after)],
          committed: () => wakes.campaign(reference),
        };
      });
      return c.json(body, 200);
    });
}

const withTemplate = {
  templateVersion: { include: { template: { select: { key: true } } } },
} as const;

const gateColumns = ({ perSecond, burst }: { perSecond: number; burst: number }) => ({
  permitsPerSecond: perSecond,
  burst,
});

/** The UUID of a campaign named in a path. */
export function campaignId(reference: string): string {
  const id = parsePublicId("campaign", reference);
  if (!id) throw notFound("campaign");
  return id;
}

/** The state, held against other changes to the end of the transaction; rows of the ledger may still be added. */
async function lockCampaign(tx: Prisma.TransactionClient, id: string) {
  const [row] = await tx.$queryRaw<
    {
      status: CampaignStatus;
      startAt: Date | null;
      frozenAt: Date | null;
      finishedAt: Date | null;
    }[]
  >`
    SELECT status, start_at AS "startAt", frozen_at AS "frozenAt", finished_at AS "finishedAt" FROM campaigns WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  if (!row) throw notFound("campaign");
  return row;
}

function campaignJson(
  row: Prisma.CampaignGetPayload<{ include: typeof withTemplate }>,
  gate: Gate | null,
) {
  const { name, status, audience, data, priority, guarantee, audienceCount } = row;
  return {
    id: publicId("campaign", row.id),
    name,
    status,
    template: { key: row.templateVersion.template.key, version: row.templateVersion.version },
    audience: audience as unknown,
    data: data as unknown,
    priority,
    guarantee,
    throttle: gate && { perSecond: gate.permitsPerSecond, burst: gate.burst },
    startAt: row.startAt?.toISOString() ?? null,
    frozenAt: row.frozenAt?.toISOString() ?? null,
    audienceCount,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
