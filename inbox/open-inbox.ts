import { readCounts, readItem } from "./answers.ts";
import { keepConnection } from "./connection.ts";
import { Counts, effectOf } from "./counts.ts";
import type { StreamEvent } from "./event-stream.ts";
import { applyChange, type Arrival, isNewer, type ItemChange, KnownItems } from "./items.ts";
import { createRequests } from "./requests.ts";
import {
  type Inbox,
  type InboxAction,
  type InboxChange,
  type InboxCounts,
  InboxError,
  type InboxItem,
  type InboxOptions,
  type InboxState,
  type InboxView,
} from "./types.ts";

const path = "v1/me/inbox";
/** A list is loaded again within this many milliseconds, at a random instant, so that many pages do not ask at once. */
const reloadWithinMs = 2_000;

/** What the stream says of a change of all items up to one. */
interface AllChanged {
  upTo: string;
  upToCreatedAt: string;
  readAt?: string;
  seenAt?: string;
}

/** An inbox from its opening to `close`. See `Inbox`. */
export class OpenInbox implements Inbox {
  items: readonly InboxItem[] = [];
  counts: InboxCounts | null = null;
  state: InboxState = {
    view: "all",
    list: "loading",
    hasMore: false,
    loadingMore: false,
    connection: "connecting",
  };
  readonly #options: InboxOptions;
  readonly #closing = new AbortController();
  readonly #requests;
  readonly #known = new KnownItems();
  readonly #counts = new Counts(() =>
    this.#known.listChanged().map(({ before, after }) => effectOf(before, after)),
  );
  readonly #listeners = new Set<(change: InboxChange) => void>();
  /** The last request of each item, so that the API gets the changes of one item one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** The known item that arrived last, of any category. */
  #newest: Arrival | null = null;
  #reloading: ReturnType<typeof setTimeout> | undefined;
  /** The number of loads of a first page. Only the answer of the latest is used. */
  #loads = 0;
  /** Whether the counts of this stream have not come yet. The first ones are compared with what is known. */
  #isFresh = true;

  constructor(options: InboxOptions) {
    this.#options = options;
    const { signal } = this.#closing;
    const url = options.url.replace(/\/*$/, "/");
    this.#requests = createRequests(url, options.getToken, signal);
    void this.reload().catch(() => {});
    keepConnection({
      requests: this.#requests,
      closing: signal,
      keepInBackground: options.keepInBackground ?? false,
      lastId: () => this.#newest && this.#newest.id,
      onEvent: (event) => this.#receive(event),
      onState: (connection) => {
        if (connection === "connecting") this.#isFresh = true;
        // A list that could not be loaded is tried again as soon as there is a connection.
        if (connection === "live" && this.state.list === "failed") this.#reloadSoon();
        if (connection !== this.state.connection) this.#update({ connection });
      },
    });
  }

  subscribe = (listener: (change: InboxChange) => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  show = async (view: InboxView) => {
    this.#known.tidyUnread();
    const page = this.#known.page(view);
    const list = page ? "ready" : "loading";
    this.#update({ view, list, hasMore: Boolean(page?.cursor), loadingMore: false });
    await this.reload();
  };

  reload = async () => {
    clearTimeout(this.#reloading);
    const load = ++this.#loads;
    const { view } = this.state;
    const page = this.#known.page(view);
    if (!page && this.state.list === "failed") this.#update({ list: "loading" });
    try {
      await this.#loadPage(view, null, load, page?.ids.length ?? 0);
    } catch (error) {
      if (load === this.#loads && !page) this.#update({ list: "failed" });
      throw error;
    }
  };

  loadMore = async () => {
    const { view, loadingMore } = this.state;
    const cursor = this.#known.page(view)?.cursor;
    if (!cursor || loadingMore) return;
    this.#update({ loadingMore: true });
    try {
      await this.#loadPage(view, cursor, this.#loads, 0);
    } finally {
      this.#update({ loadingMore: false });
    }
  };

  markSeen = async (id?: string) => {
    if (id !== undefined) return this.#change(id, { seen: true });
    if (this.counts?.unseen !== 0) await this.#changeAll("seen-all", { seen: true });
  };
  markRead = (id: string) => this.#change(id, { read: true });
  markUnread = (id: string) => this.#change(id, { read: false });
  archive = (id: string) => this.#change(id, { archived: true });
  unarchive = (id: string) => this.#change(id, { archived: false });
  readAll = () => this.#changeAll("read-all", { read: true });

  act = async (id: string, { action, url }: InboxAction) => {
    if (this.#known.get(id)?.readAt === null) await this.markRead(id);
    if (action !== "snooze" && action !== "complete") return "follow";
    let answer: Response;
    try {
      // The link authorises the request, so it has no token. Its content type makes a browser ask first whether it is allowed.
      answer = await fetch(new URL(url, this.#options.url), {
        method: "POST",
        headers: { accept: "application/json", "content-type": "application/json" },
        body: "{}",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        signal: this.#closing.signal,
      });
    } catch {
      return "follow";
    }
    if (answer.ok) return "done";
    throw new InboxError(answer.status, `The action was answered with ${answer.status}.`);
  };

  close = () => {
    clearTimeout(this.#reloading);
    this.#closing.abort();
  };

  /** Computes what is shown, and tells the listeners. */
  #update(state: Partial<InboxState> = {}, arrived: readonly InboxItem[] = []): void {
    this.state = { ...this.state, ...state };
    this.items = this.#known.list(this.state.view);
    this.counts = this.#counts.shown;
    for (const listener of this.#listeners) listener({ arrived });
  }

  /** Loads a page of a view. Its answer is dropped if a first page has been asked for since. */
  async #loadPage(view: InboxView, cursor: string | null, load: number, shown: number) {
    const { pageSize = 20, category } = this.#options;
    const query = new URLSearchParams({
      state: view,
      limit: String(Math.min(100, Math.max(pageSize, shown))),
      ...(category !== undefined && { category }),
      ...(cursor !== null && { cursor }),
    });
    const since = this.#known.stamp;
    const answer = (await this.#requests.sendJson("GET", `${path}?${query}`)) as {
      items?: unknown[];
      nextCursor?: string | null;
      counts?: unknown;
    };
    if (load !== this.#loads) return;
    const items = (answer.items ?? []).flatMap((item) => readItem(item) ?? []);
    const next = answer.nextCursor ?? null;
    const ids = cursor === null ? [] : (this.#known.page(view)?.ids ?? []);
    this.#known.setPage(view, { ids, items, cursor: next }, since);
    if (view !== "archived") for (const item of items) this.#noteArrival(item);
    this.#counts.confirm(readCounts(answer.counts), this.#known.stamp === since);
    this.#update({ list: "ready", hasMore: next !== null });
    this.#settle();
  }

  /** Changes one item, after the earlier changes of this item. */
  async #change(id: string, change: ItemChange): Promise<void> {
    const undo = this.#known.change(id, change);
    this.#update();
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(() =>
      this.#requests.sendJson("PATCH", `${path}/${encodeURIComponent(id)}`, change),
    );
    const ended = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(id, ended);
    try {
      const item = readItem(await turn);
      undo();
      if (item) this.#confirm(item);
    } catch (error) {
      undo();
      if ((error as InboxError).status === 404) this.#known.remove(id);
      throw error;
    } finally {
      if (this.#turns.get(id) === ended) this.#turns.delete(id);
      this.#settle();
    }
  }

  /** Takes what the API says of an item, and counts the difference to what it said before. */
  #confirm(item: InboxItem): void {
    const before = this.#known.confirmed(item.id);
    this.#known.confirm(item);
    if (before) this.#counts.apply(effectOf(before, item));
  }

  /** Changes all items up to the newest that is known. */
  async #changeAll(route: "seen-all" | "read-all", change: ItemChange): Promise<void> {
    const upTo = this.#newest;
    if (upTo === null) return;
    const undo = this.#known.listUpTo(upTo).map(({ id }) => this.#known.change(id, change));
    undo.push(
      this.#counts.begin(({ unread }) => ({ unseen: 0, unread: change.read ? 0 : unread })),
    );
    this.#update();
    try {
      const answer = await this.#requests.sendJson("POST", `${path}/${route}`, {
        upTo: upTo.id,
      });
      for (const { id } of this.#known.listUpTo(upTo))
        this.#confirm(applyChange(this.#known.confirmed(id)!, change));
      for (const one of undo) one();
      this.#counts.confirm(readCounts((answer as { counts?: unknown }).counts));
    } catch (error) {
      for (const one of undo) one();
      throw error;
    } finally {
      this.#settle();
    }
  }

  /** Shows what is left after a change, and asks for the counts if others came during it. */
  #settle(): void {
    this.#update();
    if (!this.#counts.takeDoubt()) return;
    const since = this.#known.stamp;
    this.#requests.sendJson("GET", `${path}/counts`).then(
      (counts) => {
        this.#counts.confirm(readCounts(counts), this.#known.stamp === since);
        this.#settle();
      },
      // The next heartbeat has them too.
      () => {},
    );
  }

  #noteArrival(item: Arrival): void {
    if (this.#newest === null || isNewer(item, this.#newest)) this.#newest = item;
  }

  #reloadSoon(): void {
    clearTimeout(this.#reloading);
    this.#reloading = setTimeout(
      () => void this.reload().catch(() => {}),
      Math.random() * reloadWithinMs,
    );
  }

  #receive({ type, data }: StreamEvent): void {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      return;
    }
    if (type === "item") this.#receiveItem(value);
    else if (type === "changed") this.#receiveChange(value as Partial<InboxItem> | null);
    else if (type === "read-all" || type === "seen-all") this.#receiveAll(value as AllChanged);
    else if (type === "reset") this.#reloadSoon();
    else if (type === "counts" || type === "heartbeat") {
      const differ = this.#counts.confirm(readCounts(value));
      // Counts during a stream belong to the events around them. Otherwise a difference means that an event was lost.
      if (differ && (type === "heartbeat" || this.#isFresh)) this.#reloadSoon();
      this.#isFresh = false;
      this.#update();
    }
  }

  /** Takes an item that has arrived. The stream sends the counts after it, or has sent them before it. */
  #receiveItem(value: unknown): void {
    const item = readItem(value);
    if (!item) return;
    const before = this.#known.get(item.id);
    this.#noteArrival(item);
    const { category } = this.#options;
    if (category !== undefined && item.category !== category) return this.#update();
    this.#known.confirm(item);
    this.#update({}, before || item.archivedAt !== null ? [] : [item]);
  }

  #receiveChange(change: Partial<InboxItem> | null): void {
    const before = this.#known.confirmed(change?.id ?? "");
    if (!before) return this.#reloadSoon();
    const { seenAt = null, readAt = null, archivedAt = null } = change ?? {};
    this.#confirm({ ...before, seenAt, readAt, archivedAt });
    this.#update();
  }

  #receiveAll({ upTo, upToCreatedAt, readAt, seenAt = readAt }: AllChanged): void {
    for (const { id } of this.#known.listUpTo({ id: upTo, createdAt: upToCreatedAt })) {
      const item = this.#known.confirmed(id)!;
      this.#confirm({
        ...item,
        seenAt: item.seenAt ?? seenAt ?? null,
        readAt: item.readAt ?? readAt ?? null,
      });
    }
    this.#update();
  }
}
