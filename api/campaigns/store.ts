import { emailIdentity, type EmailIdentity } from "../../domain/email-identity.ts";
import { z } from "@hono/zod-openapi";
import { campaignStatuses, guarantees } from "../../domain/campaign.ts";
import { campaignGate } from "../../domain/delivery/gates.ts";
import { publicId } from "../../domain/ids.ts";
import { priorities } from "../../domain/priority.ts";
import { removeGate, setGate } from "../../ledger/gates.ts";
import { executeIn } from "../../ledger/sql.ts";
import type { Gate, Prisma } from "../../prisma/generated/client.ts";
import { throwNotFound, exampleIdOf } from "../http/path-ids.ts";
import { withTemplate } from "../templates/store.ts";

const campaignExample = {
  id: exampleIdOf("campaign"),
  name: "Spring sale",
  status: "running",
  template: { key: "spring-sale", version: 3 },
  audience: { where: { attribute: "plan", equals: "pro" } },
  data: { discount: "20%" },
  type: null,
  priority: "normal",
  guarantee: "at_least_once",
  throttle: { perSecond: 50, burst: 50 },
  email: { fromName: "Example shop", replyTo: "shop@example.org" },
  startAt: "2027-03-01T09:00:00.000Z",
  frozenAt: "2027-03-01T09:00:00.120Z",
  audienceCount: 1000,
  revision: 1,
  recalledAt: null,
  corrects: null,
  pauseDetail: null,
  finishedAt: null,
  createdBy: "bootstrap",
  createdAt: "2027-02-26T14:03:11.500Z",
  updatedAt: "2027-03-01T09:00:00.120Z",
};

/** A campaign, as every route shows it. */
export const campaignAnswer = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(campaignStatuses),
    template: z.object({ key: z.string(), version: z.number().int() }),
    audience: z.record(z.string(), z.unknown()).openapi({ description: "As it was asked for" }),
    data: z.record(z.string(), z.unknown()),
    type: z.string().nullable().openapi({ description: "The key of its notification type" }),
    priority: z.enum(priorities),
    guarantee: z.enum(guarantees),
    throttle: z.object({ perSecond: z.number(), burst: z.number().int() }).nullable(),
    email: emailIdentity.meta({
      description: "Whom its mails are from, before its template and its type",
    }),
    startAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When it begins, or was to begin; null of a draft" }),
    frozenAt: z.iso.datetime().nullable().openapi({
      description: "When its audience was written into the ledger, which nothing changes any more",
    }),
    audienceCount: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "How many they are; null until then" }),
    revision: z.number().int().openapi({
      description: "Which message it sends: counts the edits since its audience was frozen",
    }),
    recalledAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When its message was taken back" }),
    corrects: z.string().nullable().openapi({ description: "The campaign that this one corrects" }),
    pauseDetail: z.string().nullable().openapi({
      description:
        "Where Tidings paused it by itself: the answer by which its messages were refused, one after the other",
    }),
    finishedAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When nothing of it was open any more" }),
    createdBy: z.string().openapi({ description: "bootstrap, or the id of a key" }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Campaign", { example: campaignExample });

export type CampaignAnswer = z.output<typeof campaignAnswer>;

/** The answer to what stops a campaign, or changes what it says. */
export const changedCampaignAnswer = campaignAnswer
  .extend({
    inFlight: z.number().int().openapi({
      description:
        "How many of its messages were being handed over when this was answered: these may still be sent as they were. No hand-over that this change stops begins after the answer.",
      example: 3,
    }),
  })
  .openapi("ChangedCampaign", { example: { ...campaignExample, inFlight: 3 } });

/** The part of a Prisma query that reads what the API shows of a campaign. */
export const campaignInclude = { ...withTemplate, type: { select: { key: true } } } as const;

export type CampaignRow = Prisma.CampaignGetPayload<{ include: typeof campaignInclude }>;

export function campaignJson(row: CampaignRow, gate: Gate | null): CampaignAnswer {
  const { name, status, priority, guarantee, audienceCount, revision, createdBy } = row;
  return {
    id: publicId("campaign", row.id),
    name,
    status,
    template: { key: row.templateVersion.template.key, version: row.templateVersion.version },
    audience: row.audience as Record<string, unknown>,
    data: row.data as Record<string, unknown>,
    type: row.type?.key ?? null,
    priority,
    guarantee,
    throttle: gate?.permitsPerSecond
      ? { perSecond: gate.permitsPerSecond, burst: gate.burst }
      : null,
    email: row.email as EmailIdentity,
    startAt: row.startAt?.toISOString() ?? null,
    frozenAt: row.frozenAt?.toISOString() ?? null,
    audienceCount,
    revision,
    recalledAt: row.recalledAt?.toISOString() ?? null,
    corrects: row.correctsId && publicId("campaign", row.correctsId),
    pauseDetail: row.pauseDetail,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    createdBy,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export interface ReadCampaign {
  row: CampaignRow;
  gate: Gate | null;
  /** The campaign as the API shows it. */
  json: CampaignAnswer;
}

/** A campaign as it stands; throws the problem if there is none. */
export async function readCampaign(
  client: Pick<Prisma.TransactionClient, "campaign" | "gate">,
  id: string,
): Promise<ReadCampaign> {
  const row = await client.campaign.findUnique({ where: { id }, include: campaignInclude });
  if (!row) throwNotFound("campaign");
  const gate = await client.gate.findUnique({
    where: { key: campaignGate(publicId("campaign", id)) },
  });
  return { row, gate, json: campaignJson(row, gate) };
}

/** As `readCampaign`, and locks the campaign against other changes to the end of the transaction. Deliveries may still be added. */
export async function lockCampaign(
  tx: Prisma.TransactionClient,
  id: string,
): Promise<ReadCampaign> {
  await tx.$queryRaw`SELECT FROM campaigns WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  return readCampaign(tx, id);
}

/** Changes a campaign that is locked, counts that it was changed, and reads it again. With its status goes why Tidings paused it. */
export async function updateCampaign(
  tx: Prisma.TransactionClient,
  id: string,
  data: Prisma.CampaignUncheckedUpdateInput,
  now: Date,
): Promise<ReadCampaign> {
  await tx.campaign.update({
    where: { id },
    data: {
      ...(data.status !== undefined && { pauseDetail: null }),
      ...data,
      updatedAt: now,
      version: { increment: 1 },
    },
  });
  return readCampaign(tx, id);
}

interface Throttle {
  perSecond: number;
  burst: number;
}

/** Limits a campaign's messages per second, or, with null, lifts the limit. What was saved up under another one is cut to the new burst. */
export async function setThrottle(
  tx: Prisma.TransactionClient,
  reference: string,
  throttle: Throttle | null,
): Promise<void> {
  const key = campaignGate(reference);
  if (throttle === null) {
    await removeGate(executeIn(tx), key);
    return;
  }
  await executeIn(tx)(setGate, { key, ...throttle, dailyQuota: null });
}
