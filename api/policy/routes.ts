import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import { policyChanges, policyPatch } from "../../domain/policy/policy.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import { ifMatchHeaders, requireMatch, setEtag } from "../http/etag.ts";
import { commit } from "../http/idempotency.ts";
import { numberedPage, numberedQuery } from "../http/version-cursor.ts";
import { pageOf } from "../http/pages.ts";
import { patchedPolicy, policyAnswer, readOf, readPolicy } from "./store.ts";
import { notFound } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { refuseUnusableTemplate } from "../templates/store.ts";
import { versionFacts, versionFactsJson, versionInPath } from "../http/version-metadata.ts";
import type { Services } from "../services.ts";

const get = defineRoute({
  method: "get",
  path: "/v1/policy",
  access: "viewer",
  summary: "The policy in force",
  responses: responses(200, "The policy", policyAnswer),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/policy",
  access: "admin",
  summary: "Change the policy. What waits is decided by it when it is looked at next.",
  description:
    "A JSON merge patch (RFC 7396): what is left out stays, and what is null takes its preset again.",
  request: {
    headers: ifMatchHeaders,
    body: jsonContent(
      policyPatch.meta({
        example: {
          preferences: { batching: { maximumSize: 10 } },
          limits: { perMinute: 5 },
          breaker: null,
        },
      }),
    ),
  },
  responses: responses(200, "The policy afterwards", policyAnswer),
});

const versions = defineRoute({
  method: "get",
  path: "/v1/policy/versions",
  access: "viewer",
  summary: "The versions of the policy, the latest first",
  description: "The first change of the presets made version 1.",
  request: { query: numberedQuery },
  responses: responses(200, "A page", pageOf(versionFacts)),
});

const version = defineRoute({
  method: "get",
  path: "/v1/policy/versions/{version}",
  access: "viewer",
  summary: "The policy as it was",
  request: { params: z.object({ version: versionInPath }) },
  responses: responses(200, "The version", policyAnswer),
});

export function policyRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(get, async (c) => {
      const { json } = await readPolicy(prisma);
      setEtag(c, json.version);
      return c.json(json, 200);
    })
    .openapi(patch, async (c) => {
      const wanted = c.req.valid("json");
      const json = await commit(c, services, async (tx) => {
        // Held against other changes: there may be no row yet to be held.
        await tx.$executeRaw`LOCK TABLE policy_versions IN SHARE ROW EXCLUSIVE MODE`;
        const before = await readPolicy(tx);
        requireMatch(c, before.json.version);
        const changes = policyChanges(patchedPolicy(before, wanted));
        if (isDeepStrictEqual(changes, before.json.changes))
          return { body: before.json, changes: [] };
        const { policy: now, json: after } = readOf(
          await tx.policyVersion.create({
            data: {
              version: before.json.version + 1,
              document: changes as Prisma.InputJsonObject,
              createdBy: c.get("caller").id,
              createdAt: clock(),
            },
          }),
        );
        if (now.digest.template !== before.policy.digest.template)
          await refuseUnusableTemplate(tx, now.digest.template, "/digest/template");
        return {
          body: after,
          changes: [changeOf("policy.update", "policy", before.policy, now)],
        };
      });
      setEtag(c, json.version);
      return c.json(json, 200);
    })
    .openapi(versions, async (c) => {
      const { below, take, answer } = numberedPage(c.req.valid("query"));
      const rows = await prisma.policyVersion.findMany({
        where: below === null ? {} : { version: { lt: below } },
        orderBy: { version: "desc" },
        omit: { document: true },
        take,
      });
      return c.json(
        answer(rows.map(versionFactsJson), (row) => row.version),
        200,
      );
    })
    .openapi(version, async (c) => {
      const row = await prisma.policyVersion.findUnique({ where: c.req.valid("param") });
      if (!row) throw notFound("version of the policy", "number");
      return c.json(readOf(row).json, 200);
    });
}
