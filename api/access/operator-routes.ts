import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { type OperatorRole, operatorRoles } from "../../domain/role.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { byCreation, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { exampleIdOf, idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { createRouter, defineRoute, problemResponse, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { sessionsInForce } from "./session-store.ts";

const states = ["signed-in", "signed-out"] as const;

const operator = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("operator") }),
    name: z.string().openapi({
      description: "The name that the OpenID provider gave at the last sign-in",
      example: "Ada Lovelace",
    }),
    role: z.enum(operatorRoles).nullable().openapi({
      description:
        "The role that their groups had at the last sign-in, which is that of their newest session; null if it was before an upgrade and they have no session",
      example: "sender",
    }),
    issuer: z.string().openapi({
      description: "The OpenID provider that knows the person",
      example: "https://login.example.org",
    }),
    createdAt: z.iso.datetime().openapi({ description: "When they first signed in" }),
    lastSeenAt: z.iso.datetime().openapi({
      description:
        "When they last signed in, or last used a session that has not ended, to the minute",
      example: "2027-03-01T09:00:00.000Z",
    }),
    sessions: z
      .number()
      .int()
      .openapi({ description: "In how many browsers they are signed in", example: 1 }),
  })
  .openapi("Operator");

const list = defineRoute({
  method: "get",
  path: "/v1/operators",
  access: "admin",
  summary: "List the people who have signed in through the OpenID provider, newest first",
  request: {
    query: z.object({
      ...pageQuery(byCreation),
      role: oneOrMore(operatorRoles).optional(),
      state: z
        .enum(states)
        .optional()
        .openapi({ description: "Filter by whether they are signed in now" }),
    }),
  },
  responses: responses(200, "A page of operators", pageOf(operator)),
});

const endSessions = defineRoute({
  method: "delete",
  path: "/v1/operators/{id}/sessions",
  access: "admin",
  needsProof: true,
  summary: "End all sessions of an operator. Every process refuses them within two seconds.",
  description:
    "They may sign in again as long as the OpenID provider lets them and one of their groups has a role: to keep somebody out, remove them from these groups first.",
  request: { params: idParams("operator") },
  responses: { 204: { description: "The operator has no sessions" }, ...problemResponse },
});

/** The routes by which admins see who signs in through the OpenID provider, and end all sessions of one. */
export function operatorRoutes(services: Services) {
  const { prisma, sessions, clock } = services;

  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const inForce = sessionsInForce(clock());
      const filters: Prisma.OperatorWhereInput[] = [
        query.role ? { role: { in: query.role } } : {},
        query.state === "signed-in" ? { sessions: { some: inForce } } : {},
        query.state === "signed-out" ? { sessions: { none: inForce } } : {},
      ];
      const page = await readPage(
        query,
        byCreation,
        (selection) =>
          prisma.operator.findMany({
            ...filterBy(selection, ...filters),
            include: { sessions: { where: inForce, select: { lastUsedAt: true } } },
          }),
        operatorJson,
      );
      return c.json(page, 200);
    })
    .openapi(endSessions, async (c) => {
      const id = readPathId("operator", c.req.valid("param").id);
      await withAuditedTransaction(c, services, async (tx) => {
        // A sign-in that is being made locks the same row, and so is either seen here or comes later.
        const locked = await tx.$queryRaw<
          unknown[]
        >`SELECT FROM operators WHERE id = ${id}::uuid FOR UPDATE`;
        if (locked.length === 0) throwNotFound("operator");
        const ended = await tx.session.findMany({
          where: { operatorId: id },
          select: { id: true },
          orderBy: { id: "asc" },
        });
        await tx.session.deleteMany({ where: { operatorId: id } });
        const before = { sessions: ended.map((session) => publicId("session", session.id)) };
        const change = {
          action: "operator.end_sessions",
          resource: publicId("operator", id),
          before,
          after: { sessions: [] },
        };
        return {
          body: null,
          changes: ended.length > 0 ? [change] : [],
          committed: () => sessions.clear(),
        };
      });
      return c.body(null, 204);
    });
}

type OperatorRow = Prisma.OperatorGetPayload<{
  include: { sessions: { select: { lastUsedAt: true } } };
}>;

function operatorJson({ id, name, role, issuer, createdAt, lastSignInAt, sessions }: OperatorRow) {
  const seen = [lastSignInAt, ...sessions.map(({ lastUsedAt }) => lastUsedAt)];
  return {
    id: publicId("operator", id),
    name,
    // A group cannot have another role.
    role: role as OperatorRole | null,
    issuer,
    createdAt: createdAt.toISOString(),
    lastSeenAt: new Date(Math.max(...seen.map((at) => at.getTime()))).toISOString(),
    sessions: sessions.length,
  };
}
