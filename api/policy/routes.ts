import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import { findPolicyChanges, policyPatch } from "../../domain/policy/policy.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { ifMatchHeaders, setEtag } from "../http/etag.ts";
import { readVersionPage, versionPageQuery } from "../http/version-cursor.ts";
import { pageOf } from "../http/pages.ts";
import { changeVersioned } from "../http/versioned.ts";
import { lockPolicy, patchPolicy, policyAnswer, toReadPolicy, readPolicy } from "./store.ts";
import { notFound } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { refuseUnusableTemplate } from "../templates/store.ts";
import { versionMetadata, versionInPath } from "../http/version-metadata.ts";
import type { Services } from "../services.ts";

const get = defineRoute({
  method: "get",
  path: "/v1/policy",
  access: "viewer",
  summary: "Get the current policy",
  responses: responses(200, "The policy", policyAnswer),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/policy",
  access: "admin",
  summary: "Change the policy. Waiting deliveries follow it from their next decision on.",
  description:
    "A JSON merge patch (RFC 7396): omitted fields stay as they are, and null restores the default.",
  request: {
    headers: ifMatchHeaders,
    body: jsonContent(
      policyPatch.meta({
        example: {
          preferences: { batching: { maximumSize: 10 } },
          limits: { perMinute: 5, burst: { messages: 5, seconds: 10 } },
          breaker: null,
        },
      }),
    ),
  },
  responses: responses(200, "The policy after the change", policyAnswer),
});

const versions = defineRoute({
  method: "get",
  path: "/v1/policy/versions",
  access: "viewer",
  summary: "List the versions of the policy, newest first",
  description: "Version 1 is the first change of the defaults.",
  request: { query: versionPageQuery },
  responses: responses(200, "A page of versions", pageOf(versionMetadata)),
});

const version = defineRoute({
  method: "get",
  path: "/v1/policy/versions/{version}",
  access: "viewer",
  summary: "Get one version of the policy",
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
      const { json } = await changeVersioned(c, services, "policy.update", {
        lock: lockPolicy,
        describe: ({ json, policy }) => ({
          resource: "policy",
          version: json.version,
          facts: policy,
        }),
        async write(tx, before) {
          const changes = findPolicyChanges(patchPolicy(before, wanted));
          if (isDeepStrictEqual(changes, before.json.changes)) return null;
          const after = toReadPolicy(
            await tx.policyVersion.create({
              data: {
                version: before.json.version + 1,
                document: changes as Prisma.InputJsonObject,
                createdBy: c.get("caller").id,
                createdAt: clock(),
              },
            }),
          );
          const { template } = after.policy.digest;
          if (template !== before.policy.digest.template)
            await refuseUnusableTemplate(tx, template, "/digest/template");
          return { after };
        },
      });
      return c.json(json, 200);
    })
    .openapi(versions, async (c) => {
      const page = await readVersionPage(c.req.valid("query"), (find) =>
        prisma.policyVersion.findMany({ ...find, omit: { document: true } }),
      );
      return c.json(page, 200);
    })
    .openapi(version, async (c) => {
      const row = await prisma.policyVersion.findUnique({ where: c.req.valid("param") });
      if (!row) throw notFound("version of the policy", "number");
      return c.json(toReadPolicy(row).json, 200);
    });
}
