import { z } from "zod";
import type { Channel } from "../channel.ts";

/** Keys of gates. They stand in the database: never renamed. */

/** The gate before a campaign's rows. `campaignId` is the public id. */
export const campaignGate = (campaignId: string) => `campaign/${campaignId}`;

/** The gate before everything that leaves by a channel. */
export const channelGate = (channel: Channel) => `channel/${channel}`;

/** The gate before everything that is handed to a provider. */
export const providerGate = (provider: string) => `provider/${provider}`;

/** Of providers the name that no mail server may have. */
export const eventsProvider = "events";

/** The gate before the receiver of events. */
export const eventsGate = providerGate(eventsProvider);

/** The gate through which comes what was held back from a channel. */
export const releaseGate = (channel: Channel) => `release/${channel}`;

/** A tenth of a second of a rate: messages that may leave at once where nothing else is said. */
export const presetBurst = (perSecond: number) => Math.max(1, Math.ceil(perSecond / 10));

/** What a gate stands before: the first part of its key. */
export const gateKinds = ["campaign", "channel", "provider", "release"] as const;
export type GateKind = (typeof gateKinds)[number];

/** What operators limit; the others are made by what they belong to. */
export const limitedKinds = ["channel", "provider"] as const satisfies readonly GateKind[];

/** The kind and the name in a key that was made here. */
export function parseGateKey(key: string): { kind: GateKind; name: string } {
  const slash = key.indexOf("/");
  const kind = gateKinds.find((one) => one === key.slice(0, slash));
  if (!kind) throw new Error(`not the key of a gate: ${key}`);
  return { kind, name: key.slice(slash + 1) };
}

const whole = (max: number, example: number, description: string) =>
  z
    .int(`must be a whole number from 1 to ${max}`)
    .min(1, `must be from 1 to ${max}`)
    .max(max, `must be from 1 to ${max}`)
    .meta({ example, description });

/** What an operator says of a gate: a rate with its burst, a quota of the UTC day, or both. */
export const gateLimits = z
  .strictObject({
    permitsPerSecond: z
      .number("must be a number from 0.001 to 100000, or null")
      .min(0.001, "must be from 0.001 to 100000")
      .max(100_000, "must be from 0.001 to 100000")
      .nullable()
      .meta({ example: 14, description: "Messages a second; null: no rate" }),
    burst: whole(100_000, 5, "Messages beyond the rate that may leave within any second").default(
      5,
    ),
    dailyQuota: whole(1_000_000_000, 50_000, "Messages a UTC day; null: no quota").nullable(),
  })
  .refine(({ permitsPerSecond, dailyQuota }) => permitsPerSecond !== null || dailyQuota !== null, {
    error: "must be set where dailyQuota is null; DELETE lifts both",
    path: ["permitsPerSecond"],
  });
