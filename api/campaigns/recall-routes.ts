import { readCampaignCounts } from "../../ledger/campaign-counts.ts";
import { executeIn } from "../../ledger/sql.ts";
import { z } from "@hono/zod-openapi";
import { mayHaveBeenReceived } from "../../ledger/audience-sql.ts";
import { applyAction, newCampaign } from "../../domain/campaign.ts";
import { priorities } from "../../domain/priority.ts";
import { text } from "../../domain/text.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { publicId } from "../../domain/ids.ts";
import { changeOf } from "../http/audit.ts";
import {
  campaignAnswer,
  lockCampaign,
  type ReadCampaign,
  readCampaign,
  updateCampaign,
} from "./store.ts";
import { withIdempotentTransaction, idempotencyHeaders } from "../http/idempotency.ts";
import { createCampaign } from "./create.ts";
import { invalid, Problem } from "../http/problem.ts";
import { readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { waitForWorkers } from "./stop-barrier.ts";

const countOf = (description: string) => z.number().int().openapi({ description });

const account = z
  .object({
    campaign: campaignAnswer,
    received: countOf(
      "Recipients who received the campaign. A correction goes to them, except those who are erased. GET …/deliveries?status=sent,delivered lists their deliveries.",
    ),
    mayHaveReceived: countOf(
      "Recipients who may have received the campaign: a hand-over got no answer, whatever the result of later attempts. A correction with `includeUnknown` goes to all of them. GET …/deliveries?status=unknown lists those whose deliveries ended as `unknown`.",
    ),
    beingHandedOver: countOf(
      "Recipients whose message is being handed over. Each will be counted in another number soon",
    ),
    neverWill: countOf(
      "Recipients who will not receive the campaign: the delivery failed, was suppressed, was cancelled, or is about to be cancelled",
    ),
    noRecord: countOf(
      "Recipients who received the campaign, or may have received it, whose deliveries retention has removed. A correction cannot reach them.",
    ),
    final: z.boolean().openapi({
      description:
        "True once no delivery of the campaign is open: the numbers no longer change, and a correction can be sent. Poll until it is true",
    }),
  })
  .openapi("Recall");

const recall = defineRoute({
  method: "post",
  path: "/v1/campaigns/{id}/recall",
  access: "sender",
  summary: "Recall a campaign: stop it permanently and report who received it",
  description:
    "Pending deliveries are cancelled; messages that are being handed over are still sent. A finished campaign can be recalled too, so that a correction can be sent. " +
    "A second recall returns the same as GET …/recall.",
  request: {
    params: idParams("campaign"),
    headers: idempotencyHeaders,
    body: {
      ...jsonContent(
        z.strictObject({
          reason: text(1_000).optional().openapi({
            description: "The reason, for the audit trail",
            example: "The price was wrong",
          }),
        }),
      ),
      required: false,
    },
  },
  responses: responses(200, "Who received the campaign", account),
});

const get = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}/recall",
  access: "viewer",
  summary: "Get who received a recalled campaign, who may have, and who did not",
  request: { params: idParams("campaign") },
  responses: responses(200, "The account of the recall", account),
});

const correct = defineRoute({
  method: "post",
  path: "/v1/campaigns/{id}/correction",
  access: "sender",
  summary:
    "Send a correction to the recipients of a recalled campaign, or to the recipients that a campaign missed",
  description:
    "A correction to those who received the campaign can be sent once the recall is final. A correction to those that it missed (their deliveries failed and certainly did not arrive) can be sent once the campaign has finished. Until then the answer is 409 with `Retry-After`. " +
    "The correction is a new campaign with the type, guarantee, throttle and sender of the original. " +
    "A campaign has one correction at a time; another can follow when it has finished or was cancelled.",
  request: {
    params: idParams("campaign"),
    headers: idempotencyHeaders,
    body: jsonContent(
      z.strictObject({
        name: newCampaign.shape.name.meta({ example: "Spring sale, corrected" }),
        template: newCampaign.shape.template,
        data: newCampaign.shape.data,
        attachments: newCampaign.shape.attachments,
        type: newCampaign.shape.type.unwrap().optional().openapi({
          description: "Defaults to the value of the original campaign",
          example: null,
        }),
        priority: z
          .enum(priorities)
          .optional()
          .openapi({ description: "Defaults to the value of the original campaign" }),
        to: z.enum(["received", "missed"]).default("received").openapi({
          description: "Whether to address those who received the campaign or those that it missed",
        }),
        includeUnknown: z.boolean().default(false).openapi({
          description:
            "Also address recipients who may have received the campaign; not allowed with `missed`",
        }),
        start: z.boolean().default(true).openapi({
          description: "Whether to start the correction at once; false creates a draft",
        }),
      }),
    ),
  },
  responses: responses(201, "The correction", campaignAnswer),
});

/** Hand-overs end within seconds. If the worker died, the lease of the delivery ends after ten seconds. */
const retryAfterSeconds = "2";

