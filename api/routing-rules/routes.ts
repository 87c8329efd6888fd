import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import { newUuid } from "../../domain/ids.ts";
import { maxRules, routingRuleKey } from "../../domain/policy/routing-rule.ts";
import { text } from "../../domain/text.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { ifMatchHeaders, setEtag } from "../http/etag.ts";
import {
  idempotencyHeaders,
  withAuditedTransaction,
  withIdempotentTransaction,
} from "../http/idempotency.ts";
import { filterBy, matchText, readLongPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { notFound, Problem } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { readVersionPage, versionPageQuery } from "../http/version-cursor.ts";
import { changeVersioned } from "../http/versioned.ts";
import { versionInPath, versionMetadata } from "../http/version-metadata.ts";
import type { Services } from "../services.ts";
import {
  activeFlag,
  definitionOf,
  describedDefinition,
  describedRule,
  findRule,
  keepVersion,
  lockRules,
  readActiveRules,
  refuseTooMany,
  refuseUnusableTemplates,
  ruleAnswer,
  ruleJson,
  ruleParams,
  ruleVersionAnswer,
  ruleVersionJson,
  writeVersion,
} from "./store.ts";

/** The role that may edit rules. They decide for all senders by which channels people are reached, and at which cost. */
const editorRole = "admin";

const example = {
  key: "urgent-by-push",
  name: "Urgent messages also by push",
  when: { field: "priority", in: ["critical", "high"] },
  route: {
    stages: [
      { via: ["in_app"] },
      { via: ["push", "email"], after: { minutes: 10, unless: "read" } },
    ],
  },
};

const create = defineRoute({
  method: "post",
  path: "/v1/routing-rules",
  access: editorRole,
  summary: "Create a routing rule, as the last one in the order",
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(
      describedDefinition
        .extend({ key: routingRuleKey, active: activeFlag.default(true) })
        .openapi({ example }),
    ),
  },
  responses: responses(201, "The new routing rule", ruleAnswer),
});

const sortable = {
  position: "number",
  createdAt: "creation",
  updatedAt: "instant",
  key: "text",
} as const;

