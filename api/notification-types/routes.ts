import { refuseForeignSender } from "../http/mail-domains.ts";
import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import { newUuid } from "../../domain/ids.ts";
import { typeDefinition, typeKey, typePatch } from "../../domain/policy/notification-type.ts";
import { text } from "../../domain/text.ts";
import type { NotificationType, Prisma } from "../../prisma/generated/client.ts";
import { isForeignKeyViolation } from "../http/database-errors.ts";
import { ifMatchHeaders, setEtag } from "../http/etag.ts";
import {
  withAuditedTransaction,
  withIdempotentTransaction,
  idempotencyHeaders,
} from "../http/idempotency.ts";
import {
  definitionOf,
  findType,
  lockType,
  patchDefinition,
  typeAnswer,
  typeJson,
  typeParams,
  typeVersionAnswer,
  typeVersionJson,
} from "./store.ts";
import { readVersionPage, versionPageQuery } from "../http/version-cursor.ts";
import { matchText, filterBy, readLongPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { notFound, Problem } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { changeVersioned } from "../http/versioned.ts";
import { refuseUnusableTemplate } from "../templates/store.ts";
import { versionMetadata, versionInPath } from "../http/version-metadata.ts";
import type { Services } from "../services.ts";

/**
 * The role that may edit types. A type decides for all recipients which messages cannot be switched off, which pass quiet hours, and how
 * many are sent. Like the policy, that is a decision of the organisation, not of the senders, who only choose a type.
 */
const editorRole = "admin";

const example = {
  name: "Invoices",
  priority: "normal",
  channels: ["email"],
  batchable: true,
  digestable: true,
  limits: { perDay: 20 },
  preferences: { batching: { windowMinutes: 60 } },
};

const create = defineRoute({
  method: "post",
  path: "/v1/notification-types",
  access: editorRole,
  summary: "Create a notification type",
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(
      typeDefinition.extend({ key: typeKey }).openapi({ example: { key: "invoice", ...example } }),
    ),
  },
  responses: responses(201, "The new notification type", typeAnswer),
});

const sortable = { createdAt: "creation", updatedAt: "instant", key: "text" } as const;

