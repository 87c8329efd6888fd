import { z } from "@hono/zod-openapi";
import { templateVersionNumber } from "../../domain/notification.ts";
import { changeOf } from "../http/audit.ts";
import { withIdempotentTransaction, idempotencyHeaders } from "../http/idempotency.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import {
  contentWarnings,
  findTemplate,
  findVersion,
  insertVersion,
  latestVersion,
  lockTemplate,
  prepareVersion,
  savedTemplate,
  templateAnswer,
  templateParams,
  versionBody,
  versionJson,
  versionParams,
  versionSummary,
  versionSummaryJson,
  wholeTemplate,
  wholeVersion,
} from "./store.ts";
import { refuseForeignSender } from "../http/mail-domains.ts";
import type { Services } from "../services.ts";

const add = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/versions",
  access: "sender",
  summary: "Add a version. Messages accepted before keep their version.",
  request: {
    params: templateParams,
    headers: idempotencyHeaders,
    body: jsonContent(
      versionBody.extend({
        activate: z.boolean().default(true).openapi({
          description: "Whether this version is used from now on where a request names none",
        }),
        latestVersion: templateVersionNumber.optional().openapi({
          description:
            "The latest version that the caller knows of. If another one has been added meanwhile, the request is refused with 409",
          example: 2,
        }),
      }),
    ),
  },
  responses: responses(201, "The template, whose latest version is the new one", savedTemplate),
});

const sortable = { version: "number" } as const;

const list = defineRoute({
  method: "get",
  path: "/v1/templates/{key}/versions",
  access: "viewer",
  summary: "List the versions of a template, the latest first",
  request: { params: templateParams, query: z.object(pageQuery(sortable, "-version")) },
  responses: responses(200, "A page", pageOf(versionSummary)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/templates/{key}/versions/{version}",
  access: "viewer",
  summary: "Get a version with its content",
  request: { params: versionParams },
  responses: responses(200, "The version", wholeVersion),
});

const activate = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/versions/{version}/activate",
  access: "sender",
  summary:
    "Make an older or newer version the active one. Messages accepted before keep their version.",
  request: { params: versionParams, headers: idempotencyHeaders },
  responses: responses(200, "The template afterwards", wholeTemplate),
});

export function templateVersionRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(add, async (c) => {
      const { key } = c.req.valid("param");
      const { content, variables, activate, latestVersion: known } = c.req.valid("json");
      const prepared = await prepareVersion(services, c.get("caller"), { content, variables });
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        refuseForeignSender(content.email, services.config, "/content/email");
        // Locked, so that two new versions get two numbers.
        const before = await lockTemplate(tx, key);
        const latest = await latestVersion(tx, before);
        if (known !== undefined && known !== latest)
          throw new Problem(
            "conflict",
            `The latest version of the template is ${latest}, not ${known}: another one has been added meanwhile. Compare with it, and send latestVersion ${latest}.`,
          );
        const version = latest + 1;
        await insertVersion(tx, before, version, prepared, clock());
        const after = activate
          ? await tx.template.update({ where: { key }, data: { activeVersion: version } })
          : before;
        return {
          body: {
            ...(await templateAnswer(tx, after)),
            warnings: contentWarnings(prepared.content),
          },
          changes: [
            {
              action: "template.add_version",
              resource: key,
              before: { activeVersion: before.activeVersion },
              after: { activeVersion: after.activeVersion, version },
            },
          ],
        };
      });
    })
    .openapi(list, async (c) => {
      const template = await findTemplate(prisma, c.req.valid("param").key);
      const versions = await readPage(
        c.req.valid("query"),
        sortable,
        (page) =>
          prisma.templateVersion.findMany({
            ...filterBy(page, { templateId: template.id }),
            omit: { content: true, source: true, variables: true },
          }),
        versionSummaryJson,
      );
      return c.json(versions, 200);
    })
    .openapi(get, async (c) => {
      const { key, version } = c.req.valid("param");
      const row = await findVersion(prisma, await findTemplate(prisma, key), version);
      return c.json(versionJson(row), 200);
    })
    .openapi(activate, async (c) => {
      const { key, version } = c.req.valid("param");
      return withIdempotentTransaction(c, services, 200, async (tx) => {
        const before = await lockTemplate(tx, key);
        const { version: activeVersion } = await findVersion(tx, before, version);
        const unchanged = before.activeVersion === activeVersion;
        const after = unchanged
          ? before
          : await tx.template.update({ where: { key }, data: { activeVersion } });
        return {
          body: await templateAnswer(tx, after),
          changes: unchanged
            ? []
            : [
                changeOf(
                  "template.activate",
                  key,
                  { activeVersion: before.activeVersion },
                  { activeVersion },
                ),
              ],
        };
      });
    });
}
