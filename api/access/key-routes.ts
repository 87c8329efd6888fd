import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { instant } from "../../domain/time/instant.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { roles } from "../../domain/role.ts";
import { includesScopes, type Scope, scopes, uselessScopes } from "../../domain/scope.ts";
import { nameText } from "../../domain/text.ts";
import type { ApiKey, Prisma } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import {
  withAuditedTransaction,
  withIdempotentTransaction,
  idempotencyHeaders,
} from "../http/idempotency.ts";
import { newSecret } from "../http/keyring.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { byCreation, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { invalid, Problem } from "../http/problem.ts";
import { throwNotFound, exampleIdOf, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { endSessionsOfKey } from "./session-store.ts";

const states = ["active", "expired", "revoked"] as const;

const apiKey = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("apiKey") }),
    name: z.string().openapi({ example: "billing service" }),
    role: z.enum(roles).openapi({ example: "sender" }),
    scopes: z
      .array(z.enum(scopes))
      .nullable()
      .openapi({
        description: "The scopes that the key is limited to; null means everything its role may do",
        example: ["notifications:write"],
      }),
    prefix: z
      .string()
      .openapi({ description: "The first characters of the secret", example: "tdg_4fYp0aXe" }),
    state: z.enum(states),
    requestsPerMinute: z.number().int().nullable().openapi({
      description: "The limit of requests a minute; null means the configured default",
      example: null,
    }),
    previousUntil: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Until when the previous secret is valid; null if it is not" }),
    createdBy: z.string().openapi({
      description: "The caller that created the key: `bootstrap`, or the id of an API key",
      example: "bootstrap",
    }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable().openapi({ example: "2027-12-31T00:00:00.000Z" }),
    revokedAt: z.iso.datetime().nullable(),
    lastUsedAt: z.iso.datetime().nullable().openapi({
      description: "When the key was last used, to the minute",
      example: "2027-03-01T09:00:00.000Z",
    }),
  })
  .openapi("ApiKey");

const withSecret = apiKey
  .extend({
    secret: z.string().openapi({
      description: "The secret. It is returned only once, in this response",
      example: "tdg_4fYp0aXeX2v0nq8sJr6WcT1hKd7zLm3uQb9yGaNe",
    }),
  })
  .openapi("ApiKeyWithSecret");

const newKey = z.strictObject({
  name: nameText(200).openapi({ example: "billing service" }),
  role: z.enum(roles).openapi({ example: "sender" }),
  scopes: z
    .array(z.enum(scopes))
    .min(1)
    .max(scopes.length)
    .transform((given) => [...new Set(given)].sort())
    .nullable()
    .default(null)
    .openapi({
      type: ["array", "null"],
      items: { type: "string", enum: scopes },
      minItems: 1,
      description:
        "Limits the key to operations of these scopes. Each operation names its scope as `x-tidings-scope`. Null means everything the role may do",
      example: ["notifications:write"],
    }),
  requestsPerMinute: z.int().min(1).max(100_000_000).nullable().default(null),
  expiresAt: instant.nullable().default(null).openapi({ example: "2027-12-31T00:00:00Z" }),
});

const maxOverlapSeconds = 30 * 86_400;

const rotation = z.strictObject({
  overlapSeconds: z
    .int("must be a whole number")
    .min(0, "must be at least 0")
    .max(maxOverlapSeconds, `must be at most ${maxOverlapSeconds}`)
    .default(86_400)
    .openapi({
      description:
        "Seconds for which the previous secret stays valid. An older secret becomes invalid at once",
    }),
});

const params = idParams("apiKey");

const create = defineRoute({
  method: "post",
  path: "/v1/api-keys",
  access: "admin",
  needsProof: true,
  summary: "Create an API key. Its secret is returned only once.",
  description:
    "A key that is limited to scopes can create and rotate only keys with no more than those scopes.",
  request: { body: jsonContent(newKey) },
  responses: responses(201, "The key with its secret", withSecret),
});

