import { performance } from "node:perf_hooks";
import { Context } from "@temporalio/activity";
import type { Channel as ChannelName } from "../../domain/channel.ts";
import { parseQueueName } from "../../domain/delivery/queues.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { Diversions } from "../../ledger/diversions.ts";
import type { DueDelivery, Ledger } from "../../ledger/ledger.ts";
import type { Sources } from "../../ledger/sources.ts";
import type { Channels } from "../channels/channels.ts";
import type { WatchedGate } from "../channels/cached-gate.ts";
import type { GateCache } from "../channels/gate-cache.ts";
import type { Passage } from "../channels/passage.ts";
import type { Outgoing } from "./decide-page.ts";
import { DuePlaces } from "./due-places.ts";
import { EventRate } from "./event-rate.ts";
import { Failover, type FailoverProgress } from "./failover.ts";
import { type LookOptions, Looks } from "./looks.ts";
import { type Outlook, readOutlook } from "./outlook.ts";
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
  /** The API request that last woke the queue, for the log. */
  requestId?: string;
}

export interface DispatchResult {
  /**
   * The earliest instant at which another dispatch would find something, by the ledger's clock, in ISO 8601; null if there is
   * none until the queue is woken.
   */
  nextDueAt: string | null;
  /** The time until then in milliseconds, since Temporal's clock may differ from the ledger's. */
  waitMs: number | null;
  /** Why the earliest open row waits: a reason of domain/delivery/reasons.ts, or `throttle`; null if it is simply due. */
  waitsFor: string | null;
  /** The number of rows still open in the queue, counted up to a bound. */
  open: number;
  /** The outcomes of rows while the dispatch ran. What began here and ends later is counted by the sender alone. */
  counts: Partial<Record<DispatchOutcome, number>>;
}

const heartbeatMs = 2_000;

/** A dispatch makes room for others after this time, or after this number of rows. */
const roundMs = 10_000;
const roundRows = 10_000;
const pageRows = 200;
/** More rows are looked for while at most this number of a channel's rows is in hand, so that sending never waits for a page. */
const holdRows = 150;
/** How long rows in hand may take to begin when a round is over. The rest is left to the next dispatch. */
const beginMs = 1_000;

export interface DispatchDeps extends PageDeps, StandbyDeps, LookOptions {
  ledger: Ledger;
  clock: LedgerClock;
  channels: Channels;
  sender: Sender;
  gates: Pick<GateCache, "watch">;
  /** Creates the sources of one dispatch. */
  sources: () => Sources;
  /** Moves rows away from channels that are out of service. */
  diversions: Diversions;
  /** Called when a page is full, since many rows are due. */
  noticeGrowth: () => Promise<void>;
  /** Called with the outcome of each row that did not begin. */
  count?: (queue: string, outcome: DispatchOutcome, rows: number) => void;
}

/**
 * Drains the due rows of a queue: reads a page, decides, and lets the sender claim, send and settle. It ends when nothing is due
 * soon, after a round, or when it is cancelled or its worker drains. Rows that are not claimed by then are left as they were.
 * Claimed rows belong to the sender, which wakes the queue when they end. If the worker dies, the rows in flight are found again
 * when their leases run out.
 */
export function createDispatch(deps: DispatchDeps) {
  /** The rate at which rows arrive in each queue that was drained here. Lanes have none, since a freeze fills them once. */
  const arrivals = new Map<string, EventRate>();
  const failovers = new Map<string, FailoverProgress>();
  return (input: DispatchInput): Promise<DispatchResult> => {
    const { queue } = input;
    if (parseQueueName(queue).kind !== "lane" && !arrivals.has(queue))
      arrivals.set(queue, new EventRate());
    const failover = new Failover(deps, queue, failovers);
    const arrival = arrivals.get(queue) ?? null;
    return new Dispatch(deps, input, { arrivals: arrival, failover }, Context.current()).run();
  };
}

