import { createInbox } from "./client.ts";
import { countLimit } from "./counts.ts";
import { drawIcon, make, readLink, setAttribute, setText } from "./dom.ts";
import { formatCount, readLanguage } from "./local-text.ts";
import { chooseMessages, fill, type Messages } from "./messages.ts";
import { nameBell, Panel } from "./panel.ts";
import { placePanel } from "./placement.ts";
import type { RowContext } from "./row.ts";
import { shareStyles } from "./styles.ts";
import type { Inbox, InboxAction, InboxChange, InboxItem } from "./types.ts";

export { createInbox };

/** Arrivals within this many milliseconds are announced together. */
const announceMs = 600;
/** What the panel shows is seen after this many milliseconds. */
const seenMs = 800;
const minuteMs = 60_000;

/** What `tidings-item-click` says: the item, and the action that was chosen, or null for the item itself. */
export interface InboxItemClick {
  item: InboxItem;
  action: InboxAction | null;
}

/**
 * `<tidings-inbox>`: a bell that shows how many notifications are unread, and opens a panel with them. It begins when it is in a page and
 * has `getToken`, and ends its connection when it is taken out of the page.
 *
 * Events: `tidings-item-click` (cancelable, with an `InboxItemClick`) and `tidings-counts` (with `InboxCounts`).
 */
export class TidingsInbox extends HTMLElement {
  static readonly observedAttributes = ["url", "category", "badge", "lang"];

