import { z } from "@hono/zod-openapi";
import { type GateKind, gateKinds, parseGateKey } from "../../domain/delivery/gates.ts";
import type { Gate } from "../../prisma/generated/client.ts";

/** Campaigns show theirs as their throttle. */
export const shownKinds = gateKinds.filter((kind) => kind !== "campaign");

export const gateAnswer = z
  .object({
    kind: z.enum(shownKinds as [GateKind, ...GateKind[]]).openapi({
      description: "What it stands before. `release` gates are made, and follow the policy.",
      example: "provider",
    }),
    name: z.string().openapi({ description: "Of the channel or the provider", example: "smtp-1" }),
    permitsPerSecond: z.number().nullable().openapi({ description: "Null: no rate", example: 14 }),
    burst: z.int().openapi({ example: 5 }),
    dailyQuota: z.int().nullable().openapi({ description: "Null: no quota", example: 50_000 }),
    usedToday: z.int().openapi({
      description: "What was let through on this UTC day, as far as it is counted",
      example: 1_250,
    }),
    shutUntil: z.iso.datetime().nullable().openapi({
      description: "It lets nothing through before; null while it is not shut",
    }),
    shutReason: z
      .string()
      .nullable()
      .openapi({ example: "smtp_4xx: 421 4.7.0 Too much, try again in 60 seconds" }),
  })
  .openapi("Gate");

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
