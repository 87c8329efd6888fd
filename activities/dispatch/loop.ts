import { performance } from "node:perf_hooks";
import { Context } from "@temporalio/activity";
import type { Channel as ChannelName } from "../../domain/channel.ts";
import { parseQueueName, type Queue } from "../../domain/delivery/queues.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { DueDelivery, Ledger, NextDue } from "../../ledger/ledger.ts";
import type { Sources } from "../../ledger/sources.ts";
import type { Channels } from "../channels/channels.ts";
import type { WatchedGate } from "../channels/cached-gate.ts";
import type { GateCache } from "../channels/gate-cache.ts";
import type { Passage } from "../channels/passage.ts";
import type { Outgoing } from "./decide-page.ts";
import { DuePlaces } from "./due-places.ts";
import { EventRate } from "./event-rate.ts";
import { type DispatchOutcome, type PageDeps, type PageTaker, takePage } from "./page.ts";
import { Pulse } from "./pulse.ts";
import { RowsInHand } from "./rows-in-hand.ts";
import { DispatchedJob, type JobOwner } from "./dispatched-job.ts";
import type { SendJob, SendOutcome } from "./send-job.ts";
import { type Attendance, type Sender, waitHereMs } from "./sender.ts";
import { Standby, type StandbyDeps } from "./standby.ts";
import { Throttle } from "./throttle.ts";

export interface DispatchInput {
  queue: string;
  /** The API request that it was last woken for, for the log. */
  requestId?: string;
}

export interface DispatchResult {
  /** The earliest instant at which another dispatch would find something, by the ledger's clock, ISO 8601; null if only a wake can bring it. */
  nextDueAt: string | null;
  /** How long that is from now, in milliseconds: Temporal's clock need not agree with the ledger's. */
  waitMs: number | null;
  /** Why the earliest open row waits, as in domain/delivery/reasons.ts, or `throttle`; null if it is simply due. */
  waitsFor: string | null;
  /** Rows still open in the queue, counted up to a bound. */
  open: number;
  /** What became of rows while it ran; what it had begun and ends later is counted by the sender alone. */
  counts: Partial<Record<DispatchOutcome, number>>;
}

const heartbeatMs = 2_000;

/** A dispatch makes room for others after this long, or this many rows. */
const roundMs = 10_000;
const roundRows = 10_000;
const pageRows = 200;
/** Rows of a channel in hand while more are looked for, so that sending never waits for a page. */
const holdRows = 150;
/**
 * How often new rows are looked for while earlier ones are still being sent, or have just been. Notifications come in
 * together as far as they may, and are claimed and settled together: as wakes are coalesced, so are looks.
 */
const lookAgainMs = { critical: 50, mailbox: 200, lane: 200, digest: 200 };
/** What is in hand when a round is over has so long to begin; then it is left to the next. */
const beginMs = 1_000;
/**
 * How long a dispatch stays for answers when nothing is left to begin: fast ones cost no further wake, and slow ones hold up nothing.
 * A wake cannot reach a dispatch, so that one that stays has what comes next wait for its next look: where looks seldom find
 * anything, it stays no longer than a server that is near takes.
 */
const answersMs = { busy: 1_000, calm: 50 };
/** How long a queue that is busy is watched once it is emptied. */
const lingersMs = 300;
/** How often rows are looked for that only time has made due, where new ones are notified of. */
const lookAgainListeningMs = 500;

export interface DispatchDeps extends PageDeps, StandbyDeps {
  ledger: Ledger;
  clock: LedgerClock;
  channels: Channels;
  sender: Sender;
  gates: Pick<GateCache, "watch">;
  /** Fresh for each dispatch. */
  sources: () => Sources;
  /** Is called where much is due. */
  noticeGrowth: () => Promise<void>;
  /** Is told what became of rows that did not begin. */
  count?: (queue: string, outcome: DispatchOutcome, rows: number) => void;
  /** How long a dispatch stays for answers when nothing is left to begin, however busy its queue is. */
  answersMs?: number;
  /** How long a busy queue of notifications that has just been emptied is watched: cheaper than a new activity for what comes next. */
  lingerMs?: number;
}

/**
 * Drains what is due in a queue: reads a page, decides, and lets the sender claim, send and settle. Ends when nothing is due soon,
 * after a round, or when it is cancelled or its worker drains. What was not claimed by then was never taken; what was belongs to
 * the sender, which wakes the queue when it ends. Whatever kills the worker, rows in flight are found again when their leases run out.
 */
