import { z } from "@hono/zod-openapi";
import type { Prisma } from "../../prisma/generated/client.ts";
import { withTemplate } from "../templates/store.ts";
import { attachmentsAnswer, attachmentsJson } from "./store.ts";
import { locateVersionPage, versionPageQuery } from "../http/version-cursor.ts";
import { pageOf } from "../http/pages.ts";
import { throwNotFound, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const revision = z
  .object({
    revision: z.number().int().openapi({ example: 2 }),
    template: z
      .object({ key: z.string(), version: z.number().int() })
      .openapi({ example: { key: "spring-sale", version: 3 } }),
    data: z.record(z.string(), z.unknown()).openapi({ example: { discount: "25%" } }),
    attachments: attachmentsAnswer,
    from: z.iso.datetime().nullable().openapi({
      description:
        "When the campaign began to send this revision; null before the audience is frozen",
    }),
    until: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When an edit replaced this revision; null for the current one" }),
    by: z.string().nullable().openapi({
      description:
        "Who wrote this revision: `bootstrap`, or the id of an API key or an operator; null if the audit trail no longer has the edit",
      example: "bootstrap",
    }),
    sent: z.number().int().openapi({
      description: "Deliveries that were sent with this revision, among those still stored",
    }),
    unknown: z
      .number()
      .int()
      .openapi({ description: "Deliveries that may have been sent with this revision" }),
  })
  .openapi("CampaignRevision");

const list = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}/revisions",
  access: "viewer",
  summary:
    "List the revisions of a campaign, newest first, with how many messages were sent with each",
  request: { params: idParams("campaign"), query: versionPageQuery },
  responses: responses(200, "A page of revisions", pageOf(revision)),
});

/** What one revision of a campaign sends. */
interface RevisionContent {
  revision: number;
  templateVersion: Prisma.TemplateVersionGetPayload<(typeof withTemplate)["templateVersion"]>;
  data: Prisma.JsonValue;
  attachmentIds: string[];
  until: Date | null;
}

export function campaignRevisionRoutes({ prisma }: Services) {
  return createRouter().openapi(list, async (c) => {
    const id = readPathId("campaign", c.req.valid("param").id);
    const { below, take, toPage } = locateVersionPage(c.req.valid("query"));
    const row = await prisma.campaign.findUnique({ where: { id }, include: withTemplate });
    if (!row) throwNotFound("campaign");
    const superseded = await prisma.campaignRevision.findMany({
      where: { campaignId: id, revision: { lt: Math.min(below ?? Infinity, row.revision) } },
      orderBy: { revision: "desc" },
      include: withTemplate,
      // The row after the page says when the last revision on the page began.
      take,
    });
    const revisions: RevisionContent[] = [
      ...(below === null ? [{ ...row, until: null }] : []),
      ...superseded.map((old) => ({ ...old, until: old.replacedAt })),
    ];
    const authors = await readAuthors(prisma, c.req.valid("param").id);
    const counts = await prisma.delivery.groupBy({
      by: ["revision", "status"],
      where: { campaignId: id, leg: "primary", status: { in: ["sent", "delivered", "unknown"] } },
      _count: true,
    });
    const countDeliveries = (number: number, unknown: boolean) =>
      counts
        .filter(
          (group) => (group.revision ?? 1) === number && (group.status === "unknown") === unknown,
        )
        .reduce((sum, group) => sum + group._count, 0);
    const shown = revisions.map(
      ({ revision, templateVersion, data, attachmentIds, until }, index) => ({
        revision,
        template: { key: templateVersion.template.key, version: templateVersion.version },
        data: data as Record<string, unknown>,
        attachments: attachmentsJson(attachmentIds),
        from: (revisions[index + 1]?.until ?? row.frozenAt)?.toISOString() ?? null,
        until: until?.toISOString() ?? null,
        by: revision === 1 ? row.createdBy : (authors.get(revision) ?? null),
        sent: countDeliveries(revision, false),
        unknown: countDeliveries(revision, true),
      }),
    );
    return c.json(
      toPage(shown, ({ revision }) => revision),
      200,
    );
  });
}

/** Reads from the audit trail who wrote which revision of a campaign. */
async function readAuthors(
  client: Pick<Prisma.TransactionClient, "$queryRaw">,
  reference: string,
): Promise<Map<number, string>> {
  const edits = await client.$queryRaw<{ revision: number; actor: string }[]>`
    SELECT (after ->> 'revision')::int AS revision, actor FROM audit_entries
    WHERE resource = ${reference} AND action = 'campaign.edit' AND after ->> 'revision' IS NOT NULL`;
  return new Map(edits.map(({ revision, actor }) => [revision, actor]));
}
