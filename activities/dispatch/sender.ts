import { performance } from "node:perf_hooks";
import type { Channel as ChannelName } from "../../domain/channel.ts";
import { newUuid } from "../../domain/ids.ts";
import type { RetryPolicy } from "../../domain/delivery/settle.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { Ledger, RateGrant } from "../../ledger/ledger.ts";
import type { GateAnswer } from "../channels/passage.ts";
import type { SendResult } from "../channels/channel.ts";
import type { Channels } from "../channels/channels.ts";
import { Confirmations } from "./confirmations.ts";
import { ChannelQueue, type WaitingJob } from "./channel-queue.ts";
import { leaseMs, Leases } from "./leases.ts";
import { QueueWatch } from "./queue-watch.ts";
import { type Content, type Item, type SendJob, type SendOutcome } from "./send-job.ts";
import {
  ClaimedMessage,
  type EndedMessage,
  interruptedAttempt,
  isRepeatableOnce,
  releaseMessage,
  settleMessage,
  unrenderable,
} from "./settlement.ts";
import { settledRows, UnwrittenOutcomes, type UnwrittenOptions } from "./unwritten-outcomes.ts";

/** What opens this soon is waited for: messages stay in memory, and dispatches where they are. */
export const waitHereMs = 1_000;

/** Outcomes that make a statement worth while: it and its commit cost as much as a dozen of its rows. */
const worthRows = 40;
/** How soon a channel that can begin no more for now is asked again. */
const lookAgainMs = 50;
/** How long fewer outcomes wait for company while messages are still being handed over. */
const lingerMs = 3;

export interface SenderDeps {
  ledger: Ledger;
  clock: LedgerClock;
  channels: Channels;
  retry: RetryPolicy;
  /** Starts the workflow of a queue, or has it look again. */
  wake: (queue: string) => Promise<void>;
  /** Is told what became of messages, once it is committed. */
  ended?: (message: EndedMessage) => void;
  /** Is told what became of rows that began, of which queue. */
  count?: (queue: string, outcome: SendOutcome, rows: number) => void;
  /** Is told when outcomes cannot be written, so that nothing more is handed over, and when they can be again. */
  held?: NonNullable<UnwrittenOptions["changed"]>;
  random?: () => number;
}

/** A dispatch, as the sender knows it. */
export interface Attendance {
  /** Claims the rows, hands the message over, commits the outcome. */
  submit(job: SendJob): void;
  /** Drops what has not begun, at once; what is being claimed at the moment begins or is dropped when that is known. */
  withdraw(): void;
  /** The dispatch looks no more: what ends from now on wakes the queue. */
  leave(): void;
}

/** What is claimed of a channel together. */
interface Claim {
  queue: ChannelQueue;
  taken: WaitingJob[];
}

/**
 * The one way by which a worker's messages of one traffic class leave, whichever dispatch found them. It writes the ledger in
 * statements that settle what ended and claim what is next. Each channel has a queue and a bound of its own, and no more of its
 * messages are claimed than it can begin soon, so that none waits for another. What is claimed belongs to the sender: it renews the leases
 * of what takes long, settles it whenever it ends, and wakes its queue if no dispatch is there to look.
 */
export class Sender {
  /** Messages that may be handed over without their outcome committed, at any instant: what a crash may repeat. */
  readonly inFlightBound: number;
  #deps: SenderDeps & { random: () => number };
  #queues: Map<ChannelName, ChannelQueue>;
  #ended: EndedMessage[] = [];
  #unwritten: UnwrittenOutcomes;
  #leases: Leases;
  #watch: QueueWatch;
  #confirmations: Confirmations;
  /** How long a statement that claims takes, of late. */
  #turnMs = 10;
  #writing = false;
  #draining = false;
  #drained: () => void = () => {};
  #running: NodeJS.Immediate | undefined;
  #lingering: NodeJS.Timeout | undefined;
  /** Those that are waited for to open. */
  #opening = new Set<ChannelQueue>();

