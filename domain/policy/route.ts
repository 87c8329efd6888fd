import type { Channel } from "../channel.ts";

/** What a notification type says about the ways by which its messages may go out. */
interface Routed {
  channels: readonly Channel[];
}

/** The channels by which messages go out, the preferred one first. */
const offered = ["email"] as const satisfies readonly Channel[];

const firstAllowed = (type: Routed) => offered.find((channel) => type.channels.includes(channel));

/** Does the type allow a channel by which messages go out? */
export const isRoutable = (type: Routed): boolean => firstAllowed(type) !== undefined;

/**
 * The channel of a message. Where its type allows none by which messages go out, the preferred channel has the message, and the
 * decision about it says that the channel is off.
 */
export const routeMessage = (type: Routed | null): Channel =>
  (type && firstAllowed(type)) ?? offered[0];