  #getToken: (() => string | Promise<string>) | null = null;
  #messages: Partial<Messages> = {};
  #inbox: Inbox | null = null;
  #counts: Inbox["counts"] = null;
  #isScheduled = false;
  #arrived: InboxItem[] = [];
  /** Whether the focus was in the panel when it began to close. */
  #hadFocus = false;
  #seenUpTo: string | null = null;
  #placing: AbortController | null = null;
  readonly #timers: Record<string, ReturnType<typeof setTimeout>> = {};
  readonly #busy = new Set<string>();
  readonly #badge = make("span", { class: "badge", part: "badge", "aria-hidden": "true" });
  readonly #bell = make(
    "button",
    {
      type: "button",
      class: "bell",
      part: "bell",
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      popovertarget: "panel",
    },
    make("slot", { name: "icon" }, drawIcon("bell")),
    this.#badge,
  );
  readonly #status = make("div", { class: "hidden", role: "status" });
  readonly #panel = new Panel({
    onView: (view) => this.#try(this.#inbox?.show(view), ""),
    onReadAll: () => this.#try(this.#inbox?.readAll()),
    onLoadMore: () => this.#try(this.#inbox?.loadMore(), this.#context.messages.failed),
    onRetry: () => this.#try(this.#inbox?.reload(), ""),
    onClose: () => this.close(),
    onOpen: (item, event) => this.#openItem(item, event),
    onAction: (item, action, event) => void this.#act(item, action, event),
    onToggleRead: ({ id, readAt }) =>
      this.#try(readAt === null ? this.#inbox?.markRead(id) : this.#inbox?.markUnread(id)),
    onToggleArchived: (item) => this.#toggleArchived(item),
  });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [shareStyles()];
    this.#badge.hidden = true;
    root.append(this.#bell, this.#panel.node, this.#status);
    const { node } = this.#panel;
    node.addEventListener("beforetoggle", ({ newState }) => {
      this.#hadFocus = newState === "closed" && node.contains(root.activeElement);
    });
    node.addEventListener("toggle", (event) => this.#onToggle(event.newState === "open"));
    // A panel that covers the page must not stay when the focus has left it.
    node.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !root.contains(relatedTarget)) this.close();
    });
  }

  /** The inbox without the element: its items, counts and changes. Null until the element has begun. */
  get inbox(): Inbox | null {
    return this.#inbox;
  }

  /** Asks the application's server for a token of the recipient with the purpose `inbox`. The element begins when this is set. */
  get getToken(): (() => string | Promise<string>) | null {
    return this.#getToken;
  }
  set getToken(getToken: (() => string | Promise<string>) | null) {
    this.#getToken = getToken;
    this.#restart();
  }

  /** Texts that replace the element's own. */
  get messages(): Partial<Messages> {
    return this.#messages;
  }
  set messages(messages: Partial<Messages>) {
    this.#messages = messages;
    this.#render();
  }

  /** Opens the panel and focuses it. */
  open(): void {
    if (this.isConnected) this.#panel.node.showPopover();
  }

  /** Closes the panel. The focus returns from it to the bell. */
  close(): void {
    if (this.isConnected) this.#panel.node.hidePopover();
  }

  connectedCallback(): void {
    // Properties that were set before the element was defined hide its own.
    for (const name of ["messages", "getToken"] as const) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      Object.assign(this, { [name]: value });
    }
    this.#restart();
  }

  disconnectedCallback(): void {
    this.#restart();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    if (name === "url" || name === "category") this.#restart();
    else this.#render();
  }

  get #url(): string {
    const given = this.getAttribute("url");
    // The API serves this script from `/inbox/`.
    return given === null
      ? new URL("..", import.meta.url).href
      : new URL(given, document.baseURI).href;
  }

  get #context(): RowContext {
    const tag = this.closest<HTMLElement>("[lang]")?.lang || navigator.language;
    const language = readLanguage(tag);
    return { messages: chooseMessages(language, this.#messages), language, url: this.#url };
  }

  /** Opens the inbox again, or ends it, once for all that has changed in this turn. */
  #restart(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#inbox?.close();
      this.#inbox = null;
      this.#panel.list.clear();
      for (const timer of Object.values(this.#timers)) clearTimeout(timer);
      if (!this.isConnected || !this.#getToken) return;
      const category = this.getAttribute("category");
      const inbox = createInbox({
        url: this.#url,
        getToken: this.#getToken,
        ...(category !== null && { category }),
      });
      this.#inbox = inbox;
      inbox.subscribe((change) => inbox === this.#inbox && this.#onChange(change));
      this.#render();
    });
  }

  #onChange({ arrived }: InboxChange): void {
    this.#render();
    this.#seeSoon();
    if (arrived.length === 0) return;
    this.#arrived.push(...arrived);
    this.#later("announce", announceMs, () => this.#announceArrived());
  }

  /** Marks what the open panel shows as seen, once for each newest item, so that a refusal is not followed by attempts without end. */
  #seeSoon(): void {
    const newestId = this.#inbox?.items[0]?.id ?? null;
    if (!this.#isOpen || !this.#inbox?.counts?.unseen || newestId === this.#seenUpTo) return;
    this.#seenUpTo = newestId;
    this.#later("seen", seenMs, () => this.#try(this.#inbox?.markSeen(), ""));
  }

  #render(): void {
    const inbox = this.#inbox;
    const context = this.#context;
    const shown = inbox?.counts?.[this.getAttribute("badge") === "unseen" ? "unseen" : "unread"];
    const count = shown ? formatCount(shown, countLimit, context.language) : null;
    setText(this.#badge, count ?? "");
    this.#badge.hidden = count === null;
    setAttribute(this.#bell, "aria-label", nameBell(context, count));
    if (inbox) this.#panel.update(inbox, context);
    if (!inbox?.counts || inbox.counts === this.#counts) return;
    this.#counts = inbox.counts;
    this.#emit("tidings-counts", inbox.counts);
  }

  get #isOpen(): boolean {
    return this.#panel.node.matches(":popover-open");
  }

  #onToggle(isOpen: boolean): void {
    setAttribute(this.#bell, "aria-expanded", String(isOpen));
    const place = () => placePanel(this.#panel.node, this.#bell);
    clearInterval(this.#timers.minute);
    this.#placing?.abort();
    if (!isOpen) {
      const { activeElement } = document;
      // Browsers give the focus back to what had it before, but not always out of a shadow tree.
      if (this.#hadFocus && (activeElement === document.body || activeElement === this))
        this.#bell.focus();
      return;
    }
    this.#placing = new AbortController();
    const { signal } = this.#placing;
    addEventListener("resize", place, { signal });
    addEventListener("scroll", place, { signal, capture: true, passive: true });
    place();
    this.#timers.minute = setInterval(() => this.#render(), minuteMs);
    this.#render();
    this.#panel.node.focus();
    this.#seenUpTo = null;
    this.#seeSoon();
  }

  #openItem(item: InboxItem, event: MouseEvent): void {
    if (item.readAt === null) this.#try(this.#inbox?.markRead(item.id));
    if (!this.#emit("tidings-item-click", { item, action: null })) event.preventDefault();
    else if (!item.url || event.ctrlKey || event.metaKey || event.shiftKey) return;
    this.close();
  }

  async #act(item: InboxItem, action: InboxAction, event: MouseEvent): Promise<void> {
    const isAllowed = this.#emit("tidings-item-click", { item, action });
    if (!isAllowed) event.preventDefault();
    if (action.action !== "snooze" && action.action !== "complete") {
      if (item.readAt === null) this.#try(this.#inbox?.markRead(item.id));
      return;
    }
    const button = event.currentTarget as HTMLElement;
    if (!isAllowed || this.#busy.has(action.url)) return;
    this.#busy.add(action.url);
    setAttribute(button, "aria-disabled", "true");
    const { messages, url } = this.#context;
    try {
      const outcome = await this.#inbox?.act(item.id, action);
      if (outcome === "done") this.#say(fill(messages.done, { label: action.label }));
      else if (outcome) window.open(readLink(action.url, url)!, "_blank", "noopener");
    } catch {
      this.#say(messages.notSaved);
    } finally {
      this.#busy.delete(action.url);
      setAttribute(button, "aria-disabled", null);
    }
  }

  #toggleArchived({ id, archivedAt }: InboxItem): void {
    if (archivedAt !== null) return this.#try(this.#inbox?.unarchive(id));
    const { messages } = this.#context;
    this.#say(messages.archived, {
      label: messages.undo,
      act: () => this.#try(this.#inbox?.unarchive(id)),
    });
    this.#try(this.#inbox?.archive(id));
  }

  /** Says that a change could not be saved, or another text, if a promise rejects; with an empty text, says nothing. */
  #try(change: Promise<unknown> | undefined, text = this.#context.messages.notSaved): void {
    change?.catch(() => text && this.#say(text));
  }

  /** Shows a message at the foot of the panel, and has screen readers say it. */
  #say(text: string, undo?: { label: string; act: () => void }): void {
    this.#panel.showToast(text, undo);
    setText(this.#status, text);
  }

  #announceArrived(): void {
    const { messages, language } = this.#context;
    const items = this.#arrived.splice(0);
    const count = new Intl.NumberFormat(language).format(items.length);
    const text = items.length === 1 ? messages.arrived : messages.arrivedMany;
    setText(this.#status, fill(text, { title: items[0]?.title ?? "", count }));
  }

  #later(name: string, ms: number, act: () => void): void {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(act, ms);
  }

  /** Sends an event. Returns whether the page lets the element go on. */
  #emit(type: string, detail: unknown): boolean {
    return this.dispatchEvent(
      new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }),
    );
  }
}

if (!customElements.get("tidings-inbox")) customElements.define("tidings-inbox", TidingsInbox);
