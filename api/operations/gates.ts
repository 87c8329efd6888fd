import { z } from "@hono/zod-openapi";
import { type GateKind, gateKinds, parseGateKey } from "../../domain/delivery/gates.ts";
import type { Gate } from "../../prisma/generated/client.ts";

/** The kinds of gate that this resource shows. Campaigns show their gates as their throttle. */
export const shownKinds = gateKinds.filter((kind) => kind !== "campaign");

/** The limits of a gate, as answers show them. */
const limitFields = {
  permitsPerSecond: z
    .number()
    .nullable()
    .openapi({ description: "Messages per second; null means no limit", example: 14 }),
  burst: z.int().openapi({
    description: "Messages that may be sent in a second in addition to the rate",
    example: 5,
  }),
  hourlyQuota: z.int().nullable().openapi({
    description: "Messages per clock hour in UTC; null means no quota",
    example: 5_000,
  }),
  dailyQuota: z
    .int()
    .nullable()
    .openapi({ description: "Messages per UTC day; null means no quota", example: 50_000 }),
};

export const gateLimitsAnswer = z.object(limitFields);

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
    ...limitFields,
    usedThisHour: z.int().openapi({
      description: "Messages that were sent in this hour, as far as they are counted",
      example: 130,
    }),
    hourResetsAt: z.iso.datetime().nullable().openapi({
      description: "When the hourly quota begins again; null if there is none",
    }),
    usedToday: z.int().openapi({
      description: "Messages that were sent on this UTC day, as far as they are counted",
      example: 1_250,
    }),
    dayResetsAt: z.iso.datetime().nullable().openapi({
      description: "When the daily quota begins again; null if there is none",
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

const hourMs = 3_600_000;

export function gateJson(gate: Gate, now: Date): z.output<typeof gateAnswer> {
  const { key, permitsPerSecond, burst, hourlyQuota, dailyQuota, shutUntil, shutReason } = gate;
  const shut = shutUntil !== null && shutUntil > now;
  const hour = beginningOf(now, hourMs);
  const day = beginningOf(now, 24 * hourMs);
  return {
    ...parseGateKey(key),
    permitsPerSecond,
    burst,
    hourlyQuota,
    usedThisHour: gate.quotaHour?.getTime() === hour ? gate.usedThisHour : 0,
    hourResetsAt: hourlyQuota === null ? null : new Date(hour + hourMs).toISOString(),
    dailyQuota,
    usedToday: gate.quotaDay?.getTime() === day ? gate.usedToday : 0,
    dayResetsAt: dailyQuota === null ? null : new Date(day + 24 * hourMs).toISOString(),
    shutUntil: shut ? shutUntil.toISOString() : null,
    shutReason: shut ? shutReason : null,
  };
}

/** The beginning of the hour or the day in UTC, in milliseconds since the epoch. */
const beginningOf = (now: Date, lengthMs: number) => now.getTime() - (now.getTime() % lengthMs);
