import { performance } from "node:perf_hooks";
import type { Channel } from "../../domain/channel.ts";
import { presetBurst, releaseGate } from "../../domain/delivery/gates.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import { comesAheadMs, type WatchedGate } from "../channels/cached-gate.ts";
import type { Passage } from "../channels/passage.ts";
import type { Outgoing } from "./decide-page.ts";

/** Watches a gate, which is given the rate. */
export type WatchGate = (
  key: string,
  rate: { perSecond: number; burst: number },
) => Promise<WatchedGate>;

/** What becomes of messages that were held back with others. */
export interface Released {
  /** Those that can leave soon, and their way through the gate of releases. */
  passages: Map<Outgoing, Passage>;
  /** The others, and when they come: in milliseconds since the epoch. */
  postponed: Map<Outgoing, number>;
}

/**
 * Lets what was held back with others come back at the rate of release of its channel. Each that cannot leave within half a second is
 * told a turn of its own, an interval after the one before, so that it is written and read once more, and not every time that there
 * is room for some. Workers know their own turns only; the gate, which all messages pass where they leave, keeps the rate.
 */
export class Releases {
  /** Of each channel the last turn that was given, by the monotonic clock. */
  readonly #turnsMs = new Map<Channel, number>();

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
      const lastTurnMs = Math.max(this.#turnsMs.get(channel) ?? 0, now);
      // Those that have waited for their turn come before those that have yet to be told one.
      const isNext = reason === "smoothed_release" || lastTurnMs <= now + comesAheadMs;
      const passage = isNext && gate.room() > 0 ? gate.enter() : undefined;
      if (passage) released.passages.set(message, passage);
      else {
        const turnMs = Math.max(lastTurnMs, now + comesAheadMs) + 1_000 / perSecond;
        this.#turnsMs.set(channel, turnMs);
        released.postponed.set(message, at.getTime() + Math.ceil(turnMs - now));
      }
    }
    return released;
  }
}
