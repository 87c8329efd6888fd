import { z } from "zod";
import type { Channel } from "../channel.ts";

// The database stores the keys of gates: they are never renamed.

/** The key of the gate of a campaign's deliveries. `campaignId` is the public id. */
export const campaignGate = (campaignId: string) => `campaign/${campaignId}`;

/** The key of the gate of all messages on a channel. */
export const channelGate = (channel: Channel) => `channel/${channel}`;

/** The key of the gate of all messages to a provider. */
export const providerGate = (provider: string) => `provider/${provider}`;

/** The key of the gate of the messages that a provider is given for a receiving domain. Only configured domains have one. */
export const domainGate = (provider: string, domain: string) => `domain/${provider}/${domain}`;

/** The reserved provider name of the receiver of events; no mail server may have it. */
export const eventsProvider = "events";

/** The key of the gate of the receiver of events. */
export const eventsGate = providerGate(eventsProvider);

/** The key of the gate that smooths the release of held messages on a channel. */
export const releaseGate = (channel: Channel) => `release/${channel}`;

/** The default burst of a rate: the messages of a tenth of a second. */
export const presetBurst = (perSecond: number) => Math.max(1, Math.ceil(perSecond / 10));

/** The kind of a gate: the first part of its key. */
export const gateKinds = ["campaign", "channel", "domain", "provider", "release"] as const;
export type GateKind = (typeof gateKinds)[number];

/** The kinds of gates that operators set. Gates of the other kinds follow from the campaign, the policy or the configuration. */
export const limitedKinds = ["channel", "provider"] as const satisfies readonly GateKind[];

/** Parses the key of a gate. Throws on any other text. */
export function parseGateKey(key: string): { kind: GateKind; name: string } {
  const slash = key.indexOf("/");
  const kind = gateKinds.find((known) => known === key.slice(0, slash));
  if (!kind) throw new Error(`not the key of a gate: ${key}`);
  return { kind, name: key.slice(slash + 1) };
}

const whole = (max: number) =>
  z
    .int(`must be a whole number from 1 to ${max}`)
    .min(1, `must be from 1 to ${max}`)
    .max(max, `must be from 1 to ${max}`);

/** The schemas of the limits of a gate: messages per second, messages beyond the rate, and messages in an hour or a day. */
export const limitSchemas = {
  perSecond: z
    .number("must be a number from 0.001 to 100000")
    .min(0.001, "must be from 0.001 to 100000")
    .max(100_000, "must be from 0.001 to 100000"),
  burst: whole(100_000),
  quota: whole(1_000_000_000),
};

/** The limits of a gate: a rate with its burst, quotas for each clock hour and each day in UTC, or several of them. */
export interface GateLimits {
  /** Messages per second; null for no rate. */
  permitsPerSecond: number | null;
  /** Messages beyond the rate that may leave within any second. */
  burst: number;
  /** Null for no quota. */
  hourlyQuota: number | null;
  /** Null for no quota. */
  dailyQuota: number | null;
}

/** Whether any of the limits is set: a burst alone limits nothing. */
export const isLimited = ({ permitsPerSecond, hourlyQuota, dailyQuota }: GateLimits): boolean =>
  permitsPerSecond !== null || hourlyQuota !== null || dailyQuota !== null;

/** The limits that an operator sets through the API. */
export const gateLimits = z
  .strictObject({
    permitsPerSecond: limitSchemas.perSecond
      .nullable()
      .meta({ example: 14, description: "Messages per second; null: no rate" }),
    burst: limitSchemas.burst.default(5).meta({
      example: 5,
      description: "Messages beyond the rate that may leave within any second",
    }),
    hourlyQuota: limitSchemas.quota
      .nullable()
      .default(null)
      .meta({ example: 5_000, description: "Messages per clock hour in UTC; null: no quota" }),
    dailyQuota: limitSchemas.quota
      .nullable()
      .meta({ example: 50_000, description: "Messages per UTC day; null: no quota" }),
  })
  .refine(isLimited, {
    error: "must be set where both quotas are null; DELETE removes all limits",
    path: ["permitsPerSecond"],
  });
