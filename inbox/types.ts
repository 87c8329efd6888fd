/** A link or a button of an item. */
export interface InboxAction {
  /** What the link does; null for a link of the sender's own. */
  action: "view" | "snooze" | "complete" | null;
  label: string;
  url: string;
}

/** A notification in the inbox, as the API shows it. Instants are ISO 8601 in UTC, and null if they have not happened. */
export interface InboxItem {
  id: string;
  /** Null for a message without a type, and for a digest. */
  type: string | null;
  category: string | null;
  title: string;
  body: string | null;
  url: string | null;
  actions: readonly InboxAction[];
  priority: string;
  /** When it arrived. It sorts items, together with the id for those of the same millisecond. */
  createdAt: string;
  seenAt: string | null;
  readAt: string | null;
  archivedAt: string | null;
  expiresAt: string | null;
}

/** The numbers of items that are not archived. The API counts up to 100, so 100 means "100 or more". */
export interface InboxCounts {
  unseen: number;
  unread: number;
}

/** `all` has everything that is not archived. */
export type InboxView = "all" | "unread" | "archived";

/** The state of an inbox apart from its items and counts. A change makes a new object. */
export interface InboxState {
  view: InboxView;
  /** Whether the items of the view are there: `failed` means that the last attempt to load them failed and none are shown. */
  list: "loading" | "ready" | "failed";
  /** Whether there are older items, for `loadMore`. */
  hasMore: boolean;
  loadingMore: boolean;
  /**
   * The connection that reports changes. `interrupted` is tried again with growing pauses, and so is `unauthorized`, which means that the
   * API refused a token that was just issued. A `paused` connection belongs to a page that is in the background.
   */
  connection: "connecting" | "live" | "interrupted" | "unauthorized" | "paused" | "closed";
}

/** What a listener receives. */
export interface InboxChange {
  /** The items that have just arrived, the newest first. Items that were loaded are not among them. */
  arrived: readonly InboxItem[];
}

export interface InboxOptions {
  /** The address of the Tidings API, such as `https://tidings.example.com`. */
  url: string;
  /** Asks the application's server for a token of the recipient with the purpose `inbox`. It is called again when a token has expired. */
  getToken: () => string | Promise<string>;
  /** Shows only items of this category. The counts, and "mark all as read", are about all categories. */
  category?: string;
  /** The number of items that are loaded at once, from 1 to 100. The default is 20. */
  pageSize?: number;
  /** Keeps the stream of changes open while the page is in the background. By default it is closed after a minute there. */
  keepInBackground?: boolean;
}

/**
 * The inbox of a recipient. Changes are shown at once and sent to the API after that; if the API does not take one, what is shown goes
 * back, and the promise of the change rejects with an `InboxError`.
 */
export interface Inbox {
  /** Calls a listener after each change, until the function that it returns is called. */
  subscribe: (listener: (change: InboxChange) => void) => () => void;
  /** The items of the view that are loaded, the newest first. A change makes a new array. */
  readonly items: readonly InboxItem[];
  /** Null until the API has answered. */
  readonly counts: InboxCounts | null;
  readonly state: InboxState;
  /** Shows another view: at once what is known of it, and then what the API answers. */
  show: (view: InboxView) => Promise<void>;
  /** Loads the view again. */
  reload: () => Promise<void>;
  /** Loads older items, if there are any. */
  loadMore: () => Promise<void>;
  /** Marks an item as seen; without an id, all items up to the newest that is known. */
  markSeen: (id?: string) => Promise<void>;
  markRead: (id: string) => Promise<void>;
  markUnread: (id: string) => Promise<void>;
  archive: (id: string) => Promise<void>;
  unarchive: (id: string) => Promise<void>;
  /** Marks all items as read, up to the newest that is known. What arrives in the meantime stays unread. */
  readAll: () => Promise<void>;
  /**
   * Marks the item as read and performs one of its actions. Resolves to `done` if that is all, and to `follow` if the page has to open
   * the address of the action, as for a view, or where the API lets no page perform it.
   */
  act: (id: string, action: InboxAction) => Promise<"done" | "follow">;
  /** Ends the connection. The inbox cannot be used after that. */
  close: () => void;
}

/** An answer of the API that is not a success, or the lack of one. */
export class InboxError extends Error {
  override readonly name = "InboxError";
  /** The HTTP status, or 0 if there was no answer. */
  readonly status: number;
  /** Milliseconds after which the API wants to be asked again, if it said so. */
  readonly retryAfterMs: number | null;

  constructor(status: number, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}
