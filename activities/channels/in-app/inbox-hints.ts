import type { NewItem } from "../../../ledger/inbox-hints.ts";

/** How often new items are announced at most. */
const everyMs = 100;
/** The most items in one announcement, and those that wait for the next one. Of further items nothing is announced. */
const mostAtOnce = 3_000;
const mostWaiting = 6_000;

/** Announces new items to open streams, a few times a second however many there are. */
export class InboxHints {
  readonly #announce: (items: readonly NewItem[]) => Promise<void>;
  #waiting: NewItem[] = [];
  #timer: NodeJS.Timeout | undefined;
  #announcing: Promise<void> | null = null;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** `announce` is never called while an earlier call is pending. An announcement that fails is lost: streams find the items later. */
  constructor(announce: (items: readonly NewItem[]) => Promise<void>) {
    this.#announce = announce;
  }

  /** Adds items, which must be committed. */
  add(items: readonly NewItem[]): void {
    this.#waiting.push(...items.slice(0, Math.max(0, mostWaiting - this.#waiting.length)));
    this.#plan();
  }

  /** Announces what waits, and resolves when that is done. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#announcing;
    await this.#announce(this.#waiting.splice(0, mostAtOnce)).catch(() => {});
  }

  #plan(): void {
    if (this.#waiting.length === 0 || this.#timer !== undefined || this.#announcing) return;
    const waitMs = Math.max(0, this.#lastMs + everyMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#lastMs = performance.now();
      this.#announcing = this.#announce(this.#waiting.splice(0, mostAtOnce))
        .catch(() => {})
        .then(() => {
          this.#announcing = null;
          this.#plan();
        });
    }, waitMs);
  }
}
