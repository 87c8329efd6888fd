import { z } from "@hono/zod-openapi";
import { audience } from "../../domain/audience.ts";
import { parsePublicId } from "../../domain/ids.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { campaignJson, campaignInclude } from "../campaigns/store.ts";
import { campaignGate } from "../../domain/delivery/gates.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { invalid, Problem } from "../http/problem.ts";
import type { PreviewedCampaign } from "./message-of.ts";

/** The id of a campaign, as the body of a request. */
export const storedCampaign = z.strictObject({
  campaign: z.string().openapi({
    description: "The id of a campaign that has not begun",
    example: exampleIdOf("campaign"),
  }),
});

/** Reads the parts of a campaign on which its forecast depends. Throws a problem if there is none, or if its audience is frozen. */
export async function readStoredCampaign(
  prisma: Pick<Prisma.TransactionClient, "campaign" | "gate">,
  reference: string,
): Promise<PreviewedCampaign & { throttle: { perSecond: number } | null }> {
  const id = parsePublicId("campaign", reference);
  const row = id && (await prisma.campaign.findUnique({ where: { id }, include: campaignInclude }));
  if (!row) throw invalid([{ in: "body", field: "/campaign", message: "names no campaign" }]);
  if (row.frozenAt !== null || row.finishedAt !== null)
    throw new Problem(
      "conflict",
      `The campaign is ${row.status}: only a campaign that has not begun can be forecast. GET /v1/campaigns/${reference}/progress shows how far it is.`,
    );
  const gate = await prisma.gate.findUnique({ where: { key: campaignGate(reference) } });
  const { template, data, type, topic, priority, route, email, throttle } = campaignJson(row, gate);
  return {
    audience: audience.parse(row.audience),
    template,
    data,
    type,
    topic,
    priority,
    route,
    email,
    throttle,
    ...(row.startAt && { startAt: row.startAt }),
  };
}