/** One run of `dispatch`. Instants named `…Ms` are monotonic. */
class Dispatch implements PageTaker, JobOwner {
  readonly queue: string;
  readonly sources: Sources;
  readonly inHand = new RowsInHand();
  readonly now: () => Date;
  #deps: DispatchDeps;
  #context: Context;
  #throttle: Throttle;
  /** The gates that are watched until the dispatch ends. */
  #gates = new Map<string, ReturnType<GateCache["watch"]>>();
  #attendance: Attendance;
  #pulse = new Pulse();
  #counts: DispatchResult["counts"] = {};
  /** The number of messages that have not begun, by recipient. They precede those that are read next. */
  #ahead = new Map<string, number>();
  /** The number of messages that have begun and not ended. */
  #underWay = 0;
  #failure: { error: unknown } | undefined;
  #endsAtMs: number;
  #foundRows = 0;
  readonly #standby: Standby;
  readonly #looks: Looks;
  #places = new DuePlaces();
  readonly #failover: Failover;
  /** The instant since which nothing is in hand. */
  #emptySinceMs: number;

  constructor(
    deps: DispatchDeps,
    input: DispatchInput,
    { arrivals, failover }: { arrivals: EventRate | null; failover: Failover },
    context: Context,
  ) {
    const startedMs = performance.now();
    const queue = parseQueueName(input.queue);
    this.queue = input.queue;
    this.sources = deps.sources();
    this.now = () => deps.clock.now();
    this.#deps = deps;
    this.#context = context;
    this.#throttle = new Throttle(queue);
    this.#endsAtMs = startedMs + roundMs;
    this.#emptySinceMs = startedMs;
    this.#attendance = deps.sender.attend(input.queue);
    this.#failover = failover;
    this.#looks = new Looks(queue.kind, arrivals, () => this.#standby.isListening, deps);
    this.#standby = new Standby(deps, input.queue, () => {
      this.#looks.reset();
      this.#failover.noteRows();
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
      while (await this.#step());
      await this.#windUp();
      if (this.#failure) throw this.#failure.error;
    } finally {
      // Messages that have not begun are left to the next dispatch, also if this one fails.
      this.#attendance.withdraw();
      this.#attendance.leave();
      // The standby ends before the outlook is read: rows that come after it wake the queue.
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

  allowReread(id: string): void {
    this.inHand.remove(id);
  }

  endRow(id: string, outcome: DispatchOutcome): void {
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
    this.#countAhead(message, 1);
    const passages = [...this.#throttle.passages(), ...(passage ? [passage] : [])];
    this.#attendance.submit(new DispatchedJob(this, message, contentOf, passages));
  }

  onDropped(id: string): void {
    this.endRow(id, "dropped");
  }

  onPassed(message: Outgoing, hasBegun: boolean): void {
    this.#countAhead(message, -1);
    if (hasBegun) this.#underWay++;
  }

  /** Counts a message that is on its way, unless no limit counts it. */
  #countAhead({ recipientId, room }: Outgoing, change: 1 | -1): void {
    if (room === null) return;
    const ahead = this.ahead(recipientId) + change;
    if (ahead === 0) this.#ahead.delete(recipientId);
    else this.#ahead.set(recipientId, ahead);
  }

  onAnswered(): void {
    this.#underWay--;
    this.#pulse.beat();
  }

  onFailed(error: unknown): void {
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

  onItemEnded(outcome: SendOutcome): void {
    this.count(outcome);
    if (outcome !== "pending") return;
    // The row is due again, perhaps sooner than any other.
    this.#failover.noteRows();
    if (this.#standby.isListening) this.#standby.notify();
  }

  get #isStopped(): boolean {
    return this.#failure !== undefined || this.#context.cancellationSignal.aborted;
  }

  /** Reads a page, or waits until there may be something to read. False: there is no reason to stay. */
  async #step(): Promise<boolean> {
    const atMs = performance.now();
    if (this.#isStopped || atMs >= this.#endsAtMs || this.#foundRows >= roundRows) return false;
    if (this.#failover.isDue) {
      await this.#failOver();
      return true;
    }
    const channels = this.#channelsToLookAt(atMs);
    if (channels.length > 0) {
      await this.#look(channels);
      return true;
    }
    const stays =
      this.inHand.size > 0 ||
      atMs < this.#looks.lingersUntilMs ||
      (this.#underWay > 0 && atMs < this.#emptySinceMs + this.#looks.answersMs);
    if (stays) {
      const nextMs = this.#nextLookInMs(atMs);
      const answersInMs = this.#emptySinceMs + this.#looks.answersMs - atMs;
      const leaves = this.inHand.size === 0 && atMs >= this.#looks.lingersUntilMs;
      await this.#pulse.wait(leaves ? Math.min(nextMs, Math.max(1, answersInMs)) : nextMs);
      return true;
    }
    // The outlook covers all rows whose notifications came before it.
    this.#standby.isNotified = false;
    const { nextDueAt } = await this.#outlook();
    if (this.#standby.isNotified) return true;
    const inMs = nextDueAt === null ? Infinity : nextDueAt.getTime() - this.now().getTime();
    if (inMs > waitHereMs) return this.#rest(inMs);
    await this.#pulse.wait(inMs > 0 ? inMs : this.#nextLookInMs(atMs));
    // Look at the very moment at which the next row becomes due.
    if (inMs > 0) this.#looks.reset();
    return true;
  }

  /** Stays for the next rows, if notifications announce them. */
  async #rest(dueInMs: number): Promise<boolean> {
    const stays = await this.#standby.rest(
      dueInMs,
      (ms) => this.#pulse.wait(ms),
      () => this.#isStopped,
    );
    // The time at rest does not count towards the round.
    this.#endsAtMs = performance.now() + roundMs;
    this.#foundRows = 0;
    return stays;
  }

  /** The channels that take messages and for which too few rows are in hand. None while the campaign's throttle is closed. */
  #channelsToLookAt(atMs: number): ChannelName[] {
    if (this.#throttle.isClosed) return [];
    const now = new Date();
    return this.#deps.channels.all.flatMap(({ name }) =>
      this.inHand.countOf(name) <= holdRows &&
      atMs >= this.#looks.nextAtMs(name) &&
      this.#deps.sender.opensAt(name, now) === null
        ? [name]
        : [],
    );
  }

  /** The milliseconds until the next look, at most. A change may bring it forward. */
  #nextLookInMs(atMs: number): number {
    const looks = this.#deps.channels.all.flatMap(({ name }) =>
      this.inHand.countOf(name) <= holdRows ? this.#looks.nextAtMs(name) : [],
    );
    const nextMs = Math.max(Math.min(...looks), this.#throttle.opensAtMs);
    return Math.min(
      Math.max(1, nextMs > atMs ? nextMs - atMs : this.#looks.intervalMs),
      heartbeatMs,
    );
  }

  /** Lets due rows leave channels that have been out of service for too long. They are due at once on others. */
  async #failOver(): Promise<void> {
    const rows = await this.#failover.look(this.sources);
    if (rows === 0) return;
    for (let row = 0; row < rows; row++) this.count("pending");
    this.#deps.count?.(this.queue, "pending", rows);
    this.#looks.reset();
  }

  /** Reads and takes a page of the due rows of the channels. */
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
      if (due.length > 0) this.#standby.noteFound();
      this.#looks.noteFound(due);
      if (due.length === limit) {
        this.#places.advance(due);
        await this.#deps.noticeGrowth();
      } else this.#places.reset();
      // If the page began at a place, rows before that place may be due: look again at once.
      const isMoreLikely = due.length === limit || after.length > 0;
      if (due.length > 0) await takePage(this.#deps, this, due);
      const found = new Set(isMoreLikely ? channels : this.#channelsToReread(due));
      for (const channel of channels)
        this.#looks.plan(channel, found.has(channel) || this.#standby.isNotified);
    } finally {
      this.#throttle.giveBack();
    }
  }

  /**
   * The channels of the rows just taken on which more may be due. Where few rows arrive, these are only the channels of rows
   * that were not sent on.
   */
  #channelsToReread(due: readonly DueDelivery[]): ChannelName[] {
    const ids = new Set(this.inHand.ids);
    return due.flatMap(({ id, channel }) => (this.#looks.isBusy || !ids.has(id) ? [channel] : []));
  }

  /** Gives the rows in hand a moment to begin, and the messages that have begun a moment to end. */
  async #windUp(): Promise<void> {
    if (!this.#isStopped)
      await this.#waitUntil(() => this.inHand.size === 0 || this.#isStopped, beginMs);
    this.#attendance.withdraw();
    await this.#waitUntil(() => this.inHand.size === 0, Infinity);
    const answersUntilMs = this.#emptySinceMs + this.#looks.answersMs;
    await this.#waitUntil(() => this.#underWay === 0, answersUntilMs - performance.now());
  }

  async #waitUntil(isMet: () => boolean, ms: number): Promise<void> {
    const endsAtMs = performance.now() + ms;
    for (let atMs = performance.now(); !isMet() && atMs < endsAtMs; atMs = performance.now())
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

  #outlook(): Promise<Outlook> {
    return readOutlook(this.queue, this.#deps, this.#throttle, this.#failover);
  }
}
