import { describeError } from "../../config/describe-error.ts";
import type { Logger } from "../../config/logger.ts";
import { type InboxItemRow, maxMissedItems } from "../../domain/inbox.ts";
import { type InboxStatus, readInboxStatuses, readNewerItems } from "../../ledger/inbox.ts";
import { inboxChannel } from "../../ledger/inbox-hints.ts";
import type { NotificationHub } from "../../ledger/notification-hub.ts";
import type { Execute } from "../../ledger/sql.ts";
import { poll } from "../../lib/polling.ts";
import { notFound, Problem } from "../http/problem.ts";
import { EventStream, formatEvent } from "../http/event-stream.ts";
import { countsEvent, heartbeatEvent, itemEvent, resetEvent } from "./events.ts";
import { type InboxStream, StreamNews, type StreamRequest } from "./stream-news.ts";

/** The open streams of one recipient in a process. */
const mostOfRecipient = 10;
/** The most bytes of missed items that a stream begins with. */
const mostMissedBytes = 262_144;
/** How often streams are looked at for a heartbeat that is due and a token that has expired. */
const sweepMs = 500;
/** The most recipients that one statement reads. */
const recipientsTogether = 500;
const retryAfterSeconds = "5";

export interface StreamsOptions {
  hub: NotificationHub;
  /** The statements of all streams run on it one at a time, so that they occupy one connection. */
  execute: Execute;
  clock: () => Date;
  maxStreams: number;
  heartbeatMs: number;
  logger: Pick<Logger, "warn">;
}

/**
 * The open streams of inboxes of a process. A stream sends what notifications of the database announce, and the counts with each
 * heartbeat, from which a client sees that it has missed something. With each of them it is checked that the token is still valid. Streams hold
 * no connection to the database, and processes share nothing else.
 */
