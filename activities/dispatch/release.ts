import { performance } from "node:perf_hooks";
import type { Channel } from "../../domain/channel.ts";
import { presetBurst, releaseGate } from "../../domain/delivery/gates.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import { comesAheadMs, type WatchedGate } from "../channels/cached-gate.ts";
import type { Passage } from "../channels/passage.ts";
import type { Outgoing } from "./decide-page.ts";

/** Watches a gate, after setting its rate. */
export type WatchGate = (
  key: string,
  rate: { perSecond: number; burst: number },
) => Promise<WatchedGate>;

/** What happens to messages that were held back with others. */
export interface Released {
  /** The messages that can leave soon, each with its passage through the gate of releases. */
  passages: Map<Outgoing, Passage>;
  /** The other messages, with the time at which each is due, in milliseconds since the epoch. */
  postponed: Map<Outgoing, number>;
}

/**
 * Releases messages that were held back with others, at the release rate of their channel. Each message that cannot leave within
 * half a second gets a time of its own, one interval after the previous one, so that it is written and read once more and not
 * each time that the gate has room. A worker knows only the times that it gave; the gate, which every message passes when it
 * leaves, keeps the rate over all workers.
 */
export class Releases {
  /** The last time that was given on each channel. Monotonic. */
  readonly #lastTimesMs = new Map<Channel, number>();

  async release(
    outgoing: readonly Outgoing[],
    { release: { channelPerSecond: perSecond } }: Policy,
    at: Date,
    watch: WatchGate,
  ): Promise<Released> {
    const released: Released = { passages: new Map(), postponed: new Map() };
    for (const message of outgoing) {
      if (!message.released) continue;
      const { channel, reason } = message.items[0]!.delivery;
      const gate = await watch(releaseGate(channel), {
        perSecond,
        burst: presetBurst(perSecond),
      });
      const now = performance.now();
      const lastTimeMs = Math.max(this.#lastTimesMs.get(channel) ?? 0, now);
      // Messages that have waited for their time go before those that have not got one yet.
      const isNext = reason === "smoothed_release" || lastTimeMs <= now + comesAheadMs;
      const passage = isNext && gate.room() > 0 ? gate.enter() : undefined;
      if (passage) released.passages.set(message, passage);
      else {
        const timeMs = Math.max(lastTimeMs, now + comesAheadMs) + 1_000 / perSecond;
        this.#lastTimesMs.set(channel, timeMs);
        released.postponed.set(message, at.getTime() + Math.ceil(timeMs - now));
      }
    }
    return released;
  }
}
