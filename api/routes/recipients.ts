import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { externalId, recipientProfile, recipientReference } from "../../domain/recipient.ts";
import { text } from "../../domain/storable.ts";
import { Prisma, type Recipient } from "../../prisma/generated/client.ts";
import { changeOf } from "../audit.ts";
import { setEtag } from "../etag.ts";
import { commit } from "../idempotency.ts";
import { notFound, Problem } from "../problem.ts";
import { upsertRecipients } from "../recipient-store.ts";
import {
  type ApiDeps,
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../router.ts";

const recipient = z
  .object({
    id: z.string().openapi({ example: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    externalId: z.string(),
    email: z.string().nullable(),
    phone: z.string().nullable(),
    timeZone: z.string(),
    locale: z.string(),
    attributes: z.record(z.string(), z.unknown()),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Recipient");

/** The caller's own id of a recipient, or the one that Tidings gave. */
const reference = z.object({
  recipient: text(200).openapi({ description: "External id, or rcp_…" }),
});

const put = defineRoute({
  method: "put",
  path: "/v1/recipients/{recipient}",
  access: "sender",
  summary: "Create or replace a recipient. What is left out takes its default.",
  request: { params: z.object({ recipient: externalId }), body: jsonContent(recipientProfile) },
  responses: {
    ...responses(200, "Replaced", recipient),
    201: { description: "Created", content: { "application/json": { schema: recipient } } },
  },
});

const get = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}",
  access: "viewer",
  summary: "One recipient",
  request: { params: reference },
  responses: responses(200, "The recipient", recipient),
});

const erase = defineRoute({
  method: "delete",
  path: "/v1/recipients/{recipient}",
  access: "admin",
  summary:
    "Erase a recipient: personal data and external id are gone for good, and what is still pending is cancelled. Idempotent.",
  request: { params: reference },
  responses: { 204: { description: "There is no such recipient any more" }, ...problemResponse },
});

const recipientColumns = Prisma.sql`id, external_id AS "externalId", email, phone, time_zone AS "timeZone", locale, attributes, created_at AS "createdAt", updated_at AS "updatedAt", version`;

export function recipientRoutes(deps: ApiDeps) {
  const { prisma, clock } = deps;

  return createRouter()
    .openapi(put, async (c) => {
      const { recipient: externalId } = c.req.valid("param");
      const profile = c.req.valid("json");
      const { created, ...row } = await commit(c, deps, async (tx) => {
        // Held, so that what the audit trail says it was is what this replaced.
        const [before] = await tx.$queryRaw<
          Recipient[]
        >`SELECT ${recipientColumns} FROM recipients WHERE external_id = ${externalId} FOR NO KEY UPDATE`;
        const [stored] = await upsertRecipients(tx, [{ ...profile, externalId }], clock());
        const after = recipientJson(stored!);
        return {
          body: stored!,
          changes: [
            before
              ? changeOf("recipient.replace", after.id, recipientJson(before), after)
              : { action: "recipient.create", resource: after.id, after },
          ],
        };
      });
      setEtag(c, row.version);
      return c.json(recipientJson(row), created ? 201 : 200);
    })
    .openapi(get, async (c) => {
      const row = await prisma.recipient.findUnique({
        where: recipientReference(c.req.valid("param").recipient),
      });
      if (!row) throw notFound("recipient");
      if (row.erasedAt)
        throw new Problem("gone", `This recipient was erased at ${row.erasedAt.toISOString()}.`);
      setEtag(c, row.version);
      return c.json(recipientJson(row), 200);
    })
    .openapi(erase, async (c) => {
      const key = recipientReference(c.req.valid("param").recipient);
      const now = clock();
      await commit(c, deps, async (tx) => {
        // Waits for those who are adding deliveries for this recipient, so that theirs are cancelled below as well.
        const [erased] = await tx.recipient.updateManyAndReturn({
          where: { ...key, erasedAt: null },
          data: {
            externalId: null,
            email: null,
            phone: null,
            timeZone: "UTC",
            locale: "en",
            attributes: {},
            erasedAt: now,
            version: { increment: 1 },
          },
          select: { id: true },
        });
        if (!erased) return { body: null, changes: [] };
        await tx.delivery.updateMany({
          where: { recipientId: erased.id, status: "pending", dueAt: { not: null } },
          data: {
            status: "cancelled",
            reason: "recipient_erased",
            detail: null,
            dueAt: null,
            leaseToken: null,
            leaseUntil: null,
            finishedAt: now,
          },
        });
        const resource = publicId("recipient", erased.id);
        await tx.auditEntry.updateMany({
          where: { resource },
          data: { before: Prisma.DbNull, after: Prisma.DbNull },
        });
        return { body: null, changes: [{ action: "recipient.erase", resource }] };
      });
      return c.body(null, 204);
    });
}

function recipientJson({
  id,
  externalId,
  email,
  phone,
  timeZone,
  locale,
  attributes,
  createdAt,
  updatedAt,
}: Omit<Recipient, "erasedAt">) {
  return {
    id: publicId("recipient", id),
    externalId: externalId!,
    email,
    phone,
    timeZone,
    locale,
    attributes: attributes as Record<string, unknown>,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
