import { executeIn } from "../../ledger/sql.ts";
import { holdAttachments } from "../attachments/store.ts";
import { refuseForeignSender } from "../http/mail-domains.ts";
import type { Context } from "hono";
import type { z } from "zod";
import { newCampaign } from "../../domain/campaign.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { Prisma } from "../../prisma/generated/client.ts";
import { describedAudience, segmentsOf } from "../segments/audience.ts";
import { requireProofForMany } from "./many.ts";
import { type CampaignAnswer, readCampaign, setThrottle } from "./store.ts";
import type { ApiEnv } from "../http/context.ts";
import { setEtag } from "../http/etag.ts";
import type { Work } from "../http/idempotency.ts";
import { pinVersion } from "../templates/version-cache.ts";
import { holdType } from "../notification-types/lookup.ts";
import { holdTopic } from "../topics/store.ts";
import type { Services } from "../services.ts";

/** The schema of a campaign in a body. */
export const newCampaignBody = newCampaign.extend({
  name: newCampaign.shape.name.meta({ example: "Spring sale" }),
  audience: describedAudience,
});

type Wanted = z.output<typeof newCampaign> & {
  /** The UUID of the campaign that this one corrects. */
  correctsId?: string;
};

/**
 * Creates a campaign within the transaction of a request: scheduled if it has a `startAt`, otherwise a draft. Pins the template version
 * and checks the data against it. A campaign without a priority gets that of its notification type. After the commit the campaign’s
 * workflow is woken.
 * @param action the name of the action in the audit trail
 */
export async function createCampaign(
  c: Context<ApiEnv>,
  services: Pick<Services, "clock" | "config" | "wakes" | "templateVersions">,
  tx: Prisma.TransactionClient,
  action: string,
  { template, type: typeKey, topic: topicKey, throttle, attachments, startAt, ...wanted }: Wanted,
): Promise<Work<CampaignAnswer>> {
  const { clock, config, wakes, templateVersions } = services;
  const version = await pinVersion(templateVersions, tx, { template, data: wanted.data });
  refuseForeignSender(wanted.email, config, "/email");
  await segmentsOf(tx, wanted.audience);
  if (startAt) await requireProofForMany(c, services, tx, wanted.audience);
  const type = typeKey === null ? null : await holdType(tx, typeKey);
  const topic = topicKey === null ? null : await holdTopic(tx, topicKey);
  const now = clock();
  const attachmentIds = await holdAttachments(executeIn(tx), attachments, now);
  const id = newUuid(now);
  const reference = publicId("campaign", id);
  await tx.campaign.create({
    data: {
      ...wanted,
      id,
      audience: wanted.audience as Prisma.InputJsonObject,
      data: wanted.data as Prisma.InputJsonObject,
      route: wanted.route ?? Prisma.DbNull,
      tracking: wanted.tracking ?? Prisma.DbNull,
      utm: wanted.utm ?? Prisma.DbNull,
      attachmentIds,
      typeId: type?.id ?? null,
      topicId: topic?.id ?? null,
      priority: wanted.priority ?? type?.definition.priority ?? "normal",
      status: startAt ? "scheduled" : "draft",
      startAt: startAt ?? null,
      templateVersionId: version.id,
      laneCount: config.campaignLanes,
      createdBy: c.get("caller").id,
      createdAt: now,
      updatedAt: now,
    },
  });
  if (throttle) await setThrottle(tx, reference, throttle);
  const { row, json } = await readCampaign(tx, id);
  return {
    body: json,
    changes: [{ action, resource: reference, after: json }],
    committed: () => {
      setEtag(c, row.version);
      if (startAt) wakes.campaign(reference, { requestId: c.get("requestId") });
    },
  };
}
