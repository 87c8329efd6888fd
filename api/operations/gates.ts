import { z } from "@hono/zod-openapi";
import { hourMs } from "../../domain/time/durations.ts";
import { channels } from "../../domain/channel.ts";
import {
  type GateKind,
  gateKinds,
  limitedKinds,
  parseGateKey,
} from "../../domain/delivery/gates.ts";
import { providerReference } from "../../domain/provider-name.ts";
import type { Gate, Prisma } from "../../prisma/generated/client.ts";
import { notFound } from "../http/problem.ts";

/** The kinds of gate that this resource shows. Campaigns and providers show the other ones, as their throttle and their domains. */
export const shownKinds = gateKinds.filter((kind) => kind !== "campaign" && kind !== "domain");

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
      description:
        "No message is sent before this time; null if there is neither a pause that the provider asked for nor the stop of an operator",
    }),
    shutSince: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Since when no message is sent; null if there is no pause" }),
    shutReason: z.string().nullable().openapi({
      description: "Why messages are paused",
      example: "smtp_4xx: 421 4.7.0 Too much, try again in 60 seconds",
    }),
    shutBy: z.string().nullable().openapi({
      description:
        "Who has stopped messages: the id of an operator, or of the API key that was used; null if the provider asked for the pause",
      example: null,
    }),
  })
  .openapi("Gate", { description: "A rate limit of a channel or a provider" });

export const shownGates = {
  OR: shownKinds.map((kind) => ({ key: { startsWith: `${kind}/` } })),
};

export const gateParams = z.object({
  kind: z
    .string()
    .openapi({ description: `The kind: ${limitedKinds.join(" or ")}`, example: "provider" }),
  name: z.string().openapi({
    description:
      "The name of the channel or the provider. The slash in `push/fcm` is written as `%2F`",
    example: "smtp-1",
  }),
});

/** Makes the key of the gate that a path names. Throws a 404 if no gate can have that kind and name. */
export function gateKeyOf(
  { kind, name }: { kind: string; name: string },
  among: readonly GateKind[],
): string {
  const names = kind === "provider" ? providerReference : z.enum(channels);
  if (!among.includes(kind as GateKind) || !names.safeParse(name).success)
    throw notFound("rate limit", "name");
  return `${kind}/${name}`;
}

/** Reads a gate and locks it until the end of the transaction; null if there is none. */
export async function lockGate(
  tx: Prisma.TransactionClient,
  key: string,
  now: Date,
): Promise<z.output<typeof gateAnswer> | null> {
  await tx.$queryRaw`SELECT FROM gates WHERE key = ${key} FOR UPDATE`;
  const gate = await tx.gate.findUnique({ where: { key } });
  return gate && gateJson(gate, now);
}

export function gateJson(gate: Gate, now: Date): z.output<typeof gateAnswer> {
  const { key, permitsPerSecond, burst, hourlyQuota, dailyQuota, shutUntil } = gate;
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
    shutSince: (shut && gate.shutSince?.toISOString()) || null,
    shutReason: shut ? gate.shutReason : null,
    shutBy: shut ? gate.shutBy : null,
  };
}

/** The beginning of the hour or the day in UTC, in milliseconds since the epoch. */
const beginningOf = (now: Date, lengthMs: number) => now.getTime() - (now.getTime() % lengthMs);
