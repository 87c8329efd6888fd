import { z } from "@hono/zod-openapi";
import { readCampaignCounts } from "../../ledger/campaign-counts.ts";
import { executeIn } from "../../ledger/sql.ts";
import { audience } from "../../domain/audience.ts";
import { type CampaignEdit, campaignEdit } from "../../domain/campaign.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { etagOf, ifMatchHeaders, requireMatch, setEtag } from "../http/etag.ts";
import { idParams, readPathId } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { changeVersioned } from "../http/versioned.ts";
import { describedAudience } from "../segments/audience.ts";
import { requireProofForMany } from "./many.ts";
import { waitForWorkers } from "./stop-barrier.ts";
import type { Services } from "../services.ts";
import { planEdit } from "./edit-plan.ts";
import {
  changedCampaignAnswer,
  type CampaignRow,
  lockCampaign,
  type ReadCampaign,
  readCampaign,
  setThrottle,
  updateCampaign,
} from "./store.ts";

const countOf = (description: string) => z.number().int().openapi({ description });

const preview = z
  .object({
    changes: z.record(z.string(), z.object({ from: z.unknown(), to: z.unknown() })).openapi({
      description:
        "The fields that would change. `revision` is one of them if the message would change",
      example: {
        data: { from: { discount: "20%" }, to: { discount: "25%" } },
        revision: { from: 1, to: 2 },
      },
    }),
    impact: z
      .object({
        audience: z
          .number()
          .int()
          .nullable()
          .openapi({ description: "The size of the audience; null until it is frozen" }),
        pending: countOf("Deliveries that are not sent yet"),
        sending: countOf("Deliveries that are being handed over"),
        alreadySent: countOf("Deliveries that were sent or delivered"),
        unknown: countOf("Deliveries that may have been sent"),
        ended: countOf("Deliveries that failed, were suppressed or were cancelled"),
        newMessage: z.number().int().nullable().openapi({
          description:
            "Pending deliveries that would get the new message: 0 if the message does not change; null before the audience is frozen, when all recipients get it",
        }),
        oldMessage: countOf(
          "Deliveries with an older message: the sum of `alreadySent`, `unknown` and `sending`",
        ),
      })
      .openapi({
        example: {
          audience: 1000,
          pending: 640,
          sending: 10,
          alreadySent: 348,
          unknown: 0,
          ended: 2,
          newMessage: 640,
          oldMessage: 358,
        },
      }),
    etag: z.string().openapi({
      description: "The `If-Match` value to send with the edit",
      example: '"4"',
    }),
  })
  .openapi("CampaignEditPreview");

const edit = defineRoute({
  method: "patch",
  path: "/v1/campaigns/{id}",
  access: "sender",
  summary: "Edit a campaign, or the message of its pending deliveries",
  description:
    "Until the audience is frozen, every field can be edited, and a `startAt` schedules a draft. After that, the name, template, data, attachments, sender and priority can be edited until the campaign has ended, and `redirects` at any time: " +
    "every hand-over that begins after the answer sends the new message, and GET …/revisions shows what was sent before. " +
    "With `dryRun=true` nothing is changed: the answer shows what would change, and which `If-Match` the edit needs.",
  request: {
    params: idParams("campaign"),
    headers: ifMatchHeaders,
    query: z.object({
      dryRun: z
        .enum(["true", "false"])
        .default("false")
        .openapi({ description: "Only return what would change. Needs no `If-Match`" }),
    }),
    body: jsonContent(
      campaignEdit.extend({ audience: describedAudience.optional() }).openapi({
        example: { data: { discount: "25%" }, priority: "high" },
      }),
    ),
  },
  responses: responses(
    200,
    "The edited campaign; with `dryRun`, what would change",
    z.union([changedCampaignAnswer, preview]),
  ),
});

export function campaignEditRoutes(services: Services) {
  return createRouter().openapi(edit, async (c) => {
    const reference = c.req.valid("param").id;
    const id = readPathId("campaign", reference);
    const wanted = c.req.valid("json");
    if (c.req.valid("query").dryRun === "true") {
      const read = await readCampaign(services.prisma, id);
      if (c.req.header("if-match") !== undefined) requireMatch(c, read.row.version);
      setEtag(c, read.row.version);
      return c.json(await previewEdit(services, read, wanted), 200);
    }
    const { json } = await changeVersioned(c, services, "campaign.edit", {
      lock: (tx) => lockCampaign(tx, id),
      describe: (read) => ({ resource: reference, version: read.row.version, facts: read.json }),
      async write(tx, before) {
        const { changes, columns, supersedes } = await planEdit(services, tx, before, wanted);
        if (Object.keys(changes).length === 0) return null;
        const now = services.clock();
        if (supersedes) await storeRevision(tx, before.row, now);
        if (changes.throttle) await setThrottle(tx, reference, wanted.throttle ?? null);
        const after = await updateCampaign(tx, id, columns, now);
        if (after.row.status === "draft" || after.row.finishedAt !== null) return { after };
        if (after.row.status === "scheduled" && (changes.startAt || changes.audience))
          await requireProofForMany(c, services, tx, audience.parse(after.row.audience));
        const requestId = c.get("requestId");
        return { after, committed: () => services.wakes.campaign(reference, { requestId }) };
      },
    });
    return c.json({ ...json, ...(await waitForWorkers(services.pool, id)) }, 200);
  });
}

/** Returns what an edit would change, and how many deliveries it would affect. */
async function previewEdit(
  services: Services,
  read: ReadCampaign,
  wanted: CampaignEdit,
): Promise<z.output<typeof preview>> {
  const { prisma } = services;
  const { row } = read;
  const { changes, supersedes } = await planEdit(services, prisma, read, wanted);
  const counts = await readCampaignCounts(executeIn(prisma), row.id);
  const { pending, sending, unknown } = counts;
  const alreadySent = counts.sent + counts.delivered;
  return {
    changes,
    impact: {
      audience: row.audienceCount,
      pending,
      sending,
      alreadySent,
      unknown,
      ended: counts.failed + counts.suppressed + counts.cancelled,
      newMessage: row.frozenAt === null ? null : supersedes ? pending : 0,
      oldMessage: alreadySent + unknown + sending,
    },
    etag: etagOf(row.version),
  };
}

/** Stores the current message of the campaign, which explains the deliveries that were sent so far. */
async function storeRevision(tx: Prisma.TransactionClient, row: CampaignRow, now: Date) {
  const { id, revision, templateVersionId, data, attachmentIds } = row;
  await tx.campaignRevision.create({
    data: {
      campaignId: id,
      revision,
      templateVersionId,
      data: data as Prisma.InputJsonObject,
      attachmentIds,
      replacedAt: now,
    },
  });
}
