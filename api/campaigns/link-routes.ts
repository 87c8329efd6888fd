import { z } from "@hono/zod-openapi";
import { contentFor } from "../../domain/templates/content-for.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { listLabels } from "../../domain/templates/links/link-plan.ts";
import { numberLink } from "../../domain/templates/links/web-links.ts";
import { localizeContent } from "../../domain/templates/locales.ts";
import { executeOn } from "../../ledger/sql.ts";
import { countLinks } from "../../ledger/tracking-hits.ts";
import { idParams, readPathId } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { readCampaign } from "./store.ts";

const linkAnswer = z
  .object({
    url: z.string().nullable().openapi({
      description:
        "The address as the template has it, with `{…}` in the place of each value; null for all links that a value of the message decided",
      example: "https://shop.example.org/sale",
    }),
    people: z
      .number()
      .int()
      .openapi({ description: "The recipients who followed it", example: 120 }),
    machines: z.number().int().openapi({
      description:
        "The recipients whose link was followed by a program, such as one that checks messages; some of them may have followed it too",
      example: 31,
    }),
    clicks: z.number().int().openapi({ description: "How often people followed it", example: 143 }),
  })
  .openapi("CampaignLink");

const list = defineRoute({
  method: "get",
  path: "/v1/campaigns/{id}/links",
  access: "viewer",
  summary: "List the links of a campaign, by how many people followed them",
  description:
    "Counts the deliveries that are still stored, some seconds after each click. Links that nobody followed are listed with zeros. Links with the same address are counted together.",
  request: { params: idParams("campaign") },
  responses: responses(
    200,
    "The links, those that most people followed first",
    z.object({ items: z.array(linkAnswer) }).openapi("CampaignLinks"),
  ),
});

/** The links of tracked campaigns. */
export function campaignLinkRoutes({ prisma, pool }: Services) {
  return createRouter().openapi(list, async (c) => {
    const id = readPathId("campaign", c.req.valid("param").id);
    const { row } = await readCampaign(prisma, id);
    const revisions = await prisma.campaignRevision.findMany({
      where: { campaignId: id },
      select: { templateVersionId: true },
    });
    const versions = await prisma.templateVersion.findMany({
      where: {
        id: { in: [row.templateVersionId, ...revisions.map((one) => one.templateVersionId)] },
      },
      select: { content: true },
    });
    const urls = new Map(
      versions
        .flatMap(({ content }) => labelsOf(content as TemplateContent))
        .map((label) => [numberLink(label), label]),
    );
    const others = { url: null as string | null, people: 0, machines: 0, clicks: 0 };
    const items = new Map(
      [...urls].map(([number, url]) => [number, { ...others, url: url as string | null }]),
    );
    for (const { number, ...counts } of await countLinks(executeOn(pool), id)) {
      const item = items.get(number) ?? others;
      item.people += counts.people;
      item.machines += counts.machines;
      item.clicks += counts.clicks;
    }
    const listed = [...items.values(), ...(others.people + others.machines > 0 ? [others] : [])];
    return c.json({ items: listed.toSorted((one, other) => other.people - one.people) }, 200);
  });
}

/** The links of a version, in all of its locales. */
function labelsOf(content: TemplateContent): string[] {
  return [null, ...Object.keys(content.locales ?? {})].flatMap((locale) => {
    const email = contentFor("email", localizeContent(content, locale));
    const labels = "html" in email ? listLabels(email.html) : [];
    return labels.filter((label) => /^https?:/i.test(label));
  });
}
