import type { InboxCounts, InboxItem } from "./types.ts";

/** The API counts up to this number, which then means "or more". */
export const countLimit = 100;

/** What a change does to the counts. */
type Effect = (counts: InboxCounts) => InboxCounts;

const isSame = (one: InboxCounts | null, other: InboxCounts | null) =>
  one?.unseen === other?.unseen && one?.unread === other?.unread;

/** Adds to a count. What "100 or more" becomes is not known, so it stays. */
const add = (count: number, change: number) =>
  count >= countLimit ? count : Math.min(countLimit, Math.max(0, count + change));

/** Makes the effect of an item that was one thing before, or unknown, and is another after it. */
export function effectOf(before: InboxItem | undefined, after: InboxItem): Effect {
  const difference = (field: "seenAt" | "readAt") => {
    const counts = (item?: InboxItem) =>
      item && item.archivedAt === null && item[field] === null ? 1 : 0;
    return counts(after) - counts(before);
  };
  const [unseen, unread] = [difference("seenAt"), difference("readAt")];
  return (counts) => ({ unseen: add(counts.unseen, unseen), unread: add(counts.unread, unread) });
}

/** The counts as the API last said, and what the changes under way do to them. */
export class Counts {
  #confirmed: InboxCounts | null = null;
  #shown: InboxCounts | null = null;
  readonly #listEffects: () => Effect[];
  readonly #others = new Set<Effect>();
  /** Whether counts were left out that came during a change, which they may have contained or not. */
  #isDoubtful = false;

  /** @param listEffects lists what the changes of items that are under way do to the counts */
  constructor(listEffects: () => Effect[]) {
    this.#listEffects = listEffects;
  }

  get #underWay(): Effect[] {
    return [...this.#listEffects(), ...this.#others];
  }

  /** What is shown. It is the same object as long as the numbers are the same. */
  get shown(): InboxCounts | null {
    let next = this.#confirmed;
    if (next) for (const apply of this.#underWay) next = apply(next);
    if (!isSame(next, this.#shown)) this.#shown = next;
    return this.#shown;
  }

  /**
   * Takes counts of the API, unless they may be older than what is shown.
   *
   * @param isCurrent whether nothing has changed since the API was asked
   * @returns whether they differ from what was known
   */
  confirm(counts: InboxCounts | null, isCurrent = true): boolean {
    if (!counts) return false;
    if (this.#underWay.length > 0 || (!isCurrent && this.#confirmed !== null)) {
      this.#isDoubtful = true;
      return false;
    }
    const differ = this.#confirmed !== null && !isSame(counts, this.#confirmed);
    this.#confirmed = counts;
    return differ;
  }

  /** Applies what the API has confirmed. */
  apply(effect: Effect): void {
    this.#confirmed = this.#confirmed && effect(this.#confirmed);
  }

  /** Adds a change under way that is about more than the known items. The function that it returns takes it off again. */
  begin(effect: Effect): () => void {
    this.#others.add(effect);
    return () => void this.#others.delete(effect);
  }

  /** Returns true if the counts have to be asked for, once, when nothing is under way any more. */
  takeDoubt(): boolean {
    if (!this.#isDoubtful || this.#underWay.length > 0) return false;
    this.#isDoubtful = false;
    return true;
  }
}
