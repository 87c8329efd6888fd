import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import { applyPatch, leavesMailbox, replaceRecipient } from "../../domain/recipient-change.ts";
import {
  externalId,
  type ImportedRecipient,
  recipientPatch,
  type RecipientProfile,
  recipientProfile,
  recipientReference,
} from "../../domain/recipient.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { ifMatchHeaders, setEtag } from "../http/etag.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { invalid, jsonPointer } from "../http/problem.ts";
import { releaseFor } from "../deliveries/release.ts";
import { storeRecipients } from "./upsert.ts";
import {
  readRecipient,
  type LockedRecipient,
  lockRecipient,
  recipientAnswer,
  recipientFacts,
  recipientJsonFor,
  type RecipientName,
  type RecipientRow,
  recipientParams,
  refuseAbsent,
} from "./store.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { executeIn } from "../../ledger/sql.ts";
import { changeVersioned } from "../http/versioned.ts";
import type { Services } from "../services.ts";

const exampleProfile = {
  email: "ada@example.org",
  phone: null,
  timeZone: "Europe/London",
  locale: "en-GB",
  attributes: { name: "Ada", plan: "pro" },
};

const put = defineRoute({
  method: "put",
  path: "/v1/recipients/{recipient}",
  access: "sender",
  summary: "Create or replace a recipient. A field that is left out gets its default.",
  request: {
    params: z.object({
      recipient: externalId.meta({
        description: "The external id of the recipient",
        example: "ada",
      }),
    }),
    body: jsonContent(recipientProfile.meta({ example: exampleProfile })),
  },
  responses: {
    ...responses(200, "The recipient, which existed before", recipientAnswer),
    201: {
      description: "The new recipient",
      content: { "application/json": { schema: recipientAnswer } },
    },
  },
});

const get = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}",
  access: "viewer",
  summary: "Get a recipient",
  request: { params: recipientParams },
  responses: responses(200, "The recipient", recipientAnswer),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/recipients/{recipient}",
  access: "sender",
  summary: "Change some fields of a recipient",
  description:
    "The body is a JSON merge patch (RFC 7396): a field that is left out stays, null resets a field to its default, and null within `attributes` removes that key.",
  request: {
    params: recipientParams,
    headers: ifMatchHeaders,
    body: jsonContent(
      recipientPatch.meta({
        example: { locale: "de-AT", attributes: { plan: "pro", trialEnds: null } },
      }),
    ),
  },
  responses: responses(200, "The recipient after the change", recipientAnswer),
});

export function recipientRoutes(services: Services) {
  const { prisma } = services;

  return createRouter()
    .openapi(put, async (c) => {
      const recipient = { ...c.req.valid("json"), externalId: c.req.valid("param").recipient };
      const { created, row } = await replaceStored(c, services, recipient);
      setEtag(c, row.version);
      return c.json(recipientJsonFor(c)(row), created ? 201 : 200);
    })
    .openapi(get, async (c) => {
      const row = await readRecipient(prisma, recipientReference(c.req.valid("param").recipient));
      setEtag(c, row.version);
      return c.json(recipientJsonFor(c)(row), 200);
    })
    .openapi(patch, async (c) => {
      const named = recipientReference(c.req.valid("param").recipient);
      const row = await patchRecipient(c, services, named, c.req.valid("json"));
      return c.json(recipientJsonFor(c)(row), 200);
    });
}

/** Creates a recipient, or replaces the one with the same external id. A recipient who would stay the same is not written. */
function replaceStored(
  c: Context<ApiEnv>,
  services: Services,
  recipient: ImportedRecipient,
): Promise<{ created: boolean; row: RecipientRow }> {
  return withAuditedTransaction(c, services, async (tx) => {
    const execute = executeIn(tx);
    const storing = { createdBy: c.get("caller").id, now: services.clock() };
    const {
      results: [stored],
      unsettled,
    } = await storeRecipients(execute, [replaceRecipient(recipient)], storing);
    if (!stored || stored.status === "refused") throw new Error("a whole recipient was refused");
    const { status, before } = stored;
    const after = recipientFacts(stored.after);
    const changes =
      status === "unchanged"
        ? []
        : [
            before
              ? changeOf("recipient.replace", after.id, recipientFacts(before), after)
              : { action: "recipient.create", resource: after.id, after },
          ];
    return {
      body: { created: status === "created", row: stored.after },
      committed: await releaseFor(c, services, execute, unsettled),
      changes,
    };
  });
}

/** Changes fields of a recipient's profile. If their time zone changes, their held deliveries are decided again. */
function patchRecipient(
  c: Context<ApiEnv>,
  services: Services,
  named: RecipientName,
  wanted: z.output<typeof recipientPatch>,
): Promise<LockedRecipient> {
  return changeVersioned<LockedRecipient>(c, services, "recipient.update", {
    async lock(tx) {
      const row = await lockRecipient(tx, named);
      refuseAbsent(row);
      return row;
    },
    describe: (row) => ({
      resource: publicId("recipient", row.id),
      version: row.version,
      facts: recipientFacts(row),
    }),
    async write(tx, before) {
      const profile = mergeProfile(before, wanted);
      if (isDeepStrictEqual(profile, profileOf(before))) return null;
      const after = await tx.recipient.update({
        where: { id: before.id },
        data: {
          ...profile,
          attributes: profile.attributes as Prisma.InputJsonObject,
          updatedAt: services.clock(),
          version: { increment: 1 },
          ...(leavesMailbox(before, profile) && { linksEpoch: { increment: 1 } }),
        },
      });
      const moved = after.timeZone === before.timeZone ? [] : [after.id];
      return { after, committed: await releaseFor(c, services, executeIn(tx), moved) };
    },
  });
}

const profileOf = ({
  email,
  phone,
  timeZone,
  locale,
  attributes,
}: LockedRecipient): RecipientProfile => ({
  email,
  phone,
  timeZone,
  locale,
  attributes: attributes as RecipientProfile["attributes"],
});

/** Applies a patch to the profile of a recipient. Throws a problem if the result is not valid. */
function mergeProfile(
  before: LockedRecipient,
  wanted: z.output<typeof recipientPatch>,
): RecipientProfile {
  const patched = applyPatch({ ...profileOf(before), preferences: null }, wanted);
  if ("faults" in patched)
    throw invalid(
      patched.faults.map(({ path, message }) => ({
        in: "body",
        field: jsonPointer(path),
        message,
      })),
    );
  const { preferences: _, ...profile } = patched.state;
  return profile;
}
