import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { type RecipientPurpose, recipientPurposes } from "../../domain/tokens.ts";
import type { ApiEnv } from "../http/context.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { readRecipient, recipientParams } from "./store.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
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

const hourSeconds = 3_600;
const tokenRange = `must be from 60 to ${daySeconds} seconds`;

const tokenRequest = z.strictObject({
  purposes: z
    .array(z.enum(recipientPurposes))
    .min(1, "must name at least one purpose")
    .max(recipientPurposes.length)
    .refine((named) => new Set(named).size === named.length, "must name each purpose once")
    .openapi({
      description:
        "What the token may be used for: `inbox` for the recipient's inbox, `push` for the devices on which they receive push messages, `preferences` for their preferences and their waiting messages",
      example: ["inbox", "push"],
    }),
  expiresInSeconds: z
    .int(`must be a whole number of seconds from 60 to ${daySeconds}`)
    .min(60, tokenRange)
    .max(daySeconds, tokenRange)
    .default(hourSeconds)
    .openapi({
      description: "How long the token is valid: at most a day",
      example: hourSeconds,
    }),
});

const issueWithPurposes = defineRoute({
  method: "post",
  path: "/v1/recipients/{recipient}/tokens",
  access: "sender",
  summary: "Create a token with which a recipient's application acts for them",
  description:
    "Request it on your server, after you have authenticated the recipient, and give it to their application. The application sends it to the routes under /v1/me, which also accept requests from the pages of the origins in CORS_ORIGINS. POST /v1/recipients/{recipient}/revoke-links revokes all tokens of the recipient.",
  request: { params: recipientParams, body: jsonContent(tokenRequest) },
  responses: responses(
    201,
    "The token. Tidings does not store it",
    z
      .object({
        token: z.string().openapi({ example: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyY3Bf….Zm9v" }),
        expiresAt: z.iso.datetime(),
      })
      .openapi("RecipientToken"),
  ),
});

/** The routes by which services create tokens for recipients. */
export function recipientTokenRoutes(services: Services) {
  const { clock, tokens } = services;

  /** Signs a token, and records in the audit trail that it was issued, and for how long and for what. */
  async function issueToken(
    c: Context<ApiEnv>,
    recipient: string,
    seconds: number,
    purposes?: readonly RecipientPurpose[],
  ) {
    // A token's expiry has no fractions of a second.
    const nowSeconds = Math.floor(clock().getTime() / 1_000);
    const expiresAt = new Date((nowSeconds + seconds) * 1_000);
    const { recipientId, epoch } = await withAuditedTransaction(c, services, async (tx) => {
      const { id, linksEpoch } = await readRecipient(tx, recipientReference(recipient));
      return {
        body: { recipientId: id, epoch: linksEpoch },
        changes: [
          {
            action: purposes ? "recipient.issue_token" : "preferences.issue_token",
            resource: publicId("recipient", id),
            after: { expiresAt: expiresAt.toISOString(), ...(purposes && { purposes }) },
          },
        ],
      };
    });
    const signed = { recipientId, epoch, expiresAt, ...(purposes && { purposes }) };
    const token = await tokens.signRecipientToken(signed);
    return { token, expiresAt: expiresAt.toISOString() };
  }

  return createRouter()
    .openapi(issue, async (c) => {
      // A request without a body has not been validated.
      const seconds = c.req.valid("json").expiresInSeconds ?? presetSeconds;
      return c.json(await issueToken(c, c.req.valid("param").recipient, seconds), 201);
    })
    .openapi(issueWithPurposes, async (c) => {
      const { purposes, expiresInSeconds: seconds } = c.req.valid("json");
      return c.json(await issueToken(c, c.req.valid("param").recipient, seconds, purposes), 201);
    });
}
