import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { newUuid } from "../../domain/ids.ts";
import { blankInclusions, flattenHtml } from "../../domain/templates/layouts.ts";
import { TemplateError } from "../../domain/templates/template-error.ts";
import { text } from "../../domain/text.ts";
import type { Layout, Prisma } from "../../prisma/generated/client.ts";
import type { ApiEnv } from "../http/context.ts";
import { ifMatchHeaders, setEtag } from "../http/etag.ts";
import {
  idempotencyHeaders,
  withAuditedTransaction,
  withIdempotentTransaction,
} from "../http/idempotency.ts";
import { filterBy, filterByKeyOrName, readPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { invalid, notFound, Problem } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { readVersionPage, versionPageQuery } from "../http/version-cursor.ts";
import { versionInPath, versionMetadata } from "../http/version-metadata.ts";
import { changeVersioned } from "../http/versioned.ts";
import type { Services } from "../services.ts";
import {
  findLayout,
  htmlByKey,
  keysIn,
  layoutHtml,
  layoutJson,
  layoutKey,
  layoutName,
  layoutParams,
  layoutSummary,
  layoutSummaryJson,
  layoutVersionAnswer,
  layoutVersionJson,
  loadLayouts,
  lockLayout,
  wholeLayout,
} from "./store.ts";

const create = defineRoute({
  method: "post",
  path: "/v1/layouts",
  access: "sender",
  summary: "Create a layout",
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(z.strictObject({ key: layoutKey, name: layoutName, html: layoutHtml })),
  },
  responses: responses(201, "The new layout", wholeLayout),
});

const sortable = { createdAt: "creation", key: "text", name: "text" } as const;

