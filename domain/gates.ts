import type { Channel } from "./channel.ts";

/** Keys of gates. They stand in the database: never renamed. */

/** The gate before a campaign's rows. `campaignId` is the public id. */
export const campaignGate = (campaignId: string) => `campaign/${campaignId}`;

/** The gate before everything that leaves by a channel. */
export const channelGate = (channel: Channel) => `channel/${channel}`;

/** The gate before everything that is handed to a provider. */
export const providerGate = (provider: string) => `provider/${provider}`;

/** The gate through which comes what was held back from a channel. */
export const releaseGate = (channel: Channel) => `release/${channel}`;

/** What a gate stands before: the first part of its key. */
export const gateKinds = ["campaign", "channel", "provider", "release"] as const;
export type GateKind = (typeof gateKinds)[number];
