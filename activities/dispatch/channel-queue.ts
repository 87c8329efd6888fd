import type { Channel } from "../channels/channel.ts";
import type { SendJob } from "./send-job.ts";
import type { ClaimedMessage } from "./settlement.ts";

/** Claimed messages at most, and left when more are claimed whatever there is to settle. */
const aheadRows = 128;
const aheadLow = 16;

/** A job, and who may take it back. */
export interface WaitingJob {
  job: SendJob;
  owner: object;
  queue: string;
  now: () => Date;
}

/** The messages of one channel on their way: those that have not begun, those that are claimed, and how many are handed over. */
export class ChannelQueue {
  readonly channel: Channel;
  /** Claimed, and not handed over yet. */
  readonly ready: ClaimedMessage[] = [];
  /** Being handed over. */
  sending = 0;
  /** Handed over, perhaps, and not settled: what is sending, what ended, and what is being settled. */
  inFlight = 0;
  #notifications: WaitingJob[] = [];
  #campaigns: WaitingJob[] = [];

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /** Messages of notifications overtake those of campaigns. */
  add(waiting: WaitingJob): void {
    const { campaignId } = waiting.job.message.items[0]!.delivery;
    (campaignId === null ? this.#notifications : this.#campaigns).push(waiting);
  }

  get waiting(): number {
    return this.#notifications.length + this.#campaigns.length;
  }

  get isLow(): boolean {
    return this.ready.length < aheadLow;
  }

  /** How many more may be claimed. */
  get room(): number {
    return Math.min(this.waiting, aheadRows - this.ready.length);
  }

  /** When it takes something, as far as is known; null: now. */
  opensAt(now: Date): Date | null {
    return this.channel.opensAt(now);
  }

  /** How many more may be claimed: no more than the channel can begin soon. */
  roomAt(now: Date): number {
    return Math.min(this.room, this.channel.readyFor(now) - this.ready.length);
  }

  /**
   * Takes what may be claimed together: of the messages to one recipient one, in their order, for each needs room in that
   * recipient's log after the one before. `recipients` are those that messages were taken for.
   */
  take(count: number, recipients: Set<string>): WaitingJob[] {
    const taken: WaitingJob[] = [];
    for (const jobs of [this.#notifications, this.#campaigns]) {
      const later: WaitingJob[] = [];
      while (jobs.length > 0 && taken.length < count && later.length < aheadRows) {
        const waiting = jobs.shift()!;
        const { recipientId } = waiting.job.message;
        if (recipients.has(recipientId)) later.push(waiting);
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
    const keep = (jobs: WaitingJob[]) =>
      jobs.filter((waiting) => {
        if (owner !== undefined && waiting.owner !== owner) return true;
        removed.push(waiting);
        return false;
      });
    this.#notifications = keep(this.#notifications);
    this.#campaigns = keep(this.#campaigns);
    return removed;
  }
}
