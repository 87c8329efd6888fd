import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { templateVersionNumber } from "../../domain/notification.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { text } from "../../domain/text.ts";
import type { Prisma, PrismaClient, Template } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { withIdempotentTransaction, idempotencyHeaders } from "../http/idempotency.ts";
import { filterBy, filterByKeyOrName, readPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import {
  contentWarnings,
  copyVersion,
  findTemplate,
  findVersion,
  insertTemplate,
  lockTemplate,
  newTemplateKey,
  prepareVersion,
  savedTemplate,
  templateAnswer,
  templateJson,
  templateName,
  templateParams,
  templateSummary,
  versionBody,
  versionJson,
  versionSummaryJson,
  wholeTemplate,
} from "./store.ts";
import { refuseForeignSender } from "../http/mail-domains.ts";
import type { Services } from "../services.ts";

const create = defineRoute({
  method: "post",
  path: "/v1/templates",
  access: "sender",
  summary: "Create a template with its first version",
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(versionBody.extend({ key: newTemplateKey, name: templateName })),
  },
  responses: responses(201, "Created", savedTemplate),
});

const sortable = { createdAt: "creation", key: "text", name: "text" } as const;

const list = defineRoute({
  method: "get",
  path: "/v1/templates",
  access: "viewer",
  summary: "List templates, the newest first",
  request: {
    query: z.object({
      ...pageQuery(sortable),
      q: text(200)
        .optional()
        .openapi({ description: "Part of the key or the name; case is ignored", example: "order" }),
      archived: z
        .enum(["true", "false"])
        .optional()
        .openapi({ description: "Only archived templates, or only others; both if left out" }),
    }),
  },
  responses: responses(200, "A page", pageOf(templateSummary)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/templates/{key}",
  access: "viewer",
  summary: "Get a template with its active version",
  request: { params: templateParams },
  responses: responses(200, "The template", wholeTemplate),
});

const duplicate = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/duplicate",
  access: "sender",
  summary: "Copy a version of a template to a new template",
  request: {
    params: templateParams,
    headers: idempotencyHeaders,
    body: jsonContent(
      z.strictObject({
        key: newTemplateKey.openapi({ example: "order-shipped-2" }),
        name: templateName,
        version: templateVersionNumber.optional().openapi({
          description: "The version to copy; the active version if left out",
          example: 1,
        }),
      }),
    ),
  },
  responses: responses(201, "Created", savedTemplate),
});

const archive = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/archive",
  access: "sender",
  summary: "Archive a template. Messages accepted before are still sent.",
  request: { params: templateParams, headers: idempotencyHeaders },
  responses: responses(200, "The template afterwards", wholeTemplate),
});

const restore = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/restore",
  access: "sender",
  summary: "Restore an archived template",
  request: { params: templateParams, headers: idempotencyHeaders },
  responses: responses(200, "The template afterwards", wholeTemplate),
});

export function templateRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(create, async (c) => {
      const { key, name, content, variables } = c.req.valid("json");
      const prepared = await prepareVersion(services, c.get("caller"), { content, variables });
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        refuseForeignSender(content.email, services.config, "/content/email");
        const { template, version } = await insertTemplate(tx, { key, name }, prepared, clock());
        return {
          body: {
            ...templateJson(template, { latestVersion: 1, unfinishedCampaigns: 0 }),
            activeVersion: versionJson(version),
            warnings: contentWarnings(prepared.content),
          },
          changes: [{ action: "template.create", resource: key, after: { name, version: 1 } }],
        };
      });
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filters: Prisma.TemplateWhereInput[] = [
        query.q === undefined ? {} : filterByKeyOrName(query.q),
        query.archived === undefined
          ? {}
          : { archivedAt: query.archived === "true" ? { not: null } : null },
      ];
      const templates = await readPage(
        query,
        sortable,
        async (page) =>
          withVersions(prisma, await prisma.template.findMany(filterBy(page, ...filters))),
        ({ active, ...row }) => ({
          ...templateJson(row, row),
          activeVersion: versionSummaryJson(active),
        }),
      );
      return c.json(templates, 200);
    })
    .openapi(get, async (c) => {
      const template = await findTemplate(prisma, c.req.valid("param").key);
      return c.json(await templateAnswer(prisma, template), 200);
    })
    .openapi(duplicate, async (c) => {
      const { key: from } = c.req.valid("param");
      const { key, name, version: number } = c.req.valid("json");
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        const source = await findVersion(tx, await findTemplate(tx, from), number);
        const { template, version } = await insertTemplate(
          tx,
          { key, name },
          await copyVersion(tx, source, c.get("caller").id),
          clock(),
        );
        return {
          body: {
            ...templateJson(template, { latestVersion: 1, unfinishedCampaigns: 0 }),
            activeVersion: versionJson(version),
            warnings: contentWarnings(source.content as TemplateContent),
          },
          changes: [
            {
              action: "template.duplicate",
              resource: key,
              after: { name, version: 1, from: { key: from, version: source.version } },
            },
          ],
        };
      });
    })
    .openapi(archive, (c) => setArchived(c, c.req.valid("param").key, clock()))
    .openapi(restore, (c) => setArchived(c, c.req.valid("param").key, null));

  function setArchived(c: Context<ApiEnv>, key: string, archivedAt: Date | null) {
    return withIdempotentTransaction(c, services, 200, async (tx) => {
      const before = await lockTemplate(tx, key);
      const isUnchanged = (before.archivedAt === null) === (archivedAt === null);
      const after = isUnchanged
        ? before
        : await tx.template.update({ where: { key }, data: { archivedAt } });
      const facts = (of: Template) => ({ archivedAt: of.archivedAt?.toISOString() ?? null });
      return {
        body: await templateAnswer(tx, after),
        changes: isUnchanged
          ? []
          : [
              changeOf(
                archivedAt ? "template.archive" : "template.restore",
                key,
                facts(before),
                facts(after),
              ),
            ],
      };
    });
  }
}

interface ListedVersions {
  active: { id: string; version: number; createdBy: string | null; createdAt: Date };
  latestVersion: number;
  unfinishedCampaigns: number;
}

/** Adds the active version, without its content, the highest version number and the number of unfinished campaigns to each template. */
async function withVersions(
  prisma: Pick<PrismaClient, "$queryRaw">,
  templates: readonly Template[],
): Promise<(Template & ListedVersions)[]> {
  const rows = await prisma.$queryRaw<
    (ListedVersions["active"] & Omit<ListedVersions, "active"> & { templateId: string })[]
  >`
    WITH unfinished AS (
      SELECT v.template_id, count(*)::int AS campaigns
      FROM campaigns AS c JOIN template_versions AS v ON v.id = c.template_version_id
      WHERE c.finished_at IS NULL GROUP BY v.template_id
    )
    SELECT t.id AS "templateId", v.id, v.version, v.created_by AS "createdBy", v.created_at AS "createdAt", (
      SELECT max(l.version) FROM template_versions AS l WHERE l.template_id = t.id
    ) AS "latestVersion", coalesce(u.campaigns, 0) AS "unfinishedCampaigns"
    FROM templates AS t
    JOIN template_versions AS v ON v.template_id = t.id AND v.version = t.active_version
    LEFT JOIN unfinished AS u ON u.template_id = t.id
    WHERE t.id = ANY(${templates.map(({ id }) => id)}::uuid[])`;
  const versions = new Map(
    rows.map(({ templateId, latestVersion, unfinishedCampaigns, ...active }) => [
      templateId,
      { active, latestVersion, unfinishedCampaigns },
    ]),
  );
  return templates.map((template) => ({ ...template, ...versions.get(template.id)! }));
}
