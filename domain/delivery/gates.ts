import { z } from "zod";
import type { Channel } from "../channel.ts";

// The database stores the keys of gates: they are never renamed.

/** The key of the gate of a campaign's deliveries. `campaignId` is the public id. */
export const campaignGate = (campaignId: string) => `campaign/${campaignId}`;

/** The key of the gate of all messages on a channel. */
export const channelGate = (channel: Channel) => `channel/${channel}`;

/** The key of the gate of all messages to a provider. */
export const providerGate = (provider: string) => `provider/${provider}`;

/** The reserved provider name of the receiver of events; no mail server may have it. */
export const eventsProvider = "events";

/** The key of the gate of the receiver of events. */
export const eventsGate = providerGate(eventsProvider);

/** The key of the gate that smooths the release of held messages on a channel. */
export const releaseGate = (channel: Channel) => `release/${channel}`;

/** The default burst of a rate: the messages of a tenth of a second. */
export const presetBurst = (perSecond: number) => Math.max(1, Math.ceil(perSecond / 10));

/** The kind of a gate: the first part of its key. */
export const gateKinds = ["campaign", "channel", "provider", "release"] as const;
export type GateKind = (typeof gateKinds)[number];

/** The kinds of gates that operators set. Gates of the other kinds follow from the campaign or the policy. */
export const limitedKinds = ["channel", "provider"] as const satisfies readonly GateKind[];

/** Parses the key of a gate. Throws on any other text. */
export function parseGateKey(key: string): { kind: GateKind; name: string } {
  const slash = key.indexOf("/");
  const kind = gateKinds.find((known) => known === key.slice(0, slash));
  if (!kind) throw new Error(`not the key of a gate: ${key}`);
  return { kind, name: key.slice(slash + 1) };
}

const whole = (max: number, example: number, description: string) =>
  z
    .int(`must be a whole number from 1 to ${max}`)
    .min(1, `must be from 1 to ${max}`)
    .max(max, `must be from 1 to ${max}`)
    .meta({ example, description });

/** The limits of a gate that an operator sets: a rate with its burst, a quota for each UTC day, or both. */
export const gateLimits = z
  .strictObject({
    permitsPerSecond: z
      .number("must be a number from 0.001 to 100000, or null")
      .min(0.001, "must be from 0.001 to 100000")
      .max(100_000, "must be from 0.001 to 100000")
      .nullable()
      .meta({ example: 14, description: "Messages per second; null: no rate" }),
    burst: whole(100_000, 5, "Messages beyond the rate that may leave within any second").default(
      5,
    ),
    dailyQuota: whole(1_000_000_000, 50_000, "Messages per UTC day; null: no quota").nullable(),
  })
  .refine(({ permitsPerSecond, dailyQuota }) => permitsPerSecond !== null || dailyQuota !== null, {
    error: "must be set where dailyQuota is null; DELETE removes both",
    path: ["permitsPerSecond"],
  });
