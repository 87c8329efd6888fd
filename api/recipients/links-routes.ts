import { z } from "@hono/zod-openapi";
import { createActionLinks } from "../../domain/action-links.ts";
import { publicId } from "../../domain/ids.ts";
import { madeUntrusted, preferenceLinkMs } from "../../domain/preference-links.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { announceChange } from "../inbox/announce.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { provenUntil } from "../http/proof.ts";
import { createRouter, defineRoute, problemResponse, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { lockRecipient, readRecipient, recipientParams, refuseAbsent } from "./store.ts";

const revoke = defineRoute({
  method: "post",
  path: "/v1/recipients/{recipient}/revoke-links",
  access: "sender",
  summary: "Revoke the links and tokens of a recipient",
  description:
    "The links in all messages sent to the recipient so far, and all their preference tokens, become invalid. Later messages and tokens are valid. " +
    "Use this if somebody else has got a message or a token of the recipient. A change of their email address does it too.",
  request: { params: recipientParams },
  responses: { 204: { description: "The links and tokens are revoked" }, ...problemResponse },
});

const makeLink = defineRoute({
  method: "post",
  path: "/v1/recipients/{recipient}/preference-links",
  access: "sender",
  summary: "Create a link to the preference centre of a recipient",
  description:
    "Anybody who has the link can read and change the recipient's preferences for 90 days. Within a day it also allows to download and erase everything that is known of them, if somebody who may erase recipients creates it: a key of the role admin, or an admin with a recent proof (`x-tidings-proof`). Give it to the recipient only. POST /v1/recipients/{recipient}/revoke-links revokes it.",
  request: { params: recipientParams },
  responses: responses(
    201,
    "The link. Tidings does not store it",
    z
      .object({
        url: z.url().openapi({
          example: "https://notify.example.org/p/5QGTl7Zzc3V4ephbaI4Qq6sBAAAAAGpJ0oBk5e2c3VxeJ8n",
        }),
        expiresAt: z.iso.datetime(),
      })
      .openapi("PreferenceLink"),
  ),
});

export function recipientLinkRoutes(services: Services) {
  const { config, clock } = services;
  const links = createActionLinks({ secrets: config.tokenSecrets, publicUrl: config.publicUrl });

  const router = createRouter().openapi(makeLink, async (c) => {
    const named = recipientReference(c.req.valid("param").recipient);
    const now = clock();
    const session = c.get("session");
    // Anybody who creates the link has it too, and must not do by it what they may not do themselves.
    const mayErase =
      c.get("caller").role === "admin" && (!session || provenUntil(session.provenAt, now) !== null);
    const madeAt = mayErase ? now : madeUntrusted(now);
    const expiresAt = new Date(madeAt.getTime() + preferenceLinkMs).toISOString();
    const url = await withAuditedTransaction(c, services, async (tx) => {
      const { id, linksEpoch: epoch } = await readRecipient(tx, named);
      return {
        body: links.forPreferences(id, { epoch, now, mayErase }),
        changes: [
          {
            action: "preferences.issue_link",
            resource: publicId("recipient", id),
            after: { expiresAt, mayErase },
          },
        ],
      };
    });
    return c.json({ url, expiresAt }, 201);
  });
  return router.openapi(revoke, async (c) => {
    const named = recipientReference(c.req.valid("param").recipient);
    await withAuditedTransaction(c, services, async (tx) => {
      const row = await lockRecipient(tx, named);
      refuseAbsent(row);
      await tx.$executeRaw`UPDATE recipients SET links_epoch = links_epoch + 1 WHERE id = ${row.id}::uuid`;
      return {
        body: null,
        changes: [{ action: "recipient.revoke_links", resource: publicId("recipient", row.id) }],
        committed: () =>
          announceChange(services, { recipientId: row.id, change: { access: "check" } }),
      };
    });
    return c.body(null, 204);
  });
}
