import { z } from "@hono/zod-openapi";
import { type SubscribableKind, subscribableKinds } from "../../domain/event-kinds.ts";
import { publicId } from "../../domain/ids.ts";
import { typeKey } from "../../domain/policy/notification-type.ts";
import { nameText } from "../../domain/text.ts";
import { type DisabledReason, disabledReasons } from "../../domain/webhook-endpoint.ts";
import { webUrl } from "../../domain/web-url.ts";
import type { Prisma, WebhookEndpoint } from "../../prisma/generated/client.ts";
import { countWaiting, maxCountedWaiting } from "../../ledger/webhook-endpoints.ts";
import type { Execute } from "../../ledger/sql.ts";
import { idOf } from "../deliveries/filters.ts";
import { exampleIdOf, throwNotFound } from "../http/path-ids.ts";

const endpointUrl = webUrl.max(2_000, "must have at most 2000 characters").meta({
  description: "Where events are POSTed. Administrators can read it, and the audit trail has it",
  example: "https://example.org/hooks/tidings",
});

const endpointKinds = z
  .array(z.enum(subscribableKinds))
  .min(1, "must name at least one kind")
  .max(subscribableKinds.length)
  .transform((kinds) => subscribableKinds.filter((kind) => kinds.includes(kind)))
  .openapi({
    type: "array",
    items: { type: "string", enum: [...subscribableKinds] },
    minItems: 1,
    description: "The kinds of events that it gets",
    example: ["delivery.bounced", "delivery.complained", "delivery.clicked"],
  });

export const endpointFields = {
  url: endpointUrl,
  description: nameText(200).openapi({ example: "billing service" }),
  kinds: endpointKinds,
  types: z.array(typeKey).max(50).openapi({
    description:
      "The keys of the notification types whose events it gets; none means all, and events without a type too",
    example: [],
  }),
  campaign: idOf("campaign")
    .nullable()
    .openapi({
      type: ["string", "null"],
      description: "The only campaign whose events it gets; null means all events",
      example: null,
    }),
};

export const webhookEndpoint = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("webhookEndpoint") }),
    url: z.string().openapi({ example: "https://example.org/hooks/tidings" }),
    description: z.string().openapi({ example: "billing service" }),
    kinds: z.array(z.enum(subscribableKinds)).openapi({ example: ["delivery.bounced"] }),
    types: z.array(z.string()).openapi({ example: [] }),
    campaign: z.string().nullable().openapi({ example: null }),
    enabled: z.boolean().openapi({ description: "Whether events are sent to it", example: true }),
    disabledReason: z.enum(disabledReasons).nullable().openapi({
      description:
        "Why Tidings has switched it off: `gone`, because it answered 410, or `failing`, because it has accepted nothing for five days; null if a person did, and while it is enabled",
      example: null,
    }),
    previousSecretUntil: z.iso.datetime().nullable().openapi({
      description: "Until when the secret before the last rotation signs too; null if it does not",
      example: null,
    }),
    waiting: z
      .number()
      .int()
      .openapi({
        description: `How many events it has yet to accept; ${maxCountedWaiting} means that many or more`,
        example: 0,
      }),
    givenUp: z.number().int().openapi({
      description: "How many events were given up, because it did not accept them for three days",
      example: 0,
    }),
    failingSince: z.iso.datetime().nullable().openapi({
      description: "Since when no request has succeeded; null if the last one did",
      example: null,
    }),
    retryAt: z.iso.datetime().nullable().openapi({
      description: "When it is tried again; null if nothing prevents a request now",
      example: null,
    }),
    detail: z.string().nullable().openapi({
      description: "Why the last request failed; null if it succeeded",
      example: null,
    }),
    lastSuccessAt: z.iso.datetime().nullable().openapi({ example: "2027-03-01T09:00:00.000Z" }),
    lastFailureAt: z.iso.datetime().nullable().openapi({ example: null }),
    createdBy: z.string().openapi({
      description: "The id of the API key or the operator that created it, or `bootstrap`",
      example: "bootstrap",
    }),
    createdAt: z.iso.datetime(),
  })
  .openapi("WebhookEndpoint");

export const endpointWithSecret = webhookEndpoint
  .extend({
    secret: z.string().openapi({
      description:
        "The secret with which requests are signed, as Standard Webhooks writes it. It is returned only once, in this response",
      example: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    }),
  })
  .openapi("WebhookEndpointWithSecret");

export type WebhookEndpointJson = z.output<typeof webhookEndpoint>;

/** Locks an endpoint until the end of the transaction. */
export async function lockEndpoint(
  tx: Prisma.TransactionClient,
  id: string,
): Promise<WebhookEndpoint> {
  await tx.$queryRaw`SELECT FROM webhook_endpoints WHERE id = ${id}::uuid FOR UPDATE`;
  return (
    (await tx.webhookEndpoint.findUnique({ where: { id } })) ?? throwNotFound("webhookEndpoint")
  );
}

/** Makes the answers for endpoints, in their order. */
export async function endpointsJson(
  execute: Execute,
  rows: readonly WebhookEndpoint[],
  now: Date,
): Promise<WebhookEndpointJson[]> {
  const waiting = await countWaiting(
    execute,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({
    id: publicId("webhookEndpoint", row.id),
    url: row.url,
    description: row.description,
    kinds: row.kinds as SubscribableKind[],
    types: row.types,
    campaign: row.campaignId && publicId("campaign", row.campaignId),
    enabled: row.isEnabled,
    disabledReason: row.disabledReason as DisabledReason | null,
    previousSecretUntil:
      row.previousUntil && row.previousUntil > now ? row.previousUntil.toISOString() : null,
    waiting: waiting.get(row.id) ?? 0,
    givenUp: row.givenUpCount,
    failingSince: row.failingSince?.toISOString() ?? null,
    retryAt: row.retryAt && row.retryAt > now ? row.retryAt.toISOString() : null,
    detail: row.detail,
    lastSuccessAt: row.lastSuccessAt?.toISOString() ?? null,
    lastFailureAt: row.lastFailureAt?.toISOString() ?? null,
    createdBy: row.createdBy,
    createdAt: row.createdAt.toISOString(),
  }));
}

export async function endpointJson(
  execute: Execute,
  row: WebhookEndpoint,
  now: Date,
): Promise<WebhookEndpointJson> {
  return (await endpointsJson(execute, [row], now))[0]!;
}

/** What the audit trail has of an endpoint: what people have set. */
export const factsOf = ({
  url,
  description,
  kinds,
  types,
  campaign,
  enabled,
}: WebhookEndpointJson) => ({ url, description, kinds, types, campaign, enabled });
