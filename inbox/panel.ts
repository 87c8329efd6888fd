import { countLimit } from "./counts.ts";
import { drawIcon, make, setAttribute, setText } from "./dom.ts";
import { ItemList } from "./list.ts";
import { formatCount } from "./local-text.ts";
import { fill } from "./messages.ts";
import type { RowContext, RowHandlers } from "./row.ts";
import type { Inbox, InboxView } from "./types.ts";

/** How long a message at the foot of the panel stays, in milliseconds. */
const toastMs = 8_000;
const views = ["all", "unread", "archived"] as const;

export interface PanelHandlers extends RowHandlers {
  onView: (view: InboxView) => void;
  onReadAll: () => void;
  onLoadMore: () => void;
  onRetry: () => void;
  onClose: () => void;
}

/** The panel that the bell opens: a header, tabs, the list and what is said instead of it, and messages. It only shows what it is given. */
export class Panel {
  readonly node: HTMLDivElement;
  readonly list: ItemList;
  readonly #heading = make("h2", { class: "heading", part: "heading", id: "heading" });
  readonly #readAll: HTMLButtonElement;
  readonly #close: HTMLButtonElement;
  readonly #tabs: Map<InboxView, HTMLButtonElement>;
  readonly #tablist: HTMLDivElement;
  readonly #notice = make("div", { class: "notice", part: "notice" });
  readonly #view = make("div", { class: "view", part: "view", role: "tabpanel", id: "view" });
  readonly #message = make("div", { class: "message", part: "message" });
  readonly #more: HTMLButtonElement;
  readonly #toast = make("div", { class: "toast", part: "toast" });
  #toastTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #handlers: PanelHandlers;

