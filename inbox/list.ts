import { make } from "./dom.ts";
import { Row, type RowContext, type RowHandlers } from "./row.ts";
import type { InboxItem } from "./types.ts";

/**
 * The list of items. One row at a time is in the order of the Tab key; arrow keys move between the rows, and between the links and
 * buttons of a row.
 */
export class ItemList {
  readonly node = make("ul", { class: "list", part: "list", role: "list" });
  readonly #handlers: RowHandlers;
  #rows: Row[] = [];
  #activeId: string | null = null;

  constructor(handlers: RowHandlers) {
    this.#handlers = handlers;
    this.node.addEventListener("keydown", (event) => this.#onKey(event));
    this.node.addEventListener("focusin", ({ target }) => {
      const row = this.#rows.find(({ node }) => node.contains(target as Node));
      if (!row) return;
      this.#activeId = row.item.id;
      this.#setTabbable();
    });
  }

  /**
   * Shows the items in this order. Rows that remain keep their elements and the focus. If the focused row is gone, the next one is
   * focused.
   *
   * @returns whether the focus was in a row that is gone, and there is no other
   */
  update(items: readonly InboxItem[], context: RowContext): boolean {
    const old = this.#rows;
    const focused = (this.node.getRootNode() as ShadowRoot).activeElement;
    const lostAt = old.findIndex(({ node }) => node.contains(focused));
    const byId = new Map(old.map((row) => [row.item.id, row]));
    this.#rows = items.map((item) => {
      const row = byId.get(item.id);
      if (!row?.fits(item)) return new Row(item, context, this.#handlers);
      row.update(item, context);
      return row;
    });
    for (const row of old) if (!this.#rows.includes(row)) row.node.remove();
    let next = this.node.firstElementChild;
    for (const { node } of this.#rows) {
      if (node === next) next = next.nextElementSibling;
      else this.node.insertBefore(node, next);
    }
    const isLost = lostAt >= 0 && !this.#rows.includes(old[lostAt]!);
    if (isLost)
      this.#activeId = this.#rows[Math.min(lostAt, this.#rows.length - 1)]?.item.id ?? null;
    this.#setTabbable();
    return isLost && !this.focus();
  }

  /** Removes all rows, so that they are built again. */
  clear(): void {
    this.#rows = [];
    this.node.replaceChildren();
  }

  /** Focuses the row that is in the order of the Tab key. Returns whether there is one. */
  focus(): boolean {
    const row = this.#active;
    row?.controls[0]!.focus();
    return row !== undefined;
  }

  /** The row that had the focus last, or the first. */
  get #active(): Row | undefined {
    return this.#rows.find(({ item }) => item.id === this.#activeId) ?? this.#rows[0];
  }

  #setTabbable(): void {
    const active = this.#active;
    for (const row of this.#rows) row.setTabbable(row === active);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const at = this.#rows.findIndex(({ node }) => node.contains(event.target as Node));
    const row = this.#rows[at];
    if (!row) return;
    const isRtl = getComputedStyle(this.node).direction === "rtl";
    const { controls } = row;
    const control = controls.indexOf(event.target as HTMLElement);
    const steps: Record<string, HTMLElement | undefined> = {
      ArrowDown: this.#rows[at + 1]?.controls[0],
      ArrowUp: this.#rows[at - 1]?.controls[0],
      Home: this.#rows[0]?.controls[0],
      End: this.#rows.at(-1)?.controls[0],
      [isRtl ? "ArrowLeft" : "ArrowRight"]: controls[control + 1],
      [isRtl ? "ArrowRight" : "ArrowLeft"]: controls[Math.max(0, control - 1)],
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    steps[event.key]?.focus();
  }
}