const list = defineRoute({
  method: "get",
  path: "/v1/notification-types",
  access: "viewer",
  summary: "List notification types, newest first",
  request: {
    query: z.object({
      ...pageQuery(sortable),
      q: text(200).optional().openapi({
        description: "Part of the key or the name, without regard to case",
        example: "task",
      }),
    }),
  },
  responses: responses(200, "A page of notification types", pageOf(typeAnswer)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/notification-types/{key}",
  access: "viewer",
  summary: "Get a notification type",
  request: { params: typeParams },
  responses: responses(200, "The notification type", typeAnswer),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/notification-types/{key}",
  access: editorRole,
  summary: "Change a notification type. Waiting deliveries follow it from their next decision on.",
  description:
    "A JSON merge patch (RFC 7396): omitted fields stay as they are, and null restores the default, except that null for `failoverAfterSeconds` means never.",
  request: {
    params: typeParams,
    headers: ifMatchHeaders,
    body: jsonContent(
      typePatch.meta({ example: { batchable: false, limits: { perDay: 10, perHour: null } } }),
    ),
  },
  responses: responses(200, "The notification type after the change", typeAnswer),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/notification-types/{key}",
  access: editorRole,
  summary: "Delete a notification type. Refused while a notification or campaign uses it.",
  request: { params: typeParams },
  responses: { 204: { description: "The notification type was deleted" }, ...problemResponse },
});

const versions = defineRoute({
  method: "get",
  path: "/v1/notification-types/{key}/versions",
  access: "viewer",
  summary: "List the versions of a notification type, newest first",
  request: { params: typeParams, query: versionPageQuery },
  responses: responses(200, "A page of versions", pageOf(versionMetadata)),
});

const version = defineRoute({
  method: "get",
  path: "/v1/notification-types/{key}/versions/{version}",
  access: "viewer",
  summary: "Get one version of a notification type",
  request: { params: typeParams.extend({ version: versionInPath }) },
  responses: responses(200, "The version", typeVersionAnswer),
});

export function notificationTypeRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(create, async (c) => {
      const { key, ...definition } = c.req.valid("json");
      refuseForeignSender(definition.email, services.config, "/email");
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        await refuseUnusableTemplate(tx, definition.summaryTemplate, "/summaryTemplate");
        const now = clock();
        const document = definition as unknown as Prisma.InputJsonObject;
        const { count } = await tx.notificationType.createMany({
          data: [{ id: newUuid(now), key, document, createdAt: now, updatedAt: now }],
          skipDuplicates: true,
        });
        if (count === 0)
          throw new Problem(
            "conflict",
            `The notification type ${key} already exists. Change it, or choose another key.`,
          );
        const row = await findType(tx, key);
        await storeVersion(tx, row, c.get("caller").id);
        const body = typeJson(row);
        return { body, changes: [{ action: "type.create", resource: key, after: body }] };
      });
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filter = query.q === undefined ? {} : filterByKeyOrName(query.q);
      const types = await readLongPage(
        query,
        sortable,
        (page) => prisma.notificationType.findMany(filterBy(page, filter)),
        typeJson,
      );
      return c.json(types, 200);
    })
    .openapi(get, async (c) => {
      const row = await findType(prisma, c.req.valid("param").key);
      setEtag(c, row.version);
      return c.json(typeJson(row), 200);
    })
    .openapi(patch, async (c) => {
      const { key } = c.req.valid("param");
      const wanted = c.req.valid("json");
      const row = await changeVersioned(c, services, "type.update", {
        lock: (tx) => lockType(tx, key),
        describe: (type) => ({ resource: key, version: type.version, facts: typeJson(type) }),
        async write(tx, before) {
          const old = definitionOf(before.document);
          const definition = patchDefinition(old, wanted);
          if (isDeepStrictEqual(definition, old)) return null;
          refuseForeignSender(definition.email, services.config, "/email");
          if (definition.summaryTemplate !== old.summaryTemplate)
            await refuseUnusableTemplate(tx, definition.summaryTemplate, "/summaryTemplate");
          const after = await tx.notificationType.update({
            where: { key },
            data: {
              document: definition as unknown as Prisma.InputJsonObject,
              version: { increment: 1 },
              updatedAt: clock(),
            },
          });
          await storeVersion(tx, after, c.get("caller").id);
          return { after };
        },
      });
      return c.json(typeJson(row), 200);
    })
    .openapi(remove, async (c) => {
      const { key } = c.req.valid("param");
      await withAuditedTransaction(c, services, async (tx) => {
        const before = await findType(tx, key);
        await tx.notificationType.delete({ where: { id: before.id } }).catch((error: unknown) => {
          throw isForeignKeyViolation(error) ? inUse() : error;
        });
        return {
          body: null,
          changes: [{ action: "type.delete", resource: key, before: typeJson(before) }],
        };
      });
      return c.body(null, 204);
    })
    .openapi(versions, async (c) => {
      const { id: typeId } = await findType(prisma, c.req.valid("param").key);
      const page = await readVersionPage(c.req.valid("query"), ({ where, ...find }) =>
        prisma.notificationTypeVersion.findMany({
          ...find,
          where: { ...where, typeId },
          omit: { document: true },
        }),
      );
      return c.json(page, 200);
    })
    .openapi(version, async (c) => {
      const { key, version: wanted } = c.req.valid("param");
      const { id: typeId } = await findType(prisma, key);
      const row = await prisma.notificationTypeVersion.findUnique({
        where: { typeId_version: { typeId, version: wanted } },
      });
      if (!row) throw notFound("version of the notification type", "number");
      return c.json(typeVersionJson(row), 200);
    });
}

const inUse = () =>
  new Problem(
    "conflict",
    "Notifications or campaigns that are still stored use this notification type.",
  );

/** Creates a Prisma filter for types whose key or name contains this part, without regard to case. */
function filterByKeyOrName(part: string): Prisma.NotificationTypeWhereInput {
  const { contains, mode } = matchText(part);
  return {
    OR: [
      { key: { contains, mode } },
      { document: { path: ["name"], string_contains: contains, mode } },
    ],
  };
}

async function storeVersion(
  tx: Prisma.TransactionClient,
  { id, version, document, updatedAt }: NotificationType,
  createdBy: string,
) {
  await tx.notificationTypeVersion.create({
    data: {
      typeId: id,
      version,
      document: document as Prisma.InputJsonObject,
      createdBy,
      createdAt: updatedAt,
    },
  });
}