const list = defineRoute({
  method: "get",
  path: "/v1/api-keys",
  access: "admin",
  summary: "List API keys, newest first",
  request: {
    query: z.object({
      ...pageQuery(byCreation),
      role: oneOrMore(roles).optional(),
      state: z.enum(states).optional().openapi({ description: "Filter by the state of the key" }),
    }),
  },
  responses: responses(200, "A page of keys", pageOf(apiKey)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/api-keys/{id}",
  access: "admin",
  summary: "Get an API key",
  request: { params },
  responses: responses(200, "The key", apiKey),
});

const rotate = defineRoute({
  method: "post",
  path: "/v1/api-keys/{id}/rotate",
  access: "admin",
  needsProof: true,
  summary: "Rotate the secret of an API key. Its id and its history stay the same.",
  description: "Browsers that signed in with the key have to sign in again.",
  request: { params, body: jsonContent(rotation) },
  responses: responses(200, "The key with its new secret", withSecret),
});

const revoke = defineRoute({
  method: "post",
  path: "/v1/api-keys/{id}/revoke",
  access: "admin",
  needsProof: true,
  summary: "Revoke an API key permanently. Every process refuses it within two seconds.",
  request: { params, headers: idempotencyHeaders },
  responses: responses(200, "The revoked key", apiKey),
});

export function apiKeyRoutes(services: Services) {
  const { prisma, clock, keyring, sessions } = services;
  const forget = () => {
    keyring.clear();
    sessions.clear();
  };

  /** Locks a key against other changes until the end of the transaction. */
  const lock = async (tx: Prisma.TransactionClient, id: string): Promise<ApiKey> => {
    await tx.$queryRaw`SELECT FROM api_keys WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
    const row = await tx.apiKey.findUnique({ where: { id } });
    if (!row) throwNotFound("apiKey");
    return row;
  };

  /** Refuses to create or rotate a key with scopes that the caller's own key lacks. */
  const refuseWider = (c: Context<ApiEnv>, wanted: readonly Scope[] | null) => {
    const { scopes: own } = c.get("caller");
    if (includesScopes(own, wanted)) return;
    throw new Problem(
      "forbidden",
      `Your key is limited to ${own?.join(", ")}, and the other key has more rights. Use a key with those rights.`,
    );
  };

  return createRouter()
    .openapi(create, async (c) => {
      const wanted = c.req.valid("json");
      const now = clock();
      const useless = uselessScopes(wanted.role, wanted.scopes ?? []);
      if (useless.length > 0)
        throw invalid([
          {
            in: "body",
            field: "/scopes",
            message: `cannot contain ${useless.join(", ")}: a key of the role ${wanted.role} cannot use it`,
          },
        ]);
      refuseWider(c, wanted.scopes);
      if (wanted.expiresAt && wanted.expiresAt <= now)
        throw invalid([{ in: "body", field: "/expiresAt", message: "must be in the future" }]);
      const { secret, prefix, hash } = newSecret();
      const body = await withAuditedTransaction(c, services, async (tx) => {
        const row = await tx.apiKey.create({
          data: {
            ...wanted,
            scopes: wanted.scopes ?? [],
            id: newUuid(now),
            prefix,
            hash,
            createdBy: c.get("caller").id,
            createdAt: now,
          },
        });
        const created = apiKeyJson(row, now);
        return {
          body: created,
          changes: [{ action: "api_key.create", resource: created.id, after: created }],
        };
      });
      return c.json({ ...body, secret }, 201);
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const now = clock();
      const filters = [
        query.role ? { role: { in: query.role } } : {},
        filterByState(query.state, now),
      ];
      const keys = await readPage(
        query,
        byCreation,
        (page) => prisma.apiKey.findMany(filterBy(page, ...filters)),
        (row) => apiKeyJson(row, now),
      );
      return c.json(keys, 200);
    })
    .openapi(get, async (c) => {
      const row = await prisma.apiKey.findUnique({
        where: { id: readPathId("apiKey", c.req.valid("param").id) },
      });
      if (!row) throwNotFound("apiKey");
      return c.json(apiKeyJson(row, clock()), 200);
    })
    .openapi(rotate, async (c) => {
      const { overlapSeconds } = c.req.valid("json");
      const id = readPathId("apiKey", c.req.valid("param").id);
      const { secret, prefix, hash } = newSecret();
      const body = await withAuditedTransaction(c, services, async (tx) => {
        const before = await lock(tx, id);
        const now = clock();
        const { state, scopes: keyScopes } = apiKeyJson(before, now);
        refuseWider(c, keyScopes);
        if (state !== "active")
          throw new Problem("conflict", `The key is ${state}: create a new key.`);
        const after = await tx.apiKey.update({
          where: { id },
          data: {
            prefix,
            hash,
            previousHash: overlapSeconds > 0 ? before.hash : null,
            previousUntil:
              overlapSeconds > 0 ? new Date(now.getTime() + overlapSeconds * 1_000) : null,
          },
        });
        await endSessionsOfKey(tx, id);
        const rotated = apiKeyJson(after, now);
        return {
          body: rotated,
          changes: [changeOf("api_key.rotate", rotated.id, apiKeyJson(before, now), rotated)],
          committed: forget,
        };
      });
      return c.json({ ...body, secret }, 200);
    })
    .openapi(revoke, (c) =>
      withIdempotentTransaction(c, services, 200, async (tx) => {
        const before = await lock(tx, readPathId("apiKey", c.req.valid("param").id));
        const now = clock();
        const after = before.revokedAt
          ? before
          : await tx.apiKey.update({
              where: { id: before.id },
              data: { revokedAt: now, previousHash: null, previousUntil: null },
            });
        await endSessionsOfKey(tx, before.id);
        const revoked = apiKeyJson(after, now);
        return {
          body: revoked,
          changes: before.revokedAt
            ? []
            : [changeOf("api_key.revoke", revoked.id, apiKeyJson(before, now), revoked)],
          committed: forget,
        };
      }),
    );
}

function filterByState(
  state: (typeof states)[number] | undefined,
  now: Date,
): Prisma.ApiKeyWhereInput {
  switch (state) {
    case undefined:
      return {};
    case "revoked":
      return { revokedAt: { not: null } };
    case "expired":
      return { revokedAt: null, expiresAt: { lte: now } };
    case "active":
      return { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
  }
}

function apiKeyJson(row: ApiKey, now: Date) {
  const { name, role, prefix, requestsPerMinute, createdBy } = row;
  const state: (typeof states)[number] = row.revokedAt
    ? "revoked"
    : row.expiresAt && row.expiresAt <= now
      ? "expired"
      : "active";
  return {
    id: publicId("apiKey", row.id),
    name,
    role,
    scopes: row.scopes.length > 0 ? (row.scopes as Scope[]) : null,
    prefix,
    state,
    requestsPerMinute,
    previousUntil: row.previousUntil?.toISOString() ?? null,
    createdBy,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}