export function createDispatch(deps: DispatchDeps) {
  /** How fast rows of queues come that were looked at here; lanes, which are filled once, have none. */
  const arrivals = new Map<string, EventRate>();
  return (input: DispatchInput): Promise<DispatchResult> => {
    const { queue } = input;
    if (parseQueueName(queue).kind !== "lane" && !arrivals.has(queue))
      arrivals.set(queue, new EventRate());
    return new Dispatch(deps, input, arrivals.get(queue) ?? null, Context.current()).run();
  };
}

/** One dispatch. Instants in `…Ms` are of the monotonic clock. */
class Dispatch implements PageTaker, JobOwner {
  readonly queue: string;
  readonly sources: Sources;
  readonly inHand = new RowsInHand();
  readonly now: () => Date;
  #deps: DispatchDeps;
  #context: Context;
  #kind: Queue["kind"];
  #throttle: Throttle;
  /** Gates that are watched until it ends. */
  #gates = new Map<string, ReturnType<GateCache["watch"]>>();
  #attendance: Attendance;
  #pulse = new Pulse();
  #counts: DispatchResult["counts"] = {};
  /** Messages that have not begun, by recipient: they come before what is read next. */
  #ahead = new Map<string, number>();
  /** Messages that have begun and not ended. */
  #underWay = 0;
  #failure: { error: unknown } | undefined;
  #endsAtMs: number;
  #foundRows = 0;
  readonly #standby: Standby;
  #places = new DuePlaces();
  /** When each channel is looked at again; one that is missing may be at once. */
  #looksAtMs = new Map<ChannelName, number>();
  #lingersUntilMs = 0;
  #arrivals: EventRate | null;
  /** Since when nothing is in hand. */
  #emptySinceMs: number;

