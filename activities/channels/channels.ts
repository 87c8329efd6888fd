import type { Channel as ChannelName } from "../../domain/channel.ts";
import type { Channel } from "./channel.ts";

/** How soon rows of a channel that this worker lacks are looked at again: another worker may have it. */
const absentMs = 60_000;

/** The channels of a worker, for one traffic class. */
export interface Channels {
  readonly all: readonly Channel[];
  /** The channel of this name; undefined if the worker has no provider for it. */
  get(name: ChannelName): Channel | undefined;
  /** When the channel takes messages, as far as this process knows; null: now. */
  opensAt(name: ChannelName, now: Date): Date | null;
  /** The names of the channels that take messages now. */
  open(now: Date): ChannelName[];
  /** Closes all of them. */
  close(): Promise<void>;
}

/** A registry of channels, one of each name. */
export function createChannels(all: readonly Channel[]): Channels {
  const byName = new Map(all.map((channel) => [channel.name, channel]));
  if (byName.size < all.length) throw new Error("a channel is registered twice");
  return {
    all,
    get: (name) => byName.get(name),
    opensAt(name, now) {
      const channel = byName.get(name);
      return channel ? channel.opensAt(now) : new Date(now.getTime() + absentMs);
    },
    open: (now) => all.flatMap((channel) => (channel.opensAt(now) === null ? [channel.name] : [])),
    async close() {
      await Promise.all(all.map((channel) => channel.close()));
    },
  };
}