const list = defineRoute({
  method: "get",
  path: "/v1/routing-rules",
  access: "viewer",
  summary: "List routing rules, in the order in which they are tried",
  request: {
    query: z.object({
      ...pageQuery(sortable, "position"),
      q: text(200).optional().openapi({
        description: "Part of the key or the name, without regard to case",
        example: "push",
      }),
    }),
  },
  responses: responses(200, "A page of routing rules", pageOf(ruleAnswer)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/routing-rules/{key}",
  access: "viewer",
  summary: "Get a routing rule",
  request: { params: ruleParams },
  responses: responses(200, "The routing rule", ruleAnswer),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/routing-rules/{key}",
  access: editorRole,
  summary: "Change a routing rule. Messages that were accepted before keep their route.",
  description:
    "Omitted fields stay as they are. Each given field replaces the old value as a whole.",
  request: {
    params: ruleParams,
    headers: ifMatchHeaders,
    body: jsonContent(
      describedRule
        .extend({ active: activeFlag })
        .partial()
        .openapi({ example: { active: false } }),
    ),
  },
  responses: responses(200, "The routing rule after the change", ruleAnswer),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/routing-rules/{key}",
  access: editorRole,
  summary: "Delete a routing rule. Messages that were accepted before keep their route.",
  request: { params: ruleParams },
  responses: { 204: { description: "The routing rule was deleted" }, ...problemResponse },
});

const versions = defineRoute({
  method: "get",
  path: "/v1/routing-rules/{key}/versions",
  access: "viewer",
  summary: "List the versions of a routing rule, newest first",
  request: { params: ruleParams, query: versionPageQuery },
  responses: responses(200, "A page of versions", pageOf(versionMetadata)),
});

const version = defineRoute({
  method: "get",
  path: "/v1/routing-rules/{key}/versions/{version}",
  access: "viewer",
  summary: "Get one version of a routing rule",
  request: { params: ruleParams.extend({ version: versionInPath }) },
  responses: responses(200, "The version", ruleVersionAnswer),
});

export function routingRuleRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(create, async (c) => {
      const { key, active, ...definition } = c.req.valid("json");
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        await lockRules(tx);
        const { _count: count, _max: last } = await tx.routingRule.aggregate({
          _count: true,
          _max: { position: true },
        });
        if (await tx.routingRule.findUnique({ where: { key }, select: { id: true } }))
          throw new Problem(
            "conflict",
            `The routing rule ${key} already exists. Change it, or choose another key.`,
          );
        if (count >= maxRules)
          throw new Problem(
            "conflict",
            `There are ${maxRules} routing rules already, which is the limit. Delete others first.`,
          );
        await refuseUnusableTemplates(tx, definition);
        const now = clock();
        const row = await tx.routingRule.create({
          data: {
            id: newUuid(now),
            key,
            active,
            position: (last.position ?? 0) + 1,
            document: definition as unknown as Prisma.InputJsonObject,
            createdAt: now,
            updatedAt: now,
          },
        });
        if (active) refuseTooMany(await readActiveRules(tx));
        await keepVersion(tx, row, c.get("caller").id);
        const body = ruleJson(row);
        return { body, changes: [{ action: "routing-rule.create", resource: key, after: body }] };
      });
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filter = query.q === undefined ? {} : filterByKeyOrName(query.q);
      const rules = await readLongPage(
        query,
        sortable,
        (page) => prisma.routingRule.findMany(filterBy(page, filter)),
        ruleJson,
      );
      return c.json(rules, 200);
    })
    .openapi(get, async (c) => {
      const row = await findRule(prisma, c.req.valid("param").key);
      setEtag(c, row.version);
      return c.json(ruleJson(row), 200);
    })
    .openapi(patch, async (c) => {
      const { key } = c.req.valid("param");
      const wanted = c.req.valid("json");
      const row = await changeVersioned(c, services, "routing-rule.update", {
        async lock(tx) {
          await lockRules(tx);
          return findRule(tx, key);
        },
        describe: (rule) => ({ resource: key, version: rule.version, facts: ruleJson(rule) }),
        async write(tx, before) {
          const { position, active } = before;
          const old = { position, active, ...definitionOf(before.document) };
          const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
          const next = { ...old, ...(Object.fromEntries(given) as Partial<typeof old>) };
          if (isDeepStrictEqual(next, old)) return null;
          await refuseUnusableTemplates(tx, next, old.templates);
          const by = { now: clock(), createdBy: c.get("caller").id };
          const after = await writeVersion(tx, before, next, by);
          if (after.active) refuseTooMany(await readActiveRules(tx));
          return { after };
        },
      });
      return c.json(ruleJson(row), 200);
    })
    .openapi(remove, async (c) => {
      const { key } = c.req.valid("param");
      await withAuditedTransaction(c, services, async (tx) => {
        await lockRules(tx);
        const before = await findRule(tx, key);
        await tx.routingRule.delete({ where: { id: before.id } });
        return {
          body: null,
          changes: [{ action: "routing-rule.delete", resource: key, before: ruleJson(before) }],
        };
      });
      return c.body(null, 204);
    })
    .openapi(versions, async (c) => {
      const { id: ruleId } = await findRule(prisma, c.req.valid("param").key);
      const page = await readVersionPage(c.req.valid("query"), ({ where, ...find }) =>
        prisma.routingRuleVersion.findMany({
          ...find,
          where: { ...where, ruleId },
          omit: { document: true },
        }),
      );
      return c.json(page, 200);
    })
    .openapi(version, async (c) => {
      const { key, version: wanted } = c.req.valid("param");
      const { id: ruleId } = await findRule(prisma, key);
      const row = await prisma.routingRuleVersion.findUnique({
        where: { ruleId_version: { ruleId, version: wanted } },
      });
      if (!row) throw notFound("version of the routing rule", "number");
      return c.json(ruleVersionJson(row), 200);
    });
}

/** Creates a Prisma filter for rules whose key or name contains this part, without regard to case. */
function filterByKeyOrName(part: string): Prisma.RoutingRuleWhereInput {
  const { contains, mode } = matchText(part);
  return {
    OR: [
      { key: { contains, mode } },
      { document: { path: ["name"], string_contains: contains, mode } },
    ],
  };
}
