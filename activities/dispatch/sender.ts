import { performance } from "node:perf_hooks";
import type { Channel as ChannelName } from "../../domain/channel.ts";
import { newUuid } from "../../domain/ids.ts";
import { isRepeatSafe } from "../../domain/policy/route.ts";
import type { RetryPolicy } from "../../domain/delivery/settle.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { Ledger, RateGrant } from "../../ledger/ledger.ts";
import type { Channels } from "../channels/channels.ts";
import { Confirmations } from "./confirmations.ts";
import { ChannelQueue, type WaitingJob } from "./channel-queue.ts";
import { HandOver } from "./hand-over.ts";
import { leaseMs, Leases } from "./leases.ts";
import { QueueWatch } from "./queue-watch.ts";
import type { Item, SendJob, SendOutcome } from "./send-job.ts";
import { ClaimedMessage, type EndedMessage, releaseMessage } from "./settlement.ts";
import { settledRows, UnwrittenOutcomes, type UnwrittenOptions } from "./unwritten-outcomes.ts";

/** If a channel opens within this time, its messages stay in memory and dispatches wait for it. */
export const waitHereMs = 1_000;

/** The number of outcomes for which a statement is worth while: with its commit it costs as much as a dozen of its rows. */
const worthRows = 40;
/** How soon a channel that can begin no more messages for now is asked again. */
const lookAgainMs = 50;
/** How long a smaller number of outcomes waits for more while messages are still being handed over. */
const lingerMs = 3;

export interface SenderDeps {
  ledger: Ledger;
  clock: LedgerClock;
  channels: Channels;
  retry: RetryPolicy;
  /** Starts the workflow of a queue, or makes it look again. */
  wake: (queue: string) => Promise<void>;
  /** Called with the outcome of a message, once it is committed. */
  onEnded?: (message: EndedMessage) => void;
  /** Called with the outcome of rows that began, and their queue. */
  count?: (queue: string, outcome: SendOutcome, rows: number) => void;
  /**
   * Called with the failure when outcomes cannot be written, so that nothing more is handed over, and with null when they can be
   * written again.
   */
  onHeld?: NonNullable<UnwrittenOptions["onChanged"]>;
}

/** A dispatch, as the sender sees it. */
export interface Attendance {
  /** Claims the rows, hands the message over, and commits the outcome. */
  submit(job: SendJob): void;
  /** Drops jobs that are not claimed, at once. Jobs that are being claimed begin or are dropped once that statement is answered. */
  withdraw(): void;
  /** The dispatch reads no more rows: messages that end from now on wake the queue. */
  leave(): void;
}

/** The jobs of a channel that one statement claims. */
interface Claim {
  queue: ChannelQueue;
  taken: WaitingJob[];
}

/**
 * Sends all messages of a worker and traffic class, whichever dispatch found them. Each of its statements settles messages that
 * ended and claims the next ones. Each channel has its own queue and bound, and no more of its messages are claimed than it can
 * begin soon, so that no channel waits for another. Claimed messages belong to the sender: it renews the leases of those that
 * take long, settles each whenever it ends, and wakes the queue if no dispatch is there to look.
 */
export class Sender {
  /** The maximum number of messages that are handed over without their outcome committed, at any instant: a crash may repeat these. */
  readonly inFlightBound: number;
  #deps: SenderDeps;
  #queues: Map<ChannelName, ChannelQueue>;
  #ended: EndedMessage[] = [];
  #unwritten: UnwrittenOutcomes;
  #leases: Leases;
  #watch: QueueWatch;
  #handOvers: HandOver;
  /** How long a claim takes in milliseconds: a moving average. */
  #turnMs = 10;
  #writing = false;
  #draining = false;
  #onDrained: () => void = () => {};
  #running: NodeJS.Immediate | undefined;
  #lingering: NodeJS.Timeout | undefined;
  /** The queues whose channels are awaited to open. */
  #opening = new Set<ChannelQueue>();

