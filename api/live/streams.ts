import { describeError } from "../../config/describe-error.ts";
import type { Logger } from "../../config/logger.ts";
import { healthIndicators } from "../../domain/health.ts";
import type { LedgerReader } from "../../ledger/health-figures.ts";
import type { NotificationHub } from "../../ledger/notification-hub.ts";
import type { Execute } from "../../ledger/sql.ts";
import { poll } from "../../lib/polling.ts";
import { EventStream } from "../http/event-stream.ts";
import { Problem } from "../http/problem.ts";
import { assessReading } from "../operations/assessment.ts";
import { ChangeFeed, type ChangeHint, type Topic } from "./change-feed.ts";

/** The open streams of one session, or of one key. */
const mostOfOwner = 4;
/** How often the ledger is read, and every session is checked, while streams are open. */
const turnMs = 1_000;
/** The turns after which health is rated again. */
const healthTurns = 5;

interface LiveStream {
  stream: EventStream;
  owner: string;
  topics: ReadonlySet<Topic>;
  isStillValid: () => Promise<boolean>;
  /** Monotonic, in milliseconds. */
  keepAliveAtMs: number;
}

/**
 * The open streams of consoles in a process. They send hints about what has changed. All of them share one reading of the ledger a second,
 * and none is made while no stream is open.
 */
export class LiveStreams {
  readonly #options;
  readonly #feed: ChangeFeed;
  readonly #streams = new Set<LiveStream>();
  #isPolling = false;
  #isClosed = false;
  #hasFailed = false;
  #turns = 0;
  #words: string | null = null;

  constructor(options: {
    hub: Pick<NotificationHub, "whenClosed">;
    execute: Execute;
    readLedger: LedgerReader;
    /** The ledger's clock. */
    clock: () => Date;
    most: number;
    keepAliveMs: number;
    logger: Pick<Logger, "warn">;
  }) {
    this.#options = options;
    this.#feed = new ChangeFeed(options.execute);
  }

  /** The number of open streams. */
  get size(): number {
    return this.#streams.size;
  }

  /** Opens a stream, which begins with the event `ready`. Throws the problem of too many streams. */
  open(request: Pick<LiveStream, "owner" | "topics" | "isStillValid">): EventStream {
    this.#refuseTooMany(request.owner);
    this.#begin();
    const own: LiveStream = {
      ...request,
      stream: new EventStream(() => this.#streams.delete(own)),
      keepAliveAtMs: performance.now() + this.#options.keepAliveMs,
    };
    this.#streams.add(own);
    own.stream.send({ event: "ready", data: { topics: [...request.topics] } });
    return own.stream;
  }

  #refuseTooMany(owner: string): void {
    const headers = { "Retry-After": "5" };
    if (this.#isClosed || this.#streams.size >= this.#options.most)
      throw new Problem("overloaded", "This process has no room for another stream.", { headers });
    if ([...this.#streams].filter((one) => one.owner === owner).length >= mostOfOwner)
      throw new Problem(
        "too-many-requests",
        `You have ${mostOfOwner} open streams. Close one of them first.`,
        { headers },
      );
  }

  /** Begins to read with the first stream. */
  #begin(): void {
    if (this.#streams.size === 0) this.#feed.begin(this.#options.clock());
    if (this.#isPolling) return;
    this.#isPolling = true;
    const polling = poll(() => this.#turn(), turnMs);
    this.#options.hub.whenClosed(() => {
      polling.stop();
      this.#isClosed = true;
      for (const { stream } of this.#streams) stream.end();
    });
  }

  async #turn(): Promise<void> {
    if (this.#streams.size === 0) return;
    await Promise.all([...this.#streams].map((own) => this.#check(own)));
    for (const hint of await this.#readHints())
      for (const { stream, topics } of this.#streams)
        if (topics.has(hint.topic)) stream.send({ event: "changed", data: hint });
  }

  /** Ends a stream whose session or key has ended. While the database cannot be asked, nothing is sent that would need it. */
  async #check(own: LiveStream): Promise<void> {
    if (!(await own.isStillValid().catch(() => true))) return own.stream.end();
    if (performance.now() < own.keepAliveAtMs) return;
    own.keepAliveAtMs = performance.now() + this.#options.keepAliveMs;
    own.stream.keepAlive();
  }

  async #readHints(): Promise<ChangeHint[]> {
    try {
      const hints = await this.#feed.read();
      this.#hasFailed = false;
      return [...hints, ...(await this.#readHealth())];
    } catch (error) {
      if (!this.#hasFailed)
        this.#options.logger.warn({ error: describeError(error) }, "changes cannot be read");
      this.#hasFailed = true;
      return [];
    }
  }

  /** A hint if the rating of an indicator has changed. The figures are those of `/v1/health`, which are cached. */
  async #readHealth(): Promise<ChangeHint[]> {
    this.#turns += 1;
    const isWatched = [...this.#streams].some(({ topics }) => topics.has("health"));
    if (!isWatched || this.#turns % healthTurns !== 1) return [];
    const { reading } = await this.#options.readLedger();
    const indicators = reading && assessReading(reading).health.indicators;
    const words = JSON.stringify(
      indicators && healthIndicators.map((name) => indicators[name].word),
    );
    const hasChanged = this.#words !== null && this.#words !== words;
    this.#words = words;
    return hasChanged ? [{ topic: "health", ids: [], more: true }] : [];
  }
}
