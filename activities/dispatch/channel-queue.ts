import { performance } from "node:perf_hooks";
import type { Channel } from "../channels/channel.ts";
import { EventRate } from "./event-rate.ts";
import type { SendJob } from "./send-job.ts";
import { type ClaimedMessage, guaranteeOf } from "./settlement.ts";

/** The maximum number of claimed messages that have not begun. */
const aheadRows = 128;
/**
 * Messages are claimed far enough ahead to keep a channel's connections busy for this long, in addition to the duration of the
 * next claim.
 */
const aheadMs = 50;

/** A job, and the dispatch that may withdraw it. */
export interface WaitingJob {
  job: SendJob;
  owner: object;
  queue: string;
}

/**
 * The messages of one channel that are on their way: those that are not claimed yet, those that are claimed and have not begun,
 * and the number of those that are handed over. It claims only what can begin at once or soon: a pause, a cancellation or an
 * edit has to wait for each claimed message, and if the worker dies, a claimed message that must not be repeated is lost.
 */
export class ChannelQueue {
  readonly channel: Channel;
  /** Messages that are claimed and not handed to the channel yet. */
  readonly ready: ClaimedMessage[] = [];
  /** Messages that were handed to the channel, which has not reported their outcome. */
  sending = 0;
  /** The messages among `sending` that have begun. */
  begun = 0;
  /** Messages that were handed to the channel and are not settled: those that are sending, have ended, or are being settled. */
  inFlight = 0;
  /** Jobs that are not claimed yet, in the order in which the classes are served. */
  readonly #classes: Record<"recent" | "heldBack" | "campaigns", WaitingJob[]> = {
    recent: [],
    heldBack: [],
    campaigns: [],
  };
  #completions = new EventRate();

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /**
   * Recent requests overtake messages that were held back, and both overtake campaigns. Where one dispatch has several messages
   * for a recipient, only critical ones overtake: the messages use up the recipient's limits in the order in which they were
   * decided.
   */
  add(waiting: WaitingJob): void {
    const { items, released } = waiting.job.message;
    const { campaignId, priority } = items[0]!.delivery;
    const isBehind = () => released || (priority !== "critical" && this.#isHeldBackBefore(waiting));
    const name = campaignId !== null ? "campaigns" : isBehind() ? "heldBack" : "recent";
    this.#classes[name].push(waiting);
  }

  #isHeldBackBefore({ owner, job }: WaitingJob): boolean {
    const { recipientId } = job.message;
    return this.#classes.heldBack.some(
      (other) => other.owner === owner && other.job.message.recipientId === recipientId,
    );
  }

  /** Notes that the channel has reported the outcome of a message. */
  noteCompletion(): void {
    this.#completions.note(performance.now());
  }

  get waiting(): number {
    const { recent, heldBack, campaigns } = this.#classes;
    return recent.length + heldBack.length + campaigns.length;
  }

  /** True if so few messages are claimed that it is time to claim more. `turnMs` is how long a claim takes. */
  isLow(turnMs: number): boolean {
    const limit = this.#claimLimit(turnMs);
    return limit > 0 && this.#unbegun <= Math.floor(limit / 8);
  }

  /** The number of messages that may be claimed now: no more than the channel can begin soon. */
  room(turnMs: number, now: Date): number {
    const room = Math.min(this.waiting, this.#claimLimit(turnMs) - this.#unbegun);
    return room <= 0 ? 0 : Math.min(room, this.channel.readyFor(now) - this.ready.length);
  }

  /** The number of claimed messages that have not begun and could. Messages that are rendered apart cannot yet. */
  get #unbegun(): number {
    return this.ready.length + this.sending - this.begun - (this.channel.countApart?.() ?? 0);
  }

  /** The number of messages that could begin at this moment. */
  get #free(): number {
    return Math.max(0, this.channel.concurrency - this.begun);
  }

  /** A message that must not be repeated is claimed only when it can begin at once: the claim then shows that it has begun. */
  #claimLimit(turnMs: number): number {
    const { recent, heldBack, campaigns } = this.#classes;
    const next = recent[0] ?? heldBack[0] ?? campaigns[0];
    if (!next) return 0;
    if (!isRepeatable(next)) return this.#free;
    const ahead = Math.round(this.#completions.perMs(performance.now()) * (turnMs + aheadMs));
    return Math.min(aheadRows, this.#free + ahead);
  }

  /**
   * Takes the jobs that may be claimed in one statement: at most one for each recipient, in their order, since each message
   * needs room in the recipient's log after the one before it. `recipients` contains the recipients of the jobs already taken; the
   * function adds to it.
   */
  take(count: number, recipients: Set<string>): WaitingJob[] {
    const taken: WaitingJob[] = [];
    const atOnce = this.#free - this.#unbegun;
    for (const jobs of Object.values(this.#classes)) {
      const later: WaitingJob[] = [];
      while (jobs.length > 0 && taken.length < count && later.length < aheadRows) {
        const waiting = jobs.shift()!;
        const { recipientId } = waiting.job.message;
        if (recipients.has(recipientId) || (taken.length >= atOnce && !isRepeatable(waiting)))
          later.push(waiting);
        else {
          recipients.add(recipientId);
          taken.push(waiting);
        }
      }
      jobs.unshift(...later);
    }
    return taken;
  }

  /** Removes the jobs that are not claimed yet, of one owner or of all. */
  remove(owner?: object): WaitingJob[] {
    const removed: WaitingJob[] = [];
    for (const jobs of Object.values(this.#classes)) {
      const kept = jobs.filter((waiting) => owner !== undefined && waiting.owner !== owner);
      removed.push(...jobs.filter((waiting) => owner === undefined || waiting.owner === owner));
      jobs.splice(0, jobs.length, ...kept);
    }
    return removed;
  }
}

const isRepeatable = ({ job }: WaitingJob): boolean =>
  guaranteeOf(job.message.items) === "at_least_once";
