import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { readRecipient, recipientParams } from "./store.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const daySeconds = 86_400;
const presetSeconds = 30 * daySeconds;
const range = `must be from 60 to ${90 * daySeconds} seconds`;

const expiresInSeconds = z
  .int(`must be a whole number of seconds from 60 to ${90 * daySeconds}`)
  .min(60, range)
  .max(90 * daySeconds, range)
  .default(presetSeconds)
  .openapi({
    description: "How long the token is valid: at most 90 days",
    example: presetSeconds,
  });

const issue = defineRoute({
  method: "post",
  path: "/v1/recipients/{recipient}/preference-tokens",
  access: "sender",
  summary: "Create a token with which a recipient manages their own preferences",
  description:
    "Anybody with the token can read and change the recipient's preferences at /v1/me/preferences, and see their waiting messages at /v1/me/timeline, until it expires. Give it to the recipient only. POST /v1/recipients/{recipient}/revoke-links revokes all tokens of the recipient.",
  request: {
    params: recipientParams,
    body: {
      required: false,
      content: { "application/json": { schema: z.strictObject({ expiresInSeconds }) } },
    },
  },
  responses: responses(
    201,
    "The token. Tidings does not store it",
    z
      .object({
        token: z.string().openapi({ example: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyY3Bf….Zm9v" }),
        expiresAt: z.iso.datetime(),
      })
      .openapi("PreferenceToken"),
  ),
});

export function preferenceTokenRoutes(services: Services) {
  const { clock, tokens } = services;

  return createRouter().openapi(issue, async (c) => {
    const named = recipientReference(c.req.valid("param").recipient);
    // A request without a body has not been validated.
    const seconds = c.req.valid("json").expiresInSeconds ?? presetSeconds;
    // A token's expiry has no fractions of a second.
    const nowSeconds = Math.floor(clock().getTime() / 1_000);
    const expiresAt = new Date((nowSeconds + seconds) * 1_000);
    const { recipientId, epoch } = await withAuditedTransaction(c, services, async (tx) => {
      const { id, linksEpoch } = await readRecipient(tx, named);
      return {
        body: { recipientId: id, epoch: linksEpoch },
        changes: [
          {
            action: "preferences.issue_token",
            resource: publicId("recipient", id),
            after: { expiresAt: expiresAt.toISOString() },
          },
        ],
      };
    });
    const token = await tokens.signRecipientToken({ recipientId, epoch, expiresAt });
    return c.json({ token, expiresAt: expiresAt.toISOString() }, 201);
  });
}
