import { drawIcon, make, readLink, setAttribute, setText } from "./dom.ts";
import { formatAge, formatInstant } from "./local-text.ts";
import type { Messages } from "./messages.ts";
import type { InboxAction, InboxItem } from "./types.ts";

/** What a row is shown with. */
export interface RowContext {
  messages: Messages;
  language: string;
  /** The address of the API, of which the links of actions are. */
  url: string;
}

/** What a row reports. */
export interface RowHandlers {
  onOpen: (item: InboxItem, event: MouseEvent) => void;
  onAction: (item: InboxItem, action: InboxAction, event: MouseEvent) => void;
  onToggleRead: (item: InboxItem) => void;
  onToggleArchived: (item: InboxItem) => void;
}

/** Returns the parts of an item that a row is built from. If they change, the row is built again. */
const shapeOf = ({ url, actions }: InboxItem) => JSON.stringify([url, actions]);

/** An item of the list. Its elements stay while the item changes, so that the focus stays where it is. */
export class Row {
  readonly node: HTMLLIElement;
  readonly #shape: string;
  readonly #main: HTMLElement;
  readonly #controls: HTMLElement[];
  readonly #unread = make("span", { class: "hidden" });
  readonly #urgent = make("span", { class: "urgent", part: "item-priority" });
  readonly #title = make("span", { dir: "auto" });
  readonly #body = make("span", { class: "body", part: "item-body", dir: "auto" });
  readonly #time = make("time", { class: "time", part: "item-time" });
  readonly #toggleRead = make("button", { type: "button", class: "icon", part: "item-read" });
  readonly #toggleArchived = make("button", {
    type: "button",
    class: "icon",
    part: "item-archive",
  });
  #item: InboxItem;

  constructor(item: InboxItem, context: RowContext, handlers: RowHandlers) {
    this.#item = item;
    this.#shape = shapeOf(item);
    const onclick = (event: MouseEvent) => handlers.onOpen(this.#item, event);
    const attributes = { class: "main", part: "item-main", onclick };
    const link = readLink(item.url, document.baseURI);
    this.#main = link
      ? make("a", { ...attributes, href: link, rel: "noopener" })
      : make("button", { ...attributes, type: "button" });
    this.#main.append(
      make(
        "span",
        { class: "line" },
        make(
          "span",
          { class: "title", part: "item-title" },
          this.#unread,
          this.#urgent,
          this.#title,
        ),
        this.#time,
      ),
      this.#body,
    );
    const actions = item.actions.flatMap(
      (action, index) => makeAction(this, action, index === 0, context, handlers) ?? [],
    );
    this.#toggleRead.addEventListener("click", () => handlers.onToggleRead(this.#item));
    this.#toggleArchived.addEventListener("click", () => handlers.onToggleArchived(this.#item));
    const tools = make(
      "span",
      { class: "tools", part: "item-tools" },
      this.#toggleRead,
      this.#toggleArchived,
    );
    this.#controls = [this.#main, ...actions, this.#toggleRead, this.#toggleArchived];
    this.node = make(
      "li",
      {},
      make("span", { class: "dot", part: "item-dot" }),
      this.#main,
      make(
        "div",
        { class: actions.length > 0 ? "foot" : "foot bare", part: "item-actions" },
        ...actions,
        tools,
      ),
    );
    this.update(item, context);
  }

  get item(): InboxItem {
    return this.#item;
  }

  /** Everything in the row that can be focused, in the order of the page; the first opens the item. */
  get controls(): readonly HTMLElement[] {
    return this.#controls;
  }

  /** Whether the elements of this row can show an item. */
  fits(item: InboxItem): boolean {
    return shapeOf(item) === this.#shape;
  }

  update(item: InboxItem, { messages, language }: RowContext): void {
    this.#item = item;
    const isUnread = item.readAt === null;
    const isUrgent = item.priority === "critical";
    setAttribute(this.node, "class", isUnread ? "item unread" : "item");
    setAttribute(this.node, "part", isUnread ? "item item-unread" : "item");
    setText(this.#unread, isUnread ? `${messages.unreadItem}. ` : "");
    setText(this.#urgent, messages.urgent);
    this.#urgent.hidden = !isUrgent;
    setText(this.#title, item.title);
    setText(this.#body, item.body ?? "");
    this.#body.hidden = !item.body;
    setText(this.#time, formatAge(item.createdAt, Date.now(), language));
    setAttribute(this.#time, "datetime", item.createdAt);
    setAttribute(this.#time, "title", formatInstant(item.createdAt, language));
    showTool(
      this.#toggleRead,
      isUnread ? "read" : "unread",
      isUnread ? messages.markRead : messages.markUnread,
      item.title,
    );
    const isArchived = item.archivedAt !== null;
    showTool(
      this.#toggleArchived,
      isArchived ? "unarchive" : "archive",
      isArchived ? messages.unarchive : messages.archive,
      item.title,
    );
  }

  /** Puts the controls of the row into the order of the Tab key, or takes them out of it. */
  setTabbable(isTabbable: boolean): void {
    for (const control of this.#controls)
      setAttribute(control, "tabindex", isTabbable ? "0" : "-1");
  }
}

/** Makes the link or the button of an action. An action with an address that is no link is left out. */
function makeAction(
  row: { item: InboxItem },
  action: InboxAction,
  isFirst: boolean,
  { url }: RowContext,
  { onAction }: RowHandlers,
): HTMLElement | null {
  const attributes = {
    class: isFirst ? "action first" : "action",
    part: isFirst ? "item-action item-action-first" : "item-action",
    dir: "auto",
    onclick: (event: MouseEvent) => onAction(row.item, action, event),
  };
  if (action.action === "snooze" || action.action === "complete")
    return readLink(action.url, url) === null
      ? null
      : make("button", { ...attributes, type: "button" }, action.label);
  const href = readLink(action.url, document.baseURI);
  return href === null ? null : make("a", { ...attributes, href, rel: "noopener" }, action.label);
}

function showTool(
  button: HTMLButtonElement,
  icon: Parameters<typeof drawIcon>[0],
  label: string,
  title: string,
): void {
  // The name tells the buttons of the rows apart. The tooltip is next to its row.
  setAttribute(button, "aria-label", `${label}: ${title}`);
  setAttribute(button, "title", label);
  if (button.dataset.icon === icon) return;
  button.dataset.icon = icon;
  button.replaceChildren(drawIcon(icon));
}
