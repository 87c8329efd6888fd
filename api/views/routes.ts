import { z } from "@hono/zod-openapi";
import { newUuid, publicId } from "../../domain/ids.ts";
import { includesRole } from "../../domain/role.ts";
import { viewPath } from "../../domain/saved-view.ts";
import { nameText } from "../../domain/text.ts";
import type { SavedView } from "../../prisma/generated/client.ts";
import {
  idempotencyHeaders,
  withAuditedTransaction,
  withIdempotentTransaction,
} from "../http/idempotency.ts";
import { exampleIdOf, idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { Problem } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import type { Services } from "../services.ts";

/** How many views one person may save. */
const maxViews = 50;

const viewName = nameText(80)
  .refine(
    (name) => !/@|\d{7}/.test(name),
    "must not contain an address or a telephone number, because names of views are kept",
  )
  .openapi({ example: "Failed this week" });
const path = viewPath.openapi({
  description:
    "The path and the parameters of the console’s address, below `/console`. It takes words, ids and instants, and nothing personal",
  example: "/deliveries?status=failed",
});
const isShared = z.boolean().openapi({
  description: "Whether everybody sees the view. Sharing needs the role sender",
  example: false,
});

const view = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("savedView") }),
    name: viewName,
    path,
    isShared,
    isMine: z.boolean().openapi({ description: "Whether the caller saved it", example: true }),
    createdBy: z.string().openapi({
      description: "Who saved the view: `bootstrap`, or the id of an API key or an operator",
      example: exampleIdOf("apiKey"),
    }),
    createdAt: z.iso.datetime(),
  })
  .openapi("SavedView");

const list = defineRoute({
  method: "get",
  path: "/v1/views",
  access: "viewer",
  summary: "List the views of the console that I have saved, and those that others share",
  responses: responses(200, "The views, by name", z.object({ items: z.array(view) })),
});

const create = defineRoute({
  method: "post",
  path: "/v1/views",
  access: "viewer",
  summary: "Save a view of the console: a name for an address",
  description: `Everybody may save up to ${maxViews} views.`,
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(z.strictObject({ name: viewName, path, isShared: isShared.default(false) })),
  },
  responses: responses(201, "The view", view),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/views/{id}",
  access: "viewer",
  summary: "Delete a saved view: one’s own, or as an admin one that is shared",
  request: { params: idParams("savedView") },
  responses: { 204: { description: "The view was deleted" }, ...problemResponse },
});

/** The routes of saved views. They belong to an API key or an operator. */
export function savedViewRoutes(services: Services) {
  const { prisma, clock } = services;
  return createRouter()
    .openapi(list, async (c) => {
      const { id: owner } = c.get("caller");
      // Views of one person are bounded, and few people share any.
      const rows = await prisma.savedView.findMany({
        where: { OR: [{ owner }, { isShared: true }] },
        orderBy: [{ name: "asc" }, { id: "asc" }],
        take: 500,
      });
      return c.json({ items: rows.map((row) => viewJson(row, owner)) }, 200);
    })
    .openapi(create, (c) =>
      withIdempotentTransaction(c, services, 201, async (tx) => {
        const wanted = c.req.valid("json");
        const { id: owner, role } = c.get("caller");
        if (wanted.isShared && !(role && includesRole(role, "sender")))
          throw new Problem(
            "forbidden",
            `Sharing a view needs the role sender. Your role is ${role}. Save it for yourself.`,
          );
        if ((await tx.savedView.count({ where: { owner } })) >= maxViews)
          throw new Problem(
            "conflict",
            `You have saved ${maxViews} views, which is the limit. Delete one that you do not use.`,
          );
        const now = clock();
        const row = await tx.savedView.create({
          data: { ...wanted, id: newUuid(now), owner, createdAt: now },
        });
        const body = viewJson(row, owner);
        const { name, path: address, isShared: shared } = body;
        const after = { name, path: address, isShared: shared };
        return { body, changes: [{ action: "view.create", resource: body.id, after }] };
      }),
    )
    .openapi(remove, async (c) => {
      const id = readPathId("savedView", c.req.valid("param").id);
      const { id: owner, role } = c.get("caller");
      await withAuditedTransaction(c, services, async (tx) => {
        const mayDelete = role === "admin" ? [{ owner }, { isShared: true }] : [{ owner }];
        const row = await tx.savedView.findFirst({ where: { id, OR: mayDelete } });
        if (!row) throwNotFound("savedView");
        await tx.savedView.deleteMany({ where: { id } });
        const { name, path: address, isShared: shared } = row;
        const change = {
          action: "view.delete",
          resource: publicId("savedView", id),
          before: { name, path: address, isShared: shared },
        };
        return { body: null, changes: [change] };
      });
      return c.body(null, 204);
    });
}

function viewJson(row: SavedView, caller: string) {
  const { id, name, path: address, isShared: shared, owner, createdAt } = row;
  return {
    id: publicId("savedView", id),
    name,
    path: address,
    isShared: shared,
    isMine: owner === caller,
    createdBy: owner,
    createdAt: createdAt.toISOString(),
  };
}
