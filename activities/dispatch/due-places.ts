import type { DueDelivery, DuePlace } from "../../ledger/ledger.ts";

/**
 * How far a dispatch has read the due rows of each channel and priority. The next page continues from there: rows that have
 * ended since stay in the index until they are vacuumed, which a long transaction delays, and each page would have to skip them
 * again.
 */
export class DuePlaces {
  readonly #places = new Map<string, DuePlace>();

  get all(): DuePlace[] {
    return [...this.#places.values()];
  }

  /** Notes that these rows were read, in this order. */
  advance(rows: readonly DueDelivery[]): void {
    for (const row of rows) this.#places.set(`${row.channel} ${row.priority}`, row);
  }

  /** Forgets the places: the next page is read from the beginning. */
  reset(): void {
    this.#places.clear();
  }
}