  constructor(deps: SenderDeps) {
    this.#deps = { ...deps, random: deps.random ?? Math.random };
    const { all } = deps.channels;
    this.#queues = new Map(all.map((channel) => [channel.name, new ChannelQueue(channel)]));
    this.inFlightBound = all.reduce((sum, channel) => sum + channel.inFlightBound, 0);
    this.#leases = new Leases(deps.ledger);
    this.#watch = new QueueWatch(deps.wake);
    this.#confirmations = new Confirmations(deps.ledger, () => this.unwritten > 0);
    this.#unwritten = new UnwrittenOutcomes({
      ledger: deps.ledger,
      written: (endings) => this.#finish(endings),
      lost: (endings) => {
        for (const { claimed } of endings) this.#lose(claimed);
      },
      mayGiveUp: () => this.#draining,
      changed: (failure) => {
        deps.held?.(failure);
        this.#runSoon();
      },
    });
  }

  /** Messages that were handed over and whose outcome could not be written yet. While there are any, nothing more is handed over. */
  get unwritten(): number {
    return this.#unwritten.size;
  }

  /** Rows that it has in hand though their leases have run out: a dispatch of this worker is not to take them for those of one that died. */
  overdueIds(): string[] {
    return this.#leases.overdueIds();
  }

  /** When it takes messages of the channel, as far as it knows; null: now. */
  opensAt(channel: ChannelName, now: Date): Date | null {
    const queue = this.#queues.get(channel);
    return queue ? queue.channel.opensAt(now) : this.#deps.channels.opensAt(channel, now);
  }

  /** A dispatch of the queue begins. */
  attend(queue: string): Attendance {
    const owner = {};
    this.#watch.join(queue);
    return {
      submit: (job) => {
        if (this.#draining) return job.dropped(job.message.items);
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
   * Claims nothing more, gives up what is claimed and has not begun, and resolves when everything that has is settled and its queues
   * are woken.
   */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#drop((channelQueue) => channelQueue.remove());
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
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
      for (const { job } of removeFrom(queue)) job.dropped(job.message.items);
  }

  /** What comes together is run together: full statements instead of many small ones. */
  #runSoon(): void {
    if (this.#running !== undefined) return;
    this.#running = setImmediate(() => {
      this.#running = undefined;
      this.#run();
    });
  }

  /** Hands over what is claimed, as far as the bounds allow, and writes the ledger where that is worth while. */
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
    if (this.#draining && this.#leases.size === 0) return this.#drained();
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

  /** Runs when the channel opens. */
  #runWhenOpen(queue: ChannelQueue, inMs: number): void {
    if (this.#opening.has(queue)) return;
    this.#opening.add(queue);
    setTimeout(() => {
      this.#opening.delete(queue);
      this.#run();
    }, inMs);
  }

  /** Queues of which something may be claimed: their channels are open. */
  #claimable(): ChannelQueue[] {
    if (this.#draining || this.unwritten > 0) return [];
    const now = new Date();
    return [...this.#queues.values()].filter(
      (queue) => queue.waiting > 0 && this.#isOpen(queue, now) && this.#hasRoom(queue, now),
    );
  }

  /**
   * Is the channel open? If it opens soon, its messages wait for it; otherwise those that have not begun leave memory: they are pending
   * rows still, and nobody reads them before it opens.
   */
  #isOpen(queue: ChannelQueue, now: Date): boolean {
    const opensAt = queue.channel.opensAt(now);
    if (opensAt === null) return true;
    const inMs = opensAt.getTime() - now.getTime();
    if (inMs <= waitHereMs) this.#runWhenOpen(queue, inMs);
    else for (const { job } of queue.remove()) job.dropped(job.message.items);
    return false;
  }

  /** Can the channel begin more than is claimed for it? If its gates have no more, it is asked again soon: others may use them. */
  #hasRoom(queue: ChannelQueue, now: Date): boolean {
    if (queue.room(this.#turnMs, now) > 0) return true;
    if (queue.channel.readyFor(now) <= queue.ready.length) this.#runWhenOpen(queue, lookAgainMs);
    return false;
  }

  /** Settles what ended, and claims what is next, as much as there is room for. */
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
          const grant = granted.get(waiting.job.message.recipientId);
          this.#begin(claim.queue, waiting, claimed, grant, lease);
        }
    } catch (error) {
      for (const { job } of taken) job.failed(error);
      this.#unwritten.add(endings, error);
    }
  }

  /** Rows are given out once, though two dispatches may have read them. */
  #begin(
    queue: ChannelQueue,
    waiting: WaitingJob,
    claimed: Set<string>,
    grant: RateGrant | undefined,
    lease: { token: string; askedAtMs: number },
  ): void {
    const { job } = waiting;
    const { items } = job.message;
    const ours = items.filter(({ delivery }) => claimed.has(delivery.id));
    for (const { delivery } of ours) claimed.delete(delivery.id);
    if (ours.length < items.length) job.dropped(items.filter((item) => !ours.includes(item)));
    if (ours.length === 0 || !grant) {
      if (grant) this.#giveBack([grant]);
      return;
    }
    const message = new ClaimedMessage(waiting, ours, grant, lease);
    this.#leases.add(message);
    this.#watch.began(waiting.queue);
    job.began(ours);
    queue.ready.push(message);
  }

  #handOver(queue: ChannelQueue, claimed: ClaimedMessage): void {
    queue.inFlight++;
    // Ours no more: it is left to whoever finds its lease run out.
    if (performance.now() >= claimed.deadlineMs) return this.#lose(claimed);
    queue.sending++;
    try {
      const content = claimed.job.contentOf(claimed.items);
      if (content instanceof Promise)
        content.then(
          (made) => this.#say(queue, claimed, made),
          (fault: unknown) => this.#end(queue, claimed, unrenderable(fault)),
        );
      else this.#say(queue, claimed, content);
    } catch (fault) {
      this.#end(queue, claimed, unrenderable(fault));
    }
  }

  #say(queue: ChannelQueue, claimed: ClaimedMessage, content: Content): void {
    this.#send(queue, content, claimed).then(
      (result) => this.#end(queue, claimed, result, content.faults),
      // Nobody knows how far it came.
      () => {
        const attempts = [interruptedAttempt()];
        this.#end(queue, claimed, { kind: "attempted", attempts });
      },
    );
  }

  #end(
    queue: ChannelQueue,
    claimed: ClaimedMessage,
    result: SendResult,
    faults?: Content["faults"],
  ): void {
    queue.sending--;
    if (claimed.hasBegun) {
      queue.begun--;
      queue.completed();
    }
    // Nothing of it was written since it was stopped: it is again what it was.
    this.#ended.push(
      claimed.isRevoked && result.kind === "held"
        ? releaseMessage(claimed)
        : settleMessage(claimed, result, this.#deps, faults),
    );
    this.#runSoon();
  }

  /** May the claimed message begin? What it is owed to was looked at when it was claimed, or last asked about. */
  #mayBegin(queue: ChannelQueue, claimed: ClaimedMessage, retry: () => void): GateAnswer {
    const now = performance.now();
    if (this.#draining || claimed.isRevoked || now >= claimed.deadlineMs) {
      claimed.isRevoked = true;
      return "closed";
    }
    if (now >= claimed.mayBeginUntilMs || this.unwritten > 0) {
      this.#confirmations.add(claimed, retry);
      return "waits";
    }
    if (!claimed.hasBegun) {
      claimed.hasBegun = true;
      queue.begun++;
    }
    return "open";
  }

  /** A summary that cannot be rendered is said in the words that every summary has by default. */
  #send(queue: ChannelQueue, content: Content, claimed: ClaimedMessage): Promise<SendResult> {
    const { channel } = queue;
    const { items, job } = claimed;
    const { recipient, priority } = items[0]!.delivery;
    const repeatable = isRepeatableOnce(items);
    const terms = {
      recipient,
      priority,
      repeatable,
      passages: job.passages,
      begin: (retry: () => void) => this.#mayBegin(queue, claimed, retry),
      setApart: () => this.#runSoon(),
    };
    const sent = channel.send({ ...content, ...terms });
    const { fallback } = content;
    if (!fallback) return sent;
    return sent.then((result) =>
      result.kind === "unsendable" && result.reason === "template_error"
        ? channel.send({ ...content, ...fallback, ...terms })
        : result,
    );
  }

  #release(queue: ChannelQueue, claimed: ClaimedMessage): void {
    queue.inFlight++;
    this.#ended.push(releaseMessage(claimed));
  }

  /** Their outcomes are committed. */
  #finish(endings: readonly EndedMessage[]): void {
    for (const ending of endings) {
      const { claimed, settled } = ending;
      this.#deps.ended?.(ending);
      let isPending = false;
      for (const { settlement } of settled) {
        this.#count(claimed, settlement.status);
        if (settlement.status === "pending") isPending = true;
      }
      this.#leave(claimed, isPending);
    }
    this.#giveBack(endings.flatMap(({ unused, claimed }) => (unused ? [claimed.grant] : [])));
  }

  /** Its lease has run out: its rows belong to whoever finds them. */
  #lose(claimed: ClaimedMessage): void {
    for (let item = 0; item < claimed.items.length; item++) this.#count(claimed, "dropped");
    this.#leave(claimed, false);
  }

  #count({ queue, job }: ClaimedMessage, outcome: SendOutcome): void {
    this.#deps.count?.(queue, outcome, 1);
    job.itemEnded(outcome);
  }

  #leave(claimed: ClaimedMessage, isPending: boolean): void {
    this.#leases.delete(claimed);
    this.#queueOf(claimed.items).inFlight--;
    claimed.job.ended();
    this.#watch.ended(claimed.queue, isPending);
  }

  /** A grant that cannot be given back counts for nothing sent until its windows are over: too few are sent, never too many. */
  #giveBack(grants: readonly RateGrant[]): void {
    if (grants.length > 0) this.#deps.ledger.giveBack(grants).catch(() => {});
  }
}