export class InboxStreams {
  readonly #options: StreamsOptions;
  readonly #streams = new Map<string, Set<InboxStream>>();
  readonly #news: StreamNews;
  #size = 0;
  #isSubscribed = false;
  #isClosed = false;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#news = new StreamNews({
      execute: options.execute,
      streamsOf: (recipientId) => this.#streams.get(recipientId),
      mayRead: (stream, status) => this.#mayRead(stream, status),
      onFailed: (recipientIds, error) => this.#lookSoon(recipientIds, error),
    });
  }

  /** The number of open streams. */
  get size(): number {
    return this.#size;
  }

  /**
   * Opens a stream: its body begins with the counts and, after the item that the client knows, those that arrived later, or a reset. Throws the problem
   * of too many streams, and of a recipient who is not there.
   */
  async open(request: StreamRequest): Promise<EventStream> {
    const { recipientId, after } = request;
    this.#refuseTooMany(recipientId);
    this.#subscribe();
    const own: InboxStream = {
      ...request,
      stream: new EventStream(() => this.#remove(own)),
      waiting: [],
      heartbeatAtMs: performance.now() + this.#options.heartbeatMs,
    };
    this.#add(own);
    try {
      const [status] = await readInboxStatuses(this.#options.execute, [recipientId]);
      if (!status) throw notFound("recipient");
      const missed = after === null ? [] : await this.#readMissed(recipientId, after);
      this.#begin(own, status, missed);
    } catch (error) {
      own.stream.end();
      throw error;
    }
    return own.stream;
  }

  /** Ends all streams, and opens no more. */
  close(): void {
    this.#isClosed = true;
    for (const own of this.#all()) own.stream.end();
  }

  #refuseTooMany(recipientId: string): void {
    const headers = { "Retry-After": retryAfterSeconds };
    if (this.#isClosed || this.#size >= this.#options.maxStreams)
      throw new Problem("overloaded", "This process has no room for another stream.", { headers });
    if ((this.#streams.get(recipientId)?.size ?? 0) >= mostOfRecipient)
      throw new Problem(
        "too-many-requests",
        `You have ${mostOfRecipient} open streams. Close one of them first.`,
        { headers },
      );
  }

  /** Begins to listen with the first stream. */
  #subscribe(): void {
    if (this.#isSubscribed) return;
    this.#isSubscribed = true;
    const sweeping = poll(() => this.#sweep(), sweepMs);
    this.#options.hub.subscribe(inboxChannel, {
      onNotified: (payload) => this.#news.add(payload),
      // Some may have been missed, so that all counts are sent.
      onHealed: () => {
        for (const own of this.#all()) own.heartbeatAtMs = 0;
      },
    });
    this.#options.hub.whenClosed(() => {
      sweeping.stop();
      this.close();
    });
  }

  /** Reads the items that arrived after one; null if there are too many, or if it is not known which ones did. */
  async #readMissed(recipientId: string, after: string): Promise<InboxItemRow[] | null> {
    const take = maxMissedItems + 1;
    const missed = await readNewerItems(this.#options.execute, { recipientId, after, take });
    return missed && missed.length <= maxMissedItems ? missed : null;
  }

  #begin(own: InboxStream, status: InboxStatus, missed: readonly InboxItemRow[] | null): void {
    const { stream } = own;
    stream.send(countsEvent(status));
    const events = (missed ?? []).map(itemEvent);
    const bytes = events.reduce((sum, event) => sum + formatEvent(event).length, 0);
    const isReset = missed === null || bytes > mostMissedBytes;
    for (const event of isReset ? [resetEvent] : events) stream.send(event);
    const sent = new Set(events.flatMap(({ id }) => id ?? []));
    const { waiting } = own;
    own.waiting = null;
    for (const event of waiting ?? [])
      if (event.id === undefined || !sent.has(event.id)) stream.send(event);
  }

  /** Sends the heartbeats that are due, and ends the streams whose tokens have expired. */
  async #sweep(): Promise<void> {
    const now = performance.now();
    const due = new Set<string>();
    for (const own of this.#all()) {
      if (this.#options.clock() >= own.expiresAt) own.stream.end();
      else if (own.waiting === null && now >= own.heartbeatAtMs) due.add(own.recipientId);
    }
    const ids = [...due];
    for (let first = 0; first < ids.length; first += recipientsTogether)
      await this.#beat(ids.slice(first, first + recipientsTogether));
  }

  async #beat(recipientIds: readonly string[]): Promise<void> {
    try {
      for (const status of await readInboxStatuses(this.#options.execute, recipientIds))
        for (const own of this.#streams.get(status.recipientId) ?? []) {
          if (own.waiting !== null) continue;
          own.heartbeatAtMs = performance.now() + this.#options.heartbeatMs;
          if (this.#mayRead(own, status)) own.stream.send(heartbeatEvent(status));
        }
    } catch (error) {
      this.#lookSoon(recipientIds, error);
    }
  }

  /** Whether the token of a stream still allows it to read. Ends the stream otherwise. */
  #mayRead({ stream, epoch, expiresAt }: InboxStream, status: InboxStatus): boolean {
    if (status.epoch === epoch && !status.isErased && this.#options.clock() < expiresAt)
      return stream.isOpen;
    stream.end();
    return false;
  }

  /** The database could not be read. A heartbeat follows soon, from which clients see what they have missed. */
  #lookSoon(recipientIds: Iterable<string>, error: unknown): void {
    this.#options.logger.warn({ error: describeError(error) }, "inboxes cannot be read");
    for (const id of recipientIds)
      for (const own of this.#streams.get(id) ?? [])
        own.heartbeatAtMs = Math.min(own.heartbeatAtMs, performance.now() + 2 * sweepMs);
  }

  #add(own: InboxStream): void {
    const all = this.#streams.get(own.recipientId) ?? new Set();
    this.#streams.set(own.recipientId, all.add(own));
    this.#size += 1;
  }

  #remove(own: InboxStream): void {
    const all = this.#streams.get(own.recipientId);
    if (!all?.delete(own)) return;
    this.#size -= 1;
    if (all.size === 0) this.#streams.delete(own.recipientId);
  }

  #all(): InboxStream[] {
    return [...this.#streams.values()].flatMap((all) => [...all]);
  }
}
