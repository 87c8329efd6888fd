import { performance } from "node:perf_hooks";
import type { Channel } from "../../domain/channel.ts";
import type { Queue } from "../../domain/delivery/queues.ts";
import type { EventRate } from "./event-rate.ts";

export interface LookOptions {
  /** How long a dispatch waits for outcomes when nothing is left to begin, whether or not its queue is busy. */
  answersMs?: number | undefined;
  /** How long a busy queue of notifications is watched after it was emptied: this costs less than a new activity for the next rows. */
  lingerMs?: number | undefined;
}

/**
 * How often new rows are looked for while earlier ones are being sent, or have just been. The interval lets notifications
 * accumulate, so that one statement claims and settles many of them.
 */
const presetIntervalMs = { critical: 50, mailbox: 200, lane: 200, digest: 200 };
/**
 * How often a lane is read for rows of a channel on which it had none: the rows of a campaign are written together, and later ones are those
 * that go on on another channel.
 */
const emptyChannelIntervalMs = 1_000;
/** How often the ledger is read for rows that become due with time, while new rows are announced by notifications. */
const listeningIntervalMs = 500;
/**
 * How long a dispatch waits for outcomes when nothing is left to begin. Fast outcomes then cost no further wake, and slow ones
 * delay nothing. A wake cannot reach a dispatch, so new rows wait for its next look while it stays. Where looks seldom find
 * anything, it therefore stays only as long as a nearby server takes to answer.
 */
const presetAnswersMs = { busy: 1_000, calm: 50 };
/** How long a busy queue is watched after it was emptied. */
const presetLingerMs = 300;

/** Decides when a dispatch looks for rows of each channel, and how long it stays at a busy queue. Instants are monotonic. */
export class Looks {
  /** The instant until which the queue is watched, because it was busy. */
  lingersUntilMs = 0;
  readonly #kind: Queue["kind"];
  readonly #arrivals: EventRate | null;
  readonly #isListening: () => boolean;
  readonly #options: LookOptions;
  readonly #nextAtMs = new Map<Channel, number>();
  /** The channels of the rows that were found. */
  readonly #usedChannels = new Set<Channel>();

  /**
   * @param arrivals the rate at which rows arrive in the queue; null for a lane
   * @param isListening returns true while new rows are announced by notifications
   */
  constructor(
    kind: Queue["kind"],
    arrivals: EventRate | null,
    isListening: () => boolean,
    options: LookOptions,
  ) {
    this.#kind = kind;
    this.#arrivals = arrivals;
    this.#isListening = isListening;
    this.#options = options;
  }

  /** True if rows arrive so fast that each look finds one. Then it is worth staying; otherwise a wake finds the next row sooner. */
  get isBusy(): boolean {
    if (!this.#arrivals) return true;
    return this.#arrivals.perMs(performance.now()) * presetIntervalMs[this.#kind] >= 1;
  }

  /** How long to wait for outcomes when nothing is left to begin. */
  get answersMs(): number {
    return this.#options.answersMs ?? (this.isBusy ? presetAnswersMs.busy : presetAnswersMs.calm);
  }

  #intervalOf(channel: Channel): number {
    const isUnused = this.#kind === "lane" && !this.#usedChannels.has(channel);
    return isUnused ? Math.max(this.intervalMs, emptyChannelIntervalMs) : this.intervalMs;
  }

  get intervalMs(): number {
    return this.#isListening() ? listeningIntervalMs : presetIntervalMs[this.#kind];
  }

  /** When to look for rows of the channel; 0: at once. */
  nextAtMs(channel: Channel): number {
    return this.#nextAtMs.get(channel) ?? 0;
  }

  /** Looks for rows of all channels at once. */
  reset(): void {
    this.#nextAtMs.clear();
  }

  /** Plans the next look for rows of a channel that was just looked at. */
  plan(channel: Channel, isAtOnce: boolean): void {
    if (isAtOnce) this.#nextAtMs.delete(channel);
    else this.#nextAtMs.set(channel, performance.now() + this.#intervalOf(channel));
  }

  /** Notes which rows a look found. */
  noteFound(found: readonly { channel: Channel }[]): void {
    const { length: rows } = found;
    for (const { channel } of found) this.#usedChannels.add(channel);
    this.#arrivals?.note(performance.now(), rows);
    if (rows > 0 && this.#arrivals && this.isBusy)
      this.lingersUntilMs = performance.now() + (this.#options.lingerMs ?? presetLingerMs);
  }
}
