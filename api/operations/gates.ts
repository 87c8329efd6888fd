import { z } from "@hono/zod-openapi";
import { type GateKind, gateKinds, parseGateKey } from "../../domain/delivery/gates.ts";
import type { Gate } from "../../prisma/generated/client.ts";

/** The kinds of gate that this resource shows. Campaigns show their gates as their throttle. */
export const shownKinds = gateKinds.filter((kind) => kind !== "campaign");

export const gateAnswer = z
  .object({
    kind: z.enum(shownKinds as [GateKind, ...GateKind[]]).openapi({
      description:
        "What the rate limit applies to. Tidings manages `release` gates itself, by the policy",
      example: "provider",
    }),
    name: z
      .string()
      .openapi({ description: "The name of the channel or the provider", example: "smtp-1" }),
    permitsPerSecond: z
      .number()
      .nullable()
      .openapi({ description: "Messages per second; null means no limit", example: 14 }),
    burst: z.int().openapi({
      description: "Messages that may be sent in a second in addition to the rate",
      example: 5,
    }),
    dailyQuota: z
      .int()
      .nullable()
      .openapi({ description: "Messages per UTC day; null means no quota", example: 50_000 }),
    usedToday: z.int().openapi({
      description: "Messages that were sent on this UTC day, as far as they are counted",
      example: 1_250,
    }),
    shutUntil: z.iso.datetime().nullable().openapi({
      description: "No message is sent before this time; null if there is no pause",
    }),
    shutReason: z.string().nullable().openapi({
      description: "Why messages are paused",
      example: "smtp_4xx: 421 4.7.0 Too much, try again in 60 seconds",
    }),
  })
  .openapi("Gate", { description: "A rate limit of a channel or a provider" });

export const shownGates = {
  OR: shownKinds.map((kind) => ({ key: { startsWith: `${kind}/` } })),
};

export function gateJson(gate: Gate, now: Date): z.output<typeof gateAnswer> {
  const { key, permitsPerSecond, burst, dailyQuota, usedToday, quotaDay, shutUntil, shutReason } =
    gate;
  const shut = shutUntil !== null && shutUntil > now;
  const today = now.toISOString().slice(0, 10);
  return {
    ...parseGateKey(key),
    permitsPerSecond,
    burst,
    dailyQuota,
    usedToday: quotaDay?.toISOString().slice(0, 10) === today ? usedToday : 0,
    shutUntil: shut ? shutUntil.toISOString() : null,
    shutReason: shut ? shutReason : null,
  };
}
