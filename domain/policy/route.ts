import type { Channel } from "../channel.ts";

/** The part of a notification type that decides the channels of its messages. */
interface Routed {
  channels: readonly Channel[];
}

/** The channels on which this version sends messages, the preferred one first. */
const offeredChannels = ["email"] as const satisfies readonly Channel[];

const findAllowed = (type: Routed) =>
  offeredChannels.find((channel) => type.channels.includes(channel));

/** Whether the type allows a channel on which messages are sent. */
export const isRoutable = (type: Routed): boolean => findAllowed(type) !== undefined;

/**
 * Chooses the channel of a message. If its type allows no channel on which messages are sent, the message gets the preferred
 * channel, and is then suppressed because the type does not allow that channel.
 */
export const routeMessage = (type: Routed | null): Channel =>
  (type && findAllowed(type)) ?? offeredChannels[0];
