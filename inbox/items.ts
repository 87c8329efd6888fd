import type { InboxItem, InboxView } from "./types.ts";

/** A change of an item that the API has not confirmed. An absent field stays as it is. */
export interface ItemChange {
  seen?: true;
  read?: boolean;
  archived?: boolean;
}

/** The loaded part of a view: ids, the newest first. */
interface Page {
  ids: string[];
  /** Null if there are no older items. */
  cursor: string | null;
}

/** Returns the item as it is after a change. The API will name the exact instants. */
export function applyChange(item: InboxItem, { seen, read, archived }: ItemChange): InboxItem {
  const now = new Date().toISOString();
  return {
    ...item,
    ...((seen || read) && { seenAt: item.seenAt ?? now }),
    ...(read !== undefined && { readAt: read ? (item.readAt ?? now) : null }),
    ...(archived !== undefined && { archivedAt: archived ? (item.archivedAt ?? now) : null }),
  };
}

/** Where an item stands in the order of arrival. */
export type Arrival = Pick<InboxItem, "id" | "createdAt">;

/** Returns whether an item arrived after another one. Instants of the API have one form, so that their texts sort by time. */
export const isNewer = (one: Arrival, other: Arrival): boolean =>
  one.createdAt === other.createdAt ? one.id > other.id : one.createdAt > other.createdAt;

const belongs = (item: InboxItem, view: InboxView) =>
  view === "archived" ? item.archivedAt !== null : item.archivedAt === null;

/**
 * The items that are known: each as the API confirmed it, and the changes on top of it that are still under way. What is shown is
 * always computed from the two, so a change that fails leaves no trace.
 */
export class KnownItems {
  readonly #confirmed = new Map<string, InboxItem>();
  readonly #changes = new Map<string, ItemChange[]>();
  readonly #pages = new Map<InboxView, Page>();
  /** When each item was confirmed last. */
  readonly #stamps = new Map<string, number>();
  #stamp = 0;

  /** A number that grows with each change. What the API was asked before a change does not know of it. */
  get stamp(): number {
    return this.#stamp;
  }

  /** Returns an item with its changes under way. */
  get(id: string): InboxItem | undefined {
    const item = this.#confirmed.get(id);
    return item && (this.#changes.get(id) ?? []).reduce(applyChange, item);
  }

  /** Returns an item as the API confirmed it. */
  confirmed(id: string): InboxItem | undefined {
    return this.#confirmed.get(id);
  }

  page(view: InboxView): Readonly<Page> | undefined {
    return this.#pages.get(view);
  }

  /** Lists what a view shows of the items that were loaded for it; the unread view still has those that were read since. */
  list(view: InboxView): InboxItem[] {
    return (this.page(view)?.ids ?? []).flatMap((id) => {
      const item = this.get(id);
      return item && belongs(item, view) ? [item] : [];
    });
  }

  /** Lists the known items that are not archived and did not arrive after `upTo`. */
  listUpTo(upTo: Arrival): InboxItem[] {
    return [...this.#confirmed.keys()].flatMap((id) => {
      const item = this.get(id);
      return item && !isNewer(item, upTo) && item.archivedAt === null ? [item] : [];
    });
  }

  /** Lists the items with changes under way: as they were confirmed, and as they are shown. */
  listChanged(): { before: InboxItem; after: InboxItem }[] {
    return [...this.#changes.keys()].flatMap((id) => {
      const before = this.#confirmed.get(id);
      return before ? [{ before, after: this.get(id)! }] : [];
    });
  }

  /** Takes an item as the API confirms it, and adds it to the loaded views in which it belongs. */
  confirm(item: InboxItem): void {
    this.#stamps.set(item.id, ++this.#stamp);
    this.#confirmed.set(item.id, item);
    this.#place(item.id);
  }

  /**
   * Replaces what is loaded of a view, or adds an older page to it.
   *
   * @param since the stamp when the API was asked: what was confirmed after that is newer than this answer
   */
  setPage(view: InboxView, answer: Page & { items: readonly InboxItem[] }, since: number): void {
    for (const item of answer.items)
      if ((this.#stamps.get(item.id) ?? 0) <= since) this.#confirmed.set(item.id, item);
    const ids = [...new Set([...answer.ids, ...answer.items.map(({ id }) => id)])];
    this.#pages.set(view, { ids: this.#sort(ids), cursor: answer.cursor });
    for (const [id, stamp] of this.#stamps) if (stamp > since) this.#place(id);
  }

  /** Leaves the items that were read meanwhile out of the unread view. */
  tidyUnread(): void {
    const page = this.#pages.get("unread");
    if (page) page.ids = page.ids.filter((id) => this.get(id)?.readAt === null);
  }

  /** Adds a change under way. The function that it returns takes it off again. */
  change(id: string, change: ItemChange): () => void {
    this.#stamp += 1;
    this.#changes.set(id, [...(this.#changes.get(id) ?? []), change]);
    this.#place(id);
    return () => {
      const rest = (this.#changes.get(id) ?? []).filter((other) => other !== change);
      if (rest.length > 0) this.#changes.set(id, rest);
      else this.#changes.delete(id);
    };
  }

  /** Forgets an item that no longer exists. */
  remove(id: string): void {
    this.#confirmed.delete(id);
    for (const page of this.#pages.values()) page.ids = page.ids.filter((other) => other !== id);
  }

  /** Sorts the ids of known items by the arrival of these, the newest first. */
  #sort(ids: readonly string[]): string[] {
    const items = ids.flatMap((id) => this.#confirmed.get(id) ?? []);
    return items.sort((one, other) => (isNewer(one, other) ? -1 : 1)).map(({ id }) => id);
  }

  /** Inserts an item by its arrival into the loaded views in which it belongs, unless it is older than what is loaded of them. */
  #place(id: string): void {
    const item = this.get(id);
    for (const [view, page] of this.#pages) {
      if (!item || page.ids.includes(id) || !belongs(item, view)) continue;
      if (view === "unread" && item.readAt !== null) continue;
      const oldest = this.#confirmed.get(page.ids.at(-1) ?? "");
      if (page.cursor !== null && oldest && isNewer(oldest, item)) continue;
      page.ids = this.#sort([...page.ids, id]);
    }
  }
}
