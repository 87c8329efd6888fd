import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { type OperatorRole, operatorRoles } from "../../domain/role.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { byCreation, pageOf, pageQuery } from "../http/pages.ts";
import { exampleIdOf, idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, problemResponse, responses } from "../http/router.ts";
import { bootstrapName } from "../http/sessions.ts";
import type { Services } from "../services.ts";
import { createCode, sessionsInForce } from "./session-store.ts";

const listedSession = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("session") }),
    actor: z.string().openapi({
      description: "The id of the API key or of the operator that signed in, or `bootstrap`",
      example: exampleIdOf("apiKey"),
    }),
    name: z.string().openapi({
      description: "The name of the API key or of the operator",
      example: "Ada at work",
    }),
    role: z.enum(operatorRoles).openapi({ example: "sender" }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().openapi({
      description: "When the session was last used, to the minute",
      example: "2027-03-01T09:00:00.000Z",
    }),
    expiresAt: z.iso.datetime(),
  })
  .openapi("ListedSession");

const code = z
  .object({
    code: z.string().openapi({ example: "k.J0a8dV3xT1bZyq2mN7rKc4hPwL9sXf6uGe5tQoYiMnA" }),
    expiresAt: z.iso.datetime(),
  })
  .openapi("SignInCode");

const list = defineRoute({
  method: "get",
  path: "/v1/sessions",
  access: "admin",
  summary: "List the browsers that are signed in to the console, newest first",
  request: { query: z.object(pageQuery(byCreation)) },
  responses: responses(200, "A page of sessions", pageOf(listedSession)),
});

const end = defineRoute({
  method: "delete",
  path: "/v1/sessions/{id}",
  access: "admin",
  needsProof: true,
  summary: "End a session. Every process refuses it within two seconds.",
  request: { params: idParams("session") },
  responses: { 204: { description: "The session has ended" }, ...problemResponse },
});

const makeCode = defineRoute({
  method: "post",
  path: "/v1/sign-in-codes",
  access: "admin",
  summary:
    "Create a code that signs in to the console once, within 10 minutes, as the key of this request",
  description:
    "Open `/console/#code=` followed by the code: a fragment is not sent to servers, and is not logged. A session cannot create codes, because it would never end.",
  responses: responses(201, "The code", code),
});

/** The routes by which admins see and end sessions, and let a browser sign in without typing a key. */
export function sessionListRoutes(services: Services) {
  const { prisma, pool, sessions, clock } = services;

  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const page = await readPage(
        query,
        byCreation,
        (selection) =>
          prisma.session.findMany({
            ...filterBy(selection, sessionsInForce(clock())),
            include: withOwner,
          }),
        listedJson,
      );
      return c.json(page, 200);
    })
    .openapi(end, async (c) => {
      const id = readPathId("session", c.req.valid("param").id);
      await withAuditedTransaction(c, services, async (tx) => {
        const { count } = await tx.session.deleteMany({ where: { id } });
        if (count === 0) throwNotFound("session");
        return {
          body: null,
          changes: [{ action: "session.end", resource: publicId("session", id) }],
          committed: () => sessions.clear(),
        };
      });
      return c.body(null, 204);
    })
    .openapi(makeCode, async (c) => {
      if (c.get("session"))
        throw new Problem(
          "forbidden",
          "A session cannot create sign-in codes: it would never end. Send an API key.",
        );
      const made = await createCode(pool, { sessions, caller: c.get("caller"), now: clock() });
      return c.json({ code: made.code, expiresAt: made.expiresAt.toISOString() }, 201);
    });
}

const withOwner = {
  apiKey: { select: { id: true, name: true, role: true } },
  operator: { select: { id: true, name: true } },
} as const;

type ListedRow = Prisma.SessionGetPayload<{ include: typeof withOwner }>;

function listedJson({ id, apiKey, operator, role, createdAt, lastUsedAt, expiresAt }: ListedRow) {
  const owner = apiKey
    ? { actor: publicId("apiKey", apiKey.id), name: apiKey.name, role: apiKey.role }
    : operator
      ? { actor: publicId("operator", operator.id), name: operator.name, role: role! }
      : { actor: "bootstrap", name: bootstrapName, role: "admin" as const };
  return {
    id: publicId("session", id),
    ...owner,
    // A key of another role cannot sign in.
    role: owner.role as OperatorRole,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  };
}