  constructor(handlers: PanelHandlers) {
    this.#handlers = handlers;
    this.list = new ItemList(handlers);
    const button = (classes: string, part: string, onclick: () => void) =>
      make("button", { type: "button", class: classes, part, onclick });
    this.#readAll = button("quiet", "read-all", handlers.onReadAll);
    this.#close = button("icon close", "close", handlers.onClose);
    this.#close.append(drawIcon("close"));
    this.#more = button("more", "load-more", handlers.onLoadMore);
    this.#tabs = new Map(
      views.map((view) => {
        const tab = button("tab", "tab", () => handlers.onView(view));
        for (const [name, value] of Object.entries({
          role: "tab",
          id: `tab-${view}`,
          "aria-controls": "view",
        }))
          tab.setAttribute(name, value);
        return [view, tab];
      }),
    );
    this.#tablist = make(
      "div",
      { class: "tabs", part: "tabs", role: "tablist", "aria-labelledby": "heading" },
      ...this.#tabs.values(),
    );
    this.#tablist.addEventListener("keydown", (event) => this.#onTabKey(event));
    this.#view.append(this.list.node, this.#message, this.#more);
    this.#toast.hidden = true;
    this.node = make(
      "div",
      {
        class: "panel",
        part: "panel",
        id: "panel",
        popover: "auto",
        role: "dialog",
        "aria-labelledby": "heading",
        tabindex: "-1",
      },
      make("div", { class: "header", part: "header" }, this.#heading, this.#readAll, this.#close),
      this.#tablist,
      this.#notice,
      this.#view,
      this.#toast,
    );
    this.node.addEventListener("keydown", (event) => {
      if (event.target !== this.node && !this.#tablist.contains(event.target as Node)) return;
      if (event.key === "ArrowDown" && this.list.focus()) event.preventDefault();
    });
  }

  /** Shows the state of an inbox. */
  update({ state, items, counts }: Inbox, context: RowContext): void {
    const { messages, language } = context;
    setText(this.#heading, messages.title);
    setText(this.#readAll, messages.readAll);
    this.#readAll.hidden = state.view === "archived" || !counts?.unread;
    setAttribute(this.#close, "aria-label", messages.close);
    const labels = {
      all: messages.tabAll,
      unread: messages.tabUnread,
      archived: messages.tabArchived,
    };
    for (const [view, tab] of this.#tabs) {
      const isChosen = view === state.view;
      const count = view === "unread" ? (counts?.unread ?? 0) : 0;
      const text = count > 0 ? ` (${formatCount(count, countLimit, language)})` : "";
      setText(tab, labels[view] + text);
      setAttribute(tab, "aria-selected", String(isChosen));
      setAttribute(tab, "tabindex", isChosen ? "0" : "-1");
    }
    setAttribute(this.#view, "aria-labelledby", `tab-${state.view}`);
    setAttribute(this.#view, "aria-busy", String(state.list === "loading" || state.loadingMore));

    const isLost = this.list.update(items, context);
    const notice =
      state.connection === "interrupted"
        ? messages.offline
        : state.connection === "unauthorized"
          ? messages.unauthorized
          : "";
    setText(this.#notice, notice);
    this.#notice.hidden = notice === "";
    this.#showMessage(state, items.length === 0, context);
    setText(this.#more, state.loadingMore ? messages.loading : messages.loadMore);
    // A button that is disabled would lose the focus.
    setAttribute(this.#more, "aria-disabled", state.loadingMore ? "true" : null);
    const hadFocus = (this.node.getRootNode() as ShadowRoot).activeElement === this.#more;
    this.#more.hidden = !state.hasMore;
    if (isLost || (hadFocus && this.#more.hidden)) this.node.focus();
  }

  /** Shows a message at the foot for some seconds, with a button if one is given. */
  showToast(text: string, undo?: { label: string; act: () => void }): void {
    clearTimeout(this.#toastTimer);
    const onclick = () => {
      this.hideToast();
      undo?.act();
      this.node.focus();
    };
    this.#toast.replaceChildren(
      make("span", {}, text),
      ...(undo
        ? [make("button", { type: "button", class: "quiet", part: "undo", onclick }, undo.label)]
        : []),
    );
    this.#toast.hidden = false;
    this.#toastTimer = setTimeout(() => this.hideToast(), toastMs);
  }

  /** Hides the message at the foot, later if it has the focus. */
  hideToast(): void {
    clearTimeout(this.#toastTimer);
    if (this.#toast.matches(":focus-within:has(:focus-visible)"))
      this.#toastTimer = setTimeout(() => this.hideToast(), toastMs);
    else this.#toast.hidden = true;
  }

  /** Says in place of the list that it loads, failed or is empty. */
  #showMessage({ list, view }: Inbox["state"], isEmpty: boolean, { messages }: RowContext): void {
    this.#message.hidden = !isEmpty;
    const text =
      list === "loading"
        ? messages.loading
        : list === "failed"
          ? messages.failed
          : { all: messages.empty, unread: messages.emptyUnread, archived: messages.emptyArchived }[
              view
            ];
    if (this.#message.dataset.text === text) return;
    this.#message.dataset.text = text;
    this.#message.replaceChildren(
      ...(list === "ready" ? [drawIcon(view === "archived" ? "archive" : "bell")] : []),
      make("span", {}, text),
    );
    if (list === "failed")
      this.#message.append(
        make(
          "button",
          { type: "button", class: "quiet", part: "retry", onclick: this.#handlers.onRetry },
          messages.retry,
        ),
      );
  }

  #onTabKey(event: KeyboardEvent): void {
    const tabs = [...this.#tabs.values()];
    const at = tabs.indexOf(event.target as HTMLButtonElement);
    const forward = getComputedStyle(this.node).direction === "rtl" ? -1 : 1;
    const steps: Record<string, number> = {
      ArrowRight: at + forward,
      ArrowLeft: at - forward,
      Home: 0,
      End: tabs.length - 1,
    };
    const step = steps[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    const tab = tabs[(step + tabs.length) % tabs.length]!;
    tab.focus();
    tab.click();
  }
}

/** Makes the name of the bell: the title, and how many items are unread. */
export const nameBell = ({ messages }: RowContext, count: string | null) =>
  count === null ? messages.title : `${messages.title}. ${fill(messages.unread, { count })}`;
