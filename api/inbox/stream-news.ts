import { type InboxStatus, readInboxStatuses, readItems } from "../../ledger/inbox.ts";
import { type InboxChange, parseInboxHint } from "../../ledger/inbox-hints.ts";
import type { Execute } from "../../ledger/sql.ts";
import type { EventStream, StreamEvent } from "../http/event-stream.ts";
import { changeEvents, countsEvent, itemEvent } from "./events.ts";

/** The most recipients, and items, that one statement reads. */
const together = 500;
/** The most recipients whose news wait to be read. Streams of further ones find them with their next heartbeat. */
const mostWaiting = 5_000;
/** The most new items of one recipient that are read in one round. */
const mostItems = 100;

/** What a stream is opened with. Ids are UUIDs. */
export interface StreamRequest {
  recipientId: string;
  /** The token that the stream was opened with. */
  epoch: number;
  expiresAt: Date;
  /** The last item that the client knows; null if it does not say. */
  after: string | null;
}

/** A stream of one recipient. */
export interface InboxStream extends StreamRequest {
  stream: EventStream;
  /** What came while the stream was opened; null once it is open. */
  waiting: StreamEvent[] | null;
  /** Monotonic, in milliseconds. */
  heartbeatAtMs: number;
}

/** What was announced about a recipient. */
interface News {
  itemIds: Set<string>;
  changes: InboxChange["change"][];
}

/** Reads what notifications announce, for those recipients who have streams here, and sends it to their streams. */
export class StreamNews {
  readonly #deps;
  #waiting = new Map<string, News>();
  #isReading = false;

  constructor(deps: {
    execute: Execute;
    streamsOf: (recipientId: string) => ReadonlySet<InboxStream> | undefined;
    /** Whether a stream may still read. Otherwise it was ended. */
    mayRead: (stream: InboxStream, status: InboxStatus) => boolean;
    onFailed: (recipientIds: Iterable<string>, error: unknown) => void;
  }) {
    this.#deps = deps;
  }

  /** Takes a notification. Those that come while others are read are read together. */
  add(payload: string): void {
    const hint = parseInboxHint(payload);
    if (hint?.kind === "items")
      for (const { recipientId, itemId } of hint.items) {
        const news = this.#newsOf(recipientId);
        if (news && news.itemIds.size < mostItems) news.itemIds.add(itemId);
      }
    else if (hint) this.#newsOf(hint.recipientId)?.changes.push(hint.change);
    if (this.#waiting.size > 0 && !this.#isReading) {
      this.#isReading = true;
      setImmediate(() => void this.#read());
    }
  }

  /** The news of a recipient; undefined where nobody here wants them. */
  #newsOf(recipientId: string): News | undefined {
    if (!this.#deps.streamsOf(recipientId)) return undefined;
    const known = this.#waiting.get(recipientId);
    if (known || this.#waiting.size >= mostWaiting) return known;
    const news: News = { itemIds: new Set(), changes: [] };
    this.#waiting.set(recipientId, news);
    return news;
  }

  async #read(): Promise<void> {
    while (this.#waiting.size > 0) {
      const round = new Map([...this.#waiting].slice(0, together));
      for (const id of round.keys()) this.#waiting.delete(id);
      try {
        await this.#send(round);
      } catch (error) {
        this.#deps.onFailed(round.keys(), error);
      }
    }
    this.#isReading = false;
  }

  async #send(round: ReadonlyMap<string, News>): Promise<void> {
    const { execute, streamsOf, mayRead } = this.#deps;
    const itemIds = [...round.values()].flatMap((news) => [...news.itemIds]);
    const events = new Map<string, StreamEvent[]>();
    for (let first = 0; first < itemIds.length; first += together)
      for (const item of await readItems(execute, itemIds.slice(first, first + together)))
        events.set(item.recipientId, [...(events.get(item.recipientId) ?? []), itemEvent(item)]);
    for (const status of await readInboxStatuses(execute, [...round.keys()])) {
      const { changes } = round.get(status.recipientId)!;
      const news = [
        ...(events.get(status.recipientId) ?? []),
        ...changes.flatMap(changeEvents),
        countsEvent(status),
      ];
      for (const own of streamsOf(status.recipientId) ?? [])
        if (mayRead(own, status))
          for (const event of news)
            if (own.waiting) own.waiting.push(event);
            else own.stream.send(event);
    }
  }
}
