import { emailIdentity, type EmailIdentity } from "../../domain/email-identity.ts";
import { z } from "@hono/zod-openapi";
import { campaignStatuses, guarantees } from "../../domain/campaign.ts";
import { campaignGate } from "../../domain/delivery/gates.ts";
import { publicId } from "../../domain/ids.ts";
import { requestedRoute } from "../../domain/notification.ts";
import { priorities } from "../../domain/priority.ts";
import { type Tracking, tracking, type Utm, utm } from "../../domain/tracking/settings.ts";
import { removeLimits, setRate } from "../../ledger/gates.ts";
import { executeIn } from "../../ledger/sql.ts";
import type { Gate, Prisma } from "../../prisma/generated/client.ts";
import { throwNotFound, exampleIdOf } from "../http/path-ids.ts";
import { withTemplate } from "../templates/store.ts";

export const campaignExample = {
  id: exampleIdOf("campaign"),
  name: "Spring sale",
  status: "running",
  template: { key: "spring-sale", version: 3 },
  audience: { where: { attribute: "plan", equals: "pro" } },
  data: { discount: "20%" },
  type: null,
  topic: null,
  priority: "normal",
  guarantee: "at_least_once",
  route: { stages: [{ via: ["push", "email"] }] },
  throttle: { perSecond: 50, burst: 50 },
  email: { fromName: "Example shop", replyTo: "shop@example.org" },
  attachments: [],
  tracking: { opens: false, clicks: true },
  utm: null,
  redirects: true,
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

/** The schema of the attachments of a campaign, in the form in which a request names them. */
export const attachmentsAnswer = z.array(z.object({ id: z.string() })).openapi({
  description:
    "The files that the emails have. They are removed when the campaign has been over for as long as deliveries are kept",
  example: [],
});

export const attachmentsJson = (ids: readonly string[]) =>
  ids.map((id) => ({ id: publicId("attachment", id) }));

/** A campaign, as every route shows it. */
export const campaignAnswer = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(campaignStatuses),
    template: z.object({ key: z.string(), version: z.number().int() }),
    audience: z.record(z.string(), z.unknown()).openapi({
      description: "The audience as the request described it: segments and filters",
    }),
    data: z.record(z.string(), z.unknown()),
    type: z.string().nullable().openapi({
      description: "The key of the notification type; null if the campaign has no type",
    }),
    topic: z.string().nullable().openapi({
      description:
        "The key of the topic of the campaign; null if it has none. It is sent to nobody who is not subscribed to it when it is due",
    }),
    priority: z.enum(priorities),
    guarantee: z.enum(guarantees),
    route: requestedRoute,
    throttle: z.object({ perSecond: z.number(), burst: z.number().int() }).nullable().openapi({
      description: "The limit of messages per second; null means no limit",
    }),
    email: emailIdentity.meta({
      description:
        "The sender of the campaign’s emails. Takes precedence over the sender of the template and of the notification type",
    }),
    attachments: attachmentsAnswer,
    tracking: tracking.nullable().openapi({
      description: "What is tracked of the emails; null: what the notification type says",
    }),
    utm: utm.nullable().openapi({
      description: "The parameters that are added to the links of the emails; null for none",
    }),
    redirects: z.boolean().openapi({
      description:
        "Whether the tracked links of the emails lead to their targets. With false, which can be set at any time, they show a page that says so: for links that are abused",
    }),
    startAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When the campaign is, or was, due to start; null for a draft" }),
    frozenAt: z.iso.datetime().nullable().openapi({
      description:
        "When the audience was frozen, that is, written to the ledger. It does not change after that",
    }),
    audienceCount: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "The number of recipients; null until the audience is frozen" }),
    revision: z.number().int().openapi({
      description:
        "Which message the campaign sends: 1, plus one for each edit of the message since the audience was frozen",
    }),
    recalledAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When the campaign was recalled" }),
    corrects: z
      .string()
      .nullable()
      .openapi({ description: "The id of the campaign that this one corrects" }),
    pauseDetail: z.string().nullable().openapi({
      description:
        "If Tidings paused the campaign because a provider refused many of its messages in a row: the provider’s last answer",
    }),
    finishedAt: z.iso.datetime().nullable().openapi({
      description: "When the campaign finished: since then none of its deliveries is open",
    }),
    createdBy: z
      .string()
      .openapi({ description: "Who created the campaign: `bootstrap`, or the id of an API key" }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Campaign", { example: campaignExample });

export type CampaignAnswer = z.output<typeof campaignAnswer>;

/** The answer to a request that stops a campaign or changes its message. */
export const changedCampaignAnswer = campaignAnswer
  .extend({
    inFlight: z.number().int().openapi({
      description:
        "How many messages were being handed over at the time of this answer. These may still be sent unchanged. No other hand-over that the change stops begins after this answer.",
      example: 3,
    }),
  })
  .openapi("ChangedCampaign", { example: { ...campaignExample, inFlight: 3 } });

/** The part of a Prisma query that reads the relations of a campaign that the API shows. */
export const campaignInclude = {
  ...withTemplate,
  type: { select: { key: true } },
  topic: { select: { key: true } },
} as const;

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
    topic: row.topic?.key ?? null,
    priority,
    guarantee,
    route: row.route as CampaignAnswer["route"],
    throttle: gate?.permitsPerSecond
      ? { perSecond: gate.permitsPerSecond, burst: gate.burst }
      : null,
    email: row.email as EmailIdentity,
    attachments: attachmentsJson(row.attachmentIds),
    tracking: row.tracking as Tracking | null,
    utm: row.utm as Utm | null,
    redirects: row.redirects,
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

/** Reads a campaign. Throws the problem if it does not exist. */
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

/** Locks a campaign against other changes until the transaction ends, and reads it. Deliveries can still be added. Throws like `readCampaign`. */
export async function lockCampaign(
  tx: Prisma.TransactionClient,
  id: string,
): Promise<ReadCampaign> {
  await tx.$queryRaw`SELECT FROM campaigns WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  return readCampaign(tx, id);
}

/** Changes a locked campaign, increments its version, and reads it again. A change of the status clears the reason for which Tidings paused it. */
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

/** Limits the messages of a campaign per second, or removes the limit with null. A burst that was saved up is cut to the new burst. */
export async function setThrottle(
  tx: Prisma.TransactionClient,
  reference: string,
  throttle: Throttle | null,
): Promise<void> {
  const key = campaignGate(reference);
  if (throttle === null) {
    await removeLimits(executeIn(tx), key);
    return;
  }
  await setRate(executeIn(tx), { key, ...throttle });
}