const list = defineRoute({
  method: "get",
  path: "/v1/layouts",
  access: "viewer",
  summary: "List layouts, the newest first",
  request: {
    query: z.object({
      ...pageQuery(sortable),
      q: text(200)
        .optional()
        .openapi({ description: "Part of the key or the name; case is ignored", example: "main" }),
    }),
  },
  responses: responses(200, "A page of layouts", pageOf(layoutSummary)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/layouts/{key}",
  access: "viewer",
  summary: "Get a layout",
  request: { params: layoutParams },
  responses: responses(200, "The layout", wholeLayout),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/layouts/{key}",
  access: "sender",
  summary: "Change a layout. Template versions that include it do not change.",
  request: {
    params: layoutParams,
    headers: ifMatchHeaders,
    body: jsonContent(z.strictObject({ name: layoutName.optional(), html: layoutHtml.optional() })),
  },
  responses: responses(200, "The layout after the change", wholeLayout),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/layouts/{key}",
  access: "sender",
  summary: "Delete a layout. Refused while another layout includes it.",
  request: { params: layoutParams },
  responses: { 204: { description: "The layout was deleted" }, ...problemResponse },
});

const versions = defineRoute({
  method: "get",
  path: "/v1/layouts/{key}/versions",
  access: "viewer",
  summary: "List the versions of a layout, the latest first",
  request: { params: layoutParams, query: versionPageQuery },
  responses: responses(200, "A page of versions", pageOf(versionMetadata)),
});

const version = defineRoute({
  method: "get",
  path: "/v1/layouts/{key}/versions/{version}",
  access: "viewer",
  summary: "Get a version of a layout",
  request: { params: layoutParams.extend({ version: versionInPath }) },
  responses: responses(200, "The version", layoutVersionAnswer),
});

/** Templates that one answer lists. */
const mostUsers = 1_000;

const users = defineRoute({
  method: "get",
  path: "/v1/layouts/{key}/users",
  access: "viewer",
  summary: "List the templates and layouts that include a layout",
  request: { params: layoutParams },
  responses: responses(
    200,
    "The users of the layout",
    z
      .object({
        templates: z
          .array(
            z.object({
              key: z.string().openapi({ example: "order-shipped" }),
              name: z.string().openapi({ example: "Order shipped" }),
              version: z.number().int().openapi({ description: "The active version", example: 3 }),
              layoutVersion: z
                .number()
                .int()
                .openapi({ description: "The version of the layout in it", example: 2 }),
            }),
          )
          .openapi({
            description: `Templates whose active version includes the layout, directly or through another layout, by key; the first ${mostUsers}`,
          }),
        layouts: z
          .array(z.string())
          .openapi({ description: "The keys of layouts that include it directly", example: [] }),
      })
      .openapi("LayoutUsers"),
  ),
});

/** The routes of layouts: HTML that templates include. */
export function layoutRoutes(services: Services) {
  const { prisma, clock, templateRendering } = services;

  /** Throws the problem of HTML that cannot be parsed, or that includes layouts that it cannot include. Must not run within a transaction. */
  async function refuseUnusable(c: Context<ApiEnv>, key: string, html: string): Promise<void> {
    try {
      const layouts = htmlByKey(await loadLayouts(prisma, keysIn(html)));
      // Its own key stands for the HTML that is saved, so that a cycle is found.
      const flat = flattenHtml(`{% render "${key}" %}`, new Map([...layouts, [key, html]]));
      for (const source of [blankInclusions(html), flat]) {
        const content = { email: { subject: "S", html: source, text: "T" } };
        const faults = await templateRendering.check(c.get("caller"), content);
        if (faults.length > 0)
          throw invalid(
            faults.map(({ path: _path, ...fault }) => ({ in: "body", field: "/html", ...fault })),
          );
      }
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const message = error.message.replace(/, line:\d+, col:\d+$/, "");
      throw invalid([{ in: "body", field: "/html", message }]);
    }
  }

  return createRouter()
    .openapi(create, async (c) => {
      const { key, name, html } = c.req.valid("json");
      await refuseUnusable(c, key, html);
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        const now = clock();
        const { count } = await tx.layout.createMany({
          data: [{ id: newUuid(now), key, name, html, createdAt: now, updatedAt: now }],
          skipDuplicates: true,
        });
        if (count === 0)
          throw new Problem(
            "conflict",
            `There is a layout ${key} already. Change it, or use another key.`,
          );
        const row = await findLayout(tx, key);
        await keepVersion(tx, row, c.get("caller").id);
        return {
          body: layoutJson(row),
          changes: [{ action: "layout.create", resource: key, after: { name, version: 1 } }],
        };
      });
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filter = query.q === undefined ? {} : filterByKeyOrName(query.q);
      const layouts = await readPage(
        query,
        sortable,
        (page) => prisma.layout.findMany({ ...filterBy(page, filter), omit: { html: true } }),
        layoutSummaryJson,
      );
      return c.json(layouts, 200);
    })
    .openapi(get, async (c) => {
      const row = await findLayout(prisma, c.req.valid("param").key);
      setEtag(c, row.version);
      return c.json(layoutJson(row), 200);
    })
    .openapi(patch, async (c) => {
      const { key } = c.req.valid("param");
      const { name, html } = c.req.valid("json");
      if (html !== undefined) await refuseUnusable(c, key, html);
      const row = await changeVersioned(c, services, "layout.update", {
        lock: (tx) => lockLayout(tx, key),
        describe: (layout) => ({
          resource: key,
          version: layout.version,
          facts: { name: layout.name, version: layout.version },
        }),
        async write(tx, before) {
          const data = { name: name ?? before.name, html: html ?? before.html };
          if (data.name === before.name && data.html === before.html) return null;
          const after = await tx.layout.update({
            where: { key },
            data: { ...data, version: { increment: 1 }, updatedAt: clock() },
          });
          await keepVersion(tx, after, c.get("caller").id);
          return { after };
        },
      });
      return c.json(layoutJson(row), 200);
    })
    .openapi(remove, async (c) => {
      const { key } = c.req.valid("param");
      await withAuditedTransaction(c, services, async (tx) => {
        const before = await lockLayout(tx, key);
        const including = await findIncluding(tx, key);
        if (including.length > 0)
          throw new Problem(
            "conflict",
            `Layouts include it: ${including.slice(0, 10).join(", ")}. Change or delete them first.`,
          );
        await tx.layout.delete({ where: { key } });
        const { name, version: last } = before;
        return {
          body: null,
          changes: [{ action: "layout.delete", resource: key, before: { name, version: last } }],
        };
      });
      return c.body(null, 204);
    })
    .openapi(versions, async (c) => {
      const { id: layoutId } = await findLayout(prisma, c.req.valid("param").key);
      const page = await readVersionPage(c.req.valid("query"), ({ where, ...find }) =>
        prisma.layoutVersion.findMany({
          ...find,
          where: { ...where, layoutId },
          omit: { html: true },
        }),
      );
      return c.json(page, 200);
    })
    .openapi(version, async (c) => {
      const { key, version: number } = c.req.valid("param");
      const { id: layoutId } = await findLayout(prisma, key);
      const row = await prisma.layoutVersion.findUnique({
        where: { layoutId_version: { layoutId, version: number } },
      });
      if (!row) throw notFound("version of the layout", "number");
      return c.json(layoutVersionJson(row), 200);
    })
    .openapi(users, async (c) => {
      const { id, key } = await findLayout(prisma, c.req.valid("param").key);
      const templates = await prisma.$queryRaw<
        { key: string; name: string; version: number; layoutVersion: number }[]
      >`
        SELECT t.key, t.name, v.version, u.layout_version AS "layoutVersion"
        FROM layout_uses AS u
        JOIN template_versions AS v ON v.id = u.template_version_id
        JOIN templates AS t ON t.id = v.template_id AND t.active_version = v.version
        WHERE u.layout_id = ${id}::uuid
        ORDER BY t.key LIMIT ${mostUsers}`;
      return c.json({ templates, layouts: await findIncluding(prisma, key) }, 200);
    });
}

/** Lists the keys of the layouts that include a layout directly. */
async function findIncluding(
  client: Pick<Prisma.TransactionClient, "layout">,
  key: string,
): Promise<string[]> {
  const rows = await client.layout.findMany({
    where: { html: { contains: key } },
    select: { key: true, html: true },
    orderBy: { key: "asc" },
  });
  return rows.filter(({ html }) => keysIn(html).includes(key)).map(({ key: own }) => own);
}

async function keepVersion(
  tx: Prisma.TransactionClient,
  { id, version: number, name, html, updatedAt }: Layout,
  createdBy: string,
): Promise<void> {
  await tx.layoutVersion.create({
    data: { layoutId: id, version: number, name, html, createdBy, createdAt: updatedAt },
  });
}