  constructor(
    deps: DispatchDeps,
    input: DispatchInput,
    arrivals: EventRate | null,
    context: Context,
  ) {
    const startedMs = performance.now();
    const queue = parseQueueName(input.queue);
    this.queue = input.queue;
    this.sources = deps.sources();
    this.now = () => deps.clock.now();
    this.#deps = deps;
    this.#context = context;
    this.#kind = queue.kind;
    this.#throttle = new Throttle(queue);
    this.#arrivals = arrivals;
    this.#endsAtMs = startedMs + roundMs;
    this.#emptySinceMs = startedMs;
    this.#attendance = deps.sender.attend(input.queue);
    this.#standby = new Standby(deps, input.queue, () => {
      this.#looksAtMs.clear();
      this.#pulse.beat();
    });
  }

  async run(): Promise<DispatchResult> {
    const { cancellationSignal: cancelled } = this.#context;
    const beating = setInterval(() => this.#context.heartbeat(), heartbeatMs);
    const withdraw = () => {
      this.#attendance.withdraw();
      this.#pulse.beat();
    };
    cancelled.addEventListener("abort", withdraw, { once: true });
    try {
      const { key } = this.#throttle;
      if (key !== null) this.#throttle.watch(await this.watchGate(key));
      while (await this.#goOn());
      await this.#windUp();
      if (this.#failure) throw this.#failure.error;
    } finally {
      // What has not begun is the next dispatch's, also where this one fails.
      this.#attendance.withdraw();
      this.#attendance.leave();
      // Only then is it asked what is due next: what comes later has the queue woken.
      await this.#standby.end();
      clearInterval(beating);
      for (const watching of this.#gates.values())
        watching.then((watch) => watch.release()).catch(() => {});
      cancelled.removeEventListener("abort", withdraw);
    }
    return this.#result();
  }

  ahead(recipientId: string): number {
    return this.#ahead.get(recipientId) ?? 0;
  }

  reread(id: string): void {
    this.inHand.remove(id);
  }

  ended(id: string, outcome: DispatchOutcome): void {
    this.leaveHand(id);
    this.count(outcome);
    this.#deps.count?.(this.queue, outcome, 1);
  }

  readonly watchGate = async (
    key: string,
    rate?: { perSecond: number; burst: number },
  ): Promise<WatchedGate> => {
    const watching = this.#gates.get(key) ?? this.#deps.gates.watch(key, rate);
    this.#gates.set(key, watching);
    return (await watching).gate;
  };

  submit(message: Outgoing, contentOf: SendJob["contentOf"], passage?: Passage): void {
    const { recipientId } = message;
    this.#ahead.set(recipientId, this.ahead(recipientId) + 1);
    const passages = [...this.#throttle.passages(), ...(passage ? [passage] : [])];
    this.#attendance.submit(new DispatchedJob(this, message, contentOf, passages));
  }

  /** A row of a message did not begin. */
  dropped(id: string): void {
    this.ended(id, "dropped");
  }

  /** A message has begun, or will not. */
  passed(recipientId: string, hasBegun: boolean): void {
    const ahead = this.ahead(recipientId) - 1;
    if (ahead === 0) this.#ahead.delete(recipientId);
    else this.#ahead.set(recipientId, ahead);
    if (hasBegun) this.#underWay++;
  }

  answered(): void {
    this.#underWay--;
    this.#pulse.beat();
  }

  failed(error: unknown): void {
    this.#failure ??= { error };
  }

  leaveHand(id: string): void {
    this.inHand.remove(id);
    if (this.inHand.size === 0) this.#emptySinceMs = performance.now();
    this.#pulse.beat();
  }

  count(outcome: DispatchOutcome): void {
    this.#counts[outcome] = (this.#counts[outcome] ?? 0) + 1;
  }

  /** The outcome of a row that had begun. */
  itemEnded(outcome: SendOutcome): void {
    this.count(outcome);
    // It comes again, and sooner perhaps than anything else.
    if (outcome === "pending" && this.#standby.hears) this.#standby.notify();
  }

  /** Do rows come so fast that each look finds one? Then it is worth looking for more; otherwise the next wake is sooner. */
  get #isBusy(): boolean {
    if (!this.#arrivals) return true;
    return this.#arrivals.perMs(performance.now()) * lookAgainMs[this.#kind] >= 1;
  }

  get #answersMs(): number {
    return this.#deps.answersMs ?? (this.#isBusy ? answersMs.busy : answersMs.calm);
  }

  get #isStopped(): boolean {
    return this.#failure !== undefined || this.#context.cancellationSignal.aborted;
  }

  /** Looks, or waits until there may be something to look at. False: there is nothing to stay for. */
  async #goOn(): Promise<boolean> {
    const atMs = performance.now();
    if (this.#isStopped || atMs >= this.#endsAtMs || this.#foundRows >= roundRows) return false;
    const channels = this.#channelsToLookAt(atMs);
    if (channels.length > 0) {
      await this.#look(channels);
      return true;
    }
    const stays =
      this.inHand.size > 0 ||
      atMs < this.#lingersUntilMs ||
      (this.#underWay > 0 && atMs < this.#emptySinceMs + this.#answersMs);
    if (stays) {
      const nextMs = this.#nextLookInMs(atMs);
      const answersInMs = this.#emptySinceMs + this.#answersMs - atMs;
      const leaves = this.inHand.size === 0 && atMs >= this.#lingersUntilMs;
      await this.#pulse.wait(leaves ? Math.min(nextMs, Math.max(1, answersInMs)) : nextMs);
      return true;
    }
    // Of what it was notified of so far, this says when it is due.
    this.#standby.isNotified = false;
    const { nextDueAt } = await this.#outlook();
    if (this.#standby.isNotified) return true;
    const inMs = nextDueAt === null ? Infinity : nextDueAt.getTime() - this.now().getTime();
    if (inMs > waitHereMs) return this.#rest(inMs);
    await this.#pulse.wait(inMs > 0 ? inMs : this.#nextLookInMs(atMs));
    // What becomes due is looked for when it does.
    if (inMs > 0) this.#looksAtMs.clear();
    return true;
  }

  /** Stays for what comes next, where it is notified of it. */
  async #rest(dueInMs: number): Promise<boolean> {
    const stays = await this.#standby.rest(
      dueInMs,
      (ms) => this.#pulse.wait(ms),
      () => this.#isStopped,
    );
    // A round is one of work.
    this.#endsAtMs = performance.now() + roundMs;
    this.#foundRows = 0;
    return stays;
  }

  get #lookAgainMs(): number {
    return this.#standby.hears ? lookAgainListeningMs : lookAgainMs[this.#kind];
  }

  /** Those that take something, and of which not enough is in hand. None while the campaign's throttle is closed. */
  #channelsToLookAt(atMs: number): ChannelName[] {
    if (this.#throttle.isClosed) return [];
    const now = new Date();
    return this.#deps.channels.all.flatMap(({ name }) =>
      this.inHand.countOf(name) <= holdRows &&
      atMs >= (this.#looksAtMs.get(name) ?? 0) &&
      this.#deps.sender.opensAt(name, now) === null
        ? [name]
        : [],
    );
  }

  /** A change may bring it forward. */
  #nextLookInMs(atMs: number): number {
    const looks = this.#deps.channels.all.flatMap(({ name }) =>
      this.inHand.countOf(name) <= holdRows ? (this.#looksAtMs.get(name) ?? 0) : [],
    );
    const nextMs = Math.max(Math.min(...looks), this.#throttle.opensAtMs);
    return Math.min(Math.max(1, nextMs > atMs ? nextMs - atMs : this.#lookAgainMs), heartbeatMs);
  }

  /** Reads a page of what is due on the channels, and takes it. */
  async #look(channels: readonly ChannelName[]): Promise<void> {
    const limit = this.#throttle.take(pageRows);
    if (limit === 0) return;
    this.#standby.isNotified = false;
    try {
      const after = this.#places.all;
      const [due] = await Promise.all([
        this.#deps.ledger.due({
          queue: this.queue,
          channels,
          limit,
          except: [...this.inHand.ids, ...this.#deps.sender.overdueIds()],
          after,
        }),
        this.#deps.clock.refresh(),
      ]);
      this.inHand.add(due);
      this.#foundRows += due.length;
      if (due.length > 0) this.#standby.found();
      this.#arrivals?.note(performance.now(), due.length);
      if (due.length > 0 && this.#arrivals && this.#isBusy)
        this.#lingersUntilMs = performance.now() + (this.#deps.lingerMs ?? lingersMs);
      if (due.length === limit) {
        this.#places.advance(due);
        await this.#deps.noticeGrowth();
      } else this.#places.reset();
      // What comes before the places that it went on from is looked for at once.
      const isMoreLikely = due.length === limit || after.length > 0;
      if (due.length > 0) await takePage(this.#deps, this, due);
      const found = new Set(isMoreLikely ? channels : this.#channelsToReread(due));
      for (const channel of channels)
        if (found.has(channel) || this.#standby.isNotified) this.#looksAtMs.delete(channel);
        else this.#looksAtMs.set(channel, performance.now() + this.#lookAgainMs);
    } finally {
      this.#throttle.giveBack();
    }
  }

  /** Of rows that were found and taken, the channels on which more may be due: where few come, those of rows that were not sent on. */
  #channelsToReread(due: readonly DueDelivery[]): ChannelName[] {
    const ids = new Set(this.inHand.ids);
    return due.flatMap(({ id, channel }) => (this.#isBusy || !ids.has(id) ? [channel] : []));
  }

  /** Lets what is in hand begin, for a moment, and what has begun be answered, for another. */
  async #windUp(): Promise<void> {
    if (!this.#isStopped)
      await this.#until(() => this.inHand.size === 0 || this.#isStopped, beginMs);
    this.#attendance.withdraw();
    await this.#until(() => this.inHand.size === 0, Infinity);
    const answersUntilMs = this.#emptySinceMs + this.#answersMs;
    await this.#until(() => this.#underWay === 0, answersUntilMs - performance.now());
  }

  async #until(isSo: () => boolean, ms: number): Promise<void> {
    const endsAtMs = performance.now() + ms;
    for (let atMs = performance.now(); !isSo() && atMs < endsAtMs; atMs = performance.now())
      await this.#pulse.wait(Math.min(endsAtMs - atMs, heartbeatMs));
  }

  async #result(): Promise<DispatchResult> {
    const { nextDueAt, waitsFor, open } = await this.#outlook();
    return {
      nextDueAt: nextDueAt?.toISOString() ?? null,
      waitMs: nextDueAt && nextDueAt.getTime() - this.now().getTime(),
      waitsFor,
      open,
      counts: { ...this.#counts },
    };
  }

  /** Of all channels the earliest instant at which something is due and the channel takes it; of a lane not before its throttle opens. */
  async #outlook(): Promise<{ nextDueAt: Date | null; waitsFor: string | null; open: number }> {
    const [{ next, open }] = await Promise.all([
      this.#deps.ledger.outlook(this.queue),
      this.#deps.clock.refresh(),
    ]);
    const now = this.now();
    let first: NextDue | null = null;
    for (const [channel, due] of next) {
      const opens = this.#deps.sender.opensAt(channel, new Date());
      const opensAt = opens && this.#deps.clock.fromLocal(opens);
      const own =
        opensAt !== null && opensAt > due.dueAt
          ? { dueAt: opensAt, reason: "provider_unavailable" }
          : due;
      if (first === null || own.dueAt < first.dueAt) first = own;
    }
    const throttled = new Date(now.getTime() + this.#throttle.opensAtMs - performance.now());
    if (first !== null && this.#throttle.isClosed && throttled > first.dueAt)
      first = { dueAt: throttled, reason: "throttle" };
    return { nextDueAt: first?.dueAt ?? null, waitsFor: first?.reason ?? null, open };
  }
}
