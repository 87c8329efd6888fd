import { performance } from "node:perf_hooks";
import type { Channel } from "../channels/channel.ts";
import { EventRate } from "./event-rate.ts";
import type { SendJob } from "./send-job.ts";
import { type ClaimedMessage, guaranteeOf } from "./settlement.ts";

/** Claimed messages that have not begun, at most. */
const aheadRows = 128;
/** How long a channel's connections are to be kept busy by what is claimed ahead, beside the statement that claims what is next. */
const aheadMs = 50;

/** A job, and who may take it back. */
export interface WaitingJob {
  job: SendJob;
  owner: object;
  queue: string;
}

/**
 * The messages of one channel on their way: those that are not claimed, those that are claimed and have not begun, and how many are
 * handed over. No more are claimed than can begin at once or soon: a claim that waits is one that a pause, a cancellation or an edit
 * has to wait for, and that is lost where a repeat is not allowed and the worker dies.
 */
export class ChannelQueue {
  readonly channel: Channel;
  /** Claimed, and not handed to the channel yet. */
  readonly ready: ClaimedMessage[] = [];
  /** Handed to the channel, which has not answered. */
  sending = 0;
  /** Of these, those that have begun. */
  begun = 0;
  /** Handed to the channel, and not settled: what is sending, what ended, and what is being settled. */
  inFlight = 0;
  /** Those that are served first come first. */
  readonly #classes: Record<"asked" | "heldBack" | "campaigns", WaitingJob[]> = {
    asked: [],
    heldBack: [],
    campaigns: [],
  };
  #completions = new EventRate();

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /**
   * What was just asked for overtakes what was held back, and both overtake campaigns. Of what one dispatch has for one recipient
   * only what is critical overtakes: the order in which it is decided about is that in which it uses up the recipient's limits.
   */
  add(waiting: WaitingJob): void {
    const { items, released } = waiting.job.message;
    const { campaignId, priority } = items[0]!.delivery;
    const isBehind = () => released || (priority !== "critical" && this.#isHeldBackBefore(waiting));
    const of = campaignId !== null ? "campaigns" : isBehind() ? "heldBack" : "asked";
    this.#classes[of].push(waiting);
  }

  #isHeldBackBefore({ owner, job }: WaitingJob): boolean {
    const { recipientId } = job.message;
    return this.#classes.heldBack.some(
      (other) => other.owner === owner && other.job.message.recipientId === recipientId,
    );
  }

  /** The channel has answered one. */
  completed(): void {
    this.#completions.note(performance.now());
  }

  get waiting(): number {
    const { asked, heldBack, campaigns } = this.#classes;
    return asked.length + heldBack.length + campaigns.length;
  }

  /** Is so little claimed that it is time to claim more? `turnMs`: how long it takes to claim. */
  isLow(turnMs: number): boolean {
    const limit = this.#claimLimit(turnMs);
    return limit > 0 && this.#unbegun <= Math.floor(limit / 8);
  }

  /** How many more may be claimed now: no more than the channel can begin soon. */
  room(turnMs: number, now: Date): number {
    const room = Math.min(this.waiting, this.#claimLimit(turnMs) - this.#unbegun);
    return room <= 0 ? 0 : Math.min(room, this.channel.readyFor(now) - this.ready.length);
  }

  /** Claimed messages that have not begun and could. */
  get #unbegun(): number {
    return this.ready.length + this.sending - this.begun - (this.channel.makingApart?.() ?? 0);
  }

  /** How many could begin at this moment. */
  get #free(): number {
    return Math.max(0, this.channel.concurrency - this.begun);
  }

  /** Of what may not be repeated only what can begin at once is claimed: then the claim is the mark that it has begun. */
  #claimLimit(turnMs: number): number {
    const { asked, heldBack, campaigns } = this.#classes;
    const next = asked[0] ?? heldBack[0] ?? campaigns[0];
    if (!next) return 0;
    if (!isRepeatable(next)) return this.#free;
    const ahead = Math.round(this.#completions.perMs(performance.now()) * (turnMs + aheadMs));
    return Math.min(aheadRows, this.#free + ahead);
  }

  /**
   * Takes what may be claimed together: of the messages to one recipient one, in their order, for each needs room in that
   * recipient's log after the one before. `recipients` are those that messages were taken for.
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

  /** Takes out what waits, of one owner or of all. */
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