  constructor(deps: SenderDeps) {
    this.#deps = deps;
    const { all } = deps.channels;
    this.#queues = new Map(all.map((channel) => [channel.name, new ChannelQueue(channel)]));
    this.inFlightBound = all.reduce(
      (sum, { name, inFlightBound }) => sum + (isRepeatSafe(name) ? 0 : inFlightBound),
      0,
    );
    this.#leases = new Leases(deps.ledger);
    this.#watch = new QueueWatch(deps.wake);
    const isHeld = () => this.unwritten > 0;
    this.#handOvers = new HandOver({
      clock: deps.clock,
      retry: deps.retry,
      random: Math.random,
      isOffered: (channel) => deps.channels.get(channel) !== undefined,
      confirmations: new Confirmations(deps.ledger, isHeld),
      isDraining: () => this.#draining,
      isHeld,
      onEnded: (message) => {
        this.#ended.push(message);
        this.#runSoon();
      },
      onSetApart: () => this.#runSoon(),
    });
    this.#unwritten = new UnwrittenOutcomes({
      ledger: deps.ledger,
      onWritten: (endings) => this.#finish(endings),
      onLost: (endings) => {
        for (const { claimed } of endings) this.#giveUp(claimed);
      },
      mayGiveUp: () => this.#draining,
      onChanged: (failure) => {
        deps.onHeld?.(failure);
        this.#runSoon();
      },
    });
  }

  /**
   * The number of messages that were handed over and whose outcome could not be written yet. While there are any, nothing more
   * is handed over.
   */
  get unwritten(): number {
    return this.#unwritten.size;
  }

  /**
   * Rows that the sender still has in hand though their leases have run out. A dispatch of this worker must not take them for
   * rows of a worker that died.
   */
  overdueIds(): string[] {
    return this.#leases.overdueIds();
  }

  /** When the sender takes messages of the channel, as far as it knows; null: now. */
  opensAt(channel: ChannelName, now: Date): Date | null {
    const queue = this.#queues.get(channel);
    return queue ? queue.channel.opensAt(now) : this.#deps.channels.opensAt(channel, now);
  }

  /** Registers a dispatch of the queue. */
  attend(queue: string): Attendance {
    const owner = {};
    this.#watch.join(queue);
    return {
      submit: (job) => {
        if (this.#draining) return job.onDropped(job.message.items);
        this.#queueOf(job.message.items).add({ job, owner, queue });
        this.#runSoon();
      },
      withdraw: () => this.#drop((channelQueue) => channelQueue.remove(owner)),
      leave: () => {
        this.#watch.leave(queue);
      },
    };
  }

  /**
   * Stops claiming, releases claimed messages that have not begun, and resolves when all that have begun are settled and their
   * queues are woken.
   */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#drop((channelQueue) => channelQueue.remove());
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve;
      this.#runSoon();
    });
    await this.#watch.idle();
  }

  #queueOf(items: readonly Item[]): ChannelQueue {
    const { channel } = items[0]!.delivery;
    const queue = this.#queues.get(channel);
    if (!queue) throw new Error(`not a channel of this worker: ${channel}`);
    return queue;
  }

  #drop(removeFrom: (queue: ChannelQueue) => WaitingJob[]): void {
    for (const queue of this.#queues.values())
      for (const { job } of removeFrom(queue)) job.onDropped(job.message.items);
  }

  /** Runs once for all calls in this turn of the event loop, so that statements are full. */
  #runSoon(): void {
    if (this.#running !== undefined) return;
    this.#running = setImmediate(() => {
      this.#running = undefined;
      this.#run();
    });
  }

  /** Hands claimed messages over, as far as the bounds allow, and writes to the ledger where that is worth while. */
  #run(): void {
    for (const queue of this.#queues.values()) {
      if (this.#draining)
        for (const claimed of queue.ready.splice(0)) this.#release(queue, claimed);
      while (
        this.unwritten === 0 &&
        queue.ready.length > 0 &&
        queue.inFlight < queue.channel.inFlightBound
      )
        this.#handOver(queue, queue.ready.shift()!);
    }
    if (this.unwritten > 0) this.#unwritten.add(this.#ended.splice(0), null);
    if (this.#writing) return;
    if (this.#draining && this.#leases.size === 0) return this.#onDrained();
    const isLow = this.#claimable().some((queue) => queue.isLow(this.#turnMs));
    const isSending = [...this.#queues.values()].some(({ sending }) => sending > 0);
    const { length } = this.#ended;
    if (isLow || length >= worthRows || (length > 0 && !isSending)) void this.#write();
    else if (length > 0) this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#lingering !== undefined) return;
    this.#lingering = setTimeout(() => {
      this.#lingering = undefined;
      if (!this.#writing && this.#ended.length > 0) void this.#write();
    }, lingerMs);
  }

  /** Runs after `inMs`, when the channel opens. */
  #runWhenOpen(queue: ChannelQueue, inMs: number): void {
    if (this.#opening.has(queue)) return;
    this.#opening.add(queue);
    setTimeout(() => {
      this.#opening.delete(queue);
      this.#run();
    }, inMs);
  }

  /** The queues whose messages may be claimed now, since their channels are open and have room. */
  #claimable(): ChannelQueue[] {
    if (this.#draining || this.unwritten > 0) return [];
    const now = new Date();
    return [...this.#queues.values()].filter(
      (queue) => queue.waiting > 0 && this.#isOpen(queue, now) && this.#hasRoom(queue, now),
    );
  }

  /**
   * True if the channel is open. If it opens soon, its messages wait for it. Otherwise those that are not claimed leave memory:
   * they are still pending rows, and no dispatch reads them before the channel opens.
   */
  #isOpen(queue: ChannelQueue, now: Date): boolean {
    const opensAt = queue.channel.opensAt(now);
    if (opensAt === null) return true;
    const inMs = opensAt.getTime() - now.getTime();
    if (inMs <= waitHereMs) this.#runWhenOpen(queue, inMs);
    else for (const { job } of queue.remove()) job.onDropped(job.message.items);
    return false;
  }

  /**
   * True if the channel can begin more than is claimed for it. If its gates have no more slots, it is asked again soon, since
   * other workers may have used them.
   */
  #hasRoom(queue: ChannelQueue, now: Date): boolean {
    if (queue.room(this.#turnMs, now) > 0) return true;
    if (queue.channel.readyFor(now) <= queue.ready.length) this.#runWhenOpen(queue, lookAgainMs);
    return false;
  }

  /** Settles messages that ended, and claims as many of the next as there is room for. */
  async #write(): Promise<void> {
    this.#writing = true;
    const endings = this.#ended.splice(0, settledRows);
    const recipients = new Set<string>();
    const now = new Date();
    const claims = this.#claimable().map((queue): Claim => {
      return { queue, taken: queue.take(queue.room(this.#turnMs, now), recipients) };
    });
    try {
      if (endings.length > 0 || recipients.size > 0) await this.#settleAndClaim(endings, claims);
    } finally {
      this.#writing = false;
      this.#runSoon();
    }
  }

  async #settleAndClaim(endings: EndedMessage[], claims: readonly Claim[]): Promise<void> {
    const taken = claims.flatMap((claim) => claim.taken);
    const lease = { token: newUuid(), askedAtMs: performance.now() };
    try {
      const { claimed, granted } = await this.#deps.ledger.settleAndClaim({
        settled: endings.flatMap(({ settled }) => settled),
        wanted: taken.map(({ job }) => job.message),
        token: lease.token,
        leaseMs,
        localAheadMs: this.#deps.clock.localAheadMs,
      });
      this.#turnMs += (performance.now() - lease.askedAtMs - this.#turnMs) / 8;
      this.#finish(endings);
      for (const claim of claims)
        for (const waiting of claim.taken) {
          const { recipientId, room } = waiting.job.message;
          const grant = room === null ? null : granted.get(recipientId);
          this.#begin(claim.queue, waiting, claimed, grant, lease);
        }
    } catch (error) {
      for (const { job } of taken) job.onFailed(error);
      this.#unwritten.add(endings, error);
    }
  }

  /** Begins a job with those of its rows that were claimed. Each row goes to one job, even if two dispatches have read it. */
  #begin(
    queue: ChannelQueue,
    waiting: WaitingJob,
    claimed: Set<string>,
    grant: RateGrant | null | undefined,
    lease: { token: string; askedAtMs: number },
  ): void {
    const { job } = waiting;
    const { items } = job.message;
    const ours = items.filter(({ delivery }) => claimed.has(delivery.id));
    for (const { delivery } of ours) claimed.delete(delivery.id);
    if (ours.length < items.length) job.onDropped(items.filter((item) => !ours.includes(item)));
    if (ours.length === 0 || grant === undefined) {
      if (grant) this.#giveBack([grant]);
      return;
    }
    const message = new ClaimedMessage(waiting, ours, grant, lease);
    this.#leases.add(message);
    this.#watch.noteBegun(waiting.queue);
    job.onBegun(ours);
    queue.ready.push(message);
  }

  #handOver(queue: ChannelQueue, claimed: ClaimedMessage): void {
    queue.inFlight++;
    // The lease has run out, so that whichever worker finds the rows takes them.
    if (performance.now() >= claimed.deadlineMs) return this.#giveUp(claimed);
    this.#handOvers.start(queue, claimed);
  }

  #release(queue: ChannelQueue, claimed: ClaimedMessage): void {
    queue.inFlight++;
    this.#ended.push(releaseMessage(claimed));
  }

  /** Takes messages whose outcomes are committed. */
  #finish(endings: readonly EndedMessage[]): void {
    for (const ending of endings) {
      const { claimed, settled } = ending;
      this.#deps.onEnded?.(ending);
      let isPending = false;
      for (const { settlement } of settled) {
        this.#count(claimed, settlement.status);
        if (settlement.status === "pending") isPending = true;
      }
      this.#leave(claimed, isPending);
    }
    this.#giveBack(
      endings.flatMap(({ unused, claimed }) => (unused && claimed.grant ? [claimed.grant] : [])),
    );
  }

  /** Gives up a message whose lease has run out: its rows belong to the worker that finds them. */
  #giveUp(claimed: ClaimedMessage): void {
    for (let item = 0; item < claimed.items.length; item++) this.#count(claimed, "dropped");
    this.#leave(claimed, false);
  }

  #count({ queue, job }: ClaimedMessage, outcome: SendOutcome): void {
    this.#deps.count?.(queue, outcome, 1);
    job.onItemEnded(outcome);
  }

  #leave(claimed: ClaimedMessage, isPending: boolean): void {
    this.#leases.delete(claimed);
    this.#queueOf(claimed.items).inFlight--;
    claimed.job.onEnded();
    this.#watch.noteEnded(claimed.queue, isPending);
  }

  /**
   * Gives grants back. One that cannot be given back counts as a sent message until its windows are over: then too few messages
   * are sent, never too many.
   */
  #giveBack(grants: readonly RateGrant[]): void {
    if (grants.length > 0) this.#deps.ledger.giveBack(grants).catch(() => {});
  }
}