export function campaignRecallRoutes(services: Services) {
  const { prisma, pool, clock, wakes } = services;

  /** Reads the account once no worker begins a hand-over of the campaign any more. */
  const readAccountOnceStopped = async (id: string) => {
    await waitForWorkers(pool, id);
    return readAccount(prisma, await readCampaign(prisma, id));
  };

  return createRouter()
    .openapi(recall, (c) =>
      withIdempotentTransaction(
        c,
        services,
        200,
        async (tx) => {
          const reference = c.req.valid("param").id;
          const { reason } = c.req.valid("json");
          const id = readPathId("campaign", reference);
          const before = await lockCampaign(tx, id);
          if (before.row.recalledAt) return { body: await readAccount(tx, before), changes: [] };
          const transition = applyAction(before.row, { action: "recall" }, clock());
          if (transition.kind === "refused")
            throw new Problem(
              "conflict",
              `The campaign has sent nothing: ${transition.why}. Cancel it instead.`,
            );
          const { status, finishedAt, recalledAt } = transition.state;
          const after = await updateCampaign(tx, id, { status, finishedAt, recalledAt }, clock());
          return {
            body: await readAccount(tx, after),
            changes: [
              changeOf("campaign.recall", reference, before.json, {
                ...after.json,
                ...(reason !== undefined && { reason }),
              }),
            ],
            committed: () => wakes.campaign(reference, { requestId: c.get("requestId") }),
          };
        },
        () => readAccountOnceStopped(readPathId("campaign", c.req.valid("param").id)),
      ),
    )
    .openapi(get, async (c) => {
      const read = await readCampaign(prisma, readPathId("campaign", c.req.valid("param").id));
      if (!read.row.recalledAt)
        throw new Problem("not-found", "The campaign has not been recalled.");
      return c.json(await readAccount(prisma, read), 200);
    })
    .openapi(correct, (c) =>
      withIdempotentTransaction(c, services, 201, async (tx) => {
        const reference = c.req.valid("param").id;
        const { to, includeUnknown, start, ...wanted } = c.req.valid("json");
        const corrected = await lockCampaign(tx, readPathId("campaign", reference));
        if (to === "missed" && includeUnknown)
          throw invalid([
            {
              in: "body",
              field: "/includeUnknown",
              message:
                "is allowed with `to: received` only: `missed` selects recipients who certainly did not receive the campaign",
            },
          ]);
        await requireCorrectable(tx, corrected, to);
        const { type, topic, priority, route, guarantee, throttle, email, tracking, utm } =
          corrected.json;
        return createCampaign(c, services, tx, "campaign.correct", {
          ...wanted,
          type: wanted.type === undefined ? type : wanted.type,
          topic,
          priority: wanted.priority ?? priority,
          route,
          guarantee,
          throttle,
          email,
          tracking,
          utm,
          audience: {
            where:
              to === "missed"
                ? { missed: reference }
                : { received: reference, ...(includeUnknown && { orUnknown: true as const }) },
          },
          correctsId: corrected.row.id,
          ...(start && { startAt: clock() }),
        });
      }),
    );
}

/** Reads the account of a recalled campaign from the ledger. All its numbers except `noRecord` add up to the audience. */
async function readAccount(
  client: Pick<Prisma.TransactionClient, "$queryRaw" | "$queryRawUnsafe" | "archivedDeliveries">,
  { row, json }: ReadCampaign,
): Promise<z.output<typeof account>> {
  const counts = await readCampaignCounts(executeIn(client), row.id);
  const removed = await client.archivedDeliveries.aggregate({
    where: { campaignId: row.id, status: { in: ["sent", "delivered", "unknown"] } },
    _sum: { count: true },
  });
  const [unanswered] = await client.$queryRawUnsafe<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM deliveries d
     WHERE d.campaign_id = $1::uuid AND d.leg = 'primary' AND d.status IN ('pending', 'failed', 'suppressed', 'cancelled') AND ${mayHaveBeenReceived("d")}`,
    row.id,
  );
  const notSent = counts.pending + counts.failed + counts.suppressed + counts.cancelled;
  return {
    campaign: json,
    received: counts.sent + counts.delivered,
    mayHaveReceived: counts.unknown + unanswered!.count,
    beingHandedOver: counts.sending,
    neverWill: notSent - unanswered!.count,
    noRecord: removed._sum.count ?? 0,
    final: row.finishedAt !== null,
  };
}

/** Throws the problem of a campaign that cannot be corrected now. */
async function requireCorrectable(
  tx: Prisma.TransactionClient,
  { row }: ReadCampaign,
  to: "received" | "missed",
): Promise<void> {
  if (to === "received" && !row.recalledAt)
    throw new Problem("conflict", "Only a recalled campaign can be corrected: recall it first.");
  if (!row.finishedAt)
    throw new Problem(
      "conflict",
      row.recalledAt
        ? "The recall is not final, because some messages are still being handed over. Repeat the request in a moment."
        : `The campaign is ${row.status}. The recipients that it missed are known once it has finished.`,
      { headers: { "Retry-After": retryAfterSeconds } },
    );
  const unfinished = await tx.campaign.findFirst({
    where: { correctsId: row.id, finishedAt: null, status: { not: "cancelled" } },
    select: { id: true, status: true },
  });
  if (unfinished)
    throw new Problem(
      "conflict",
      `The campaign already has a correction, ${publicId("campaign", unfinished.id)}, which is ${unfinished.status}. Wait until that finishes, or cancel it.`,
    );
}
