import type { DueDelivery, DuePlace } from "../../ledger/ledger.ts";

/**
 * How far a dispatch has read of what is due, on each channel with each priority. It goes on from there: rows that have ended since stand
 * in the index until they are vacuumed, which a transaction that reads for long puts off, and would be passed over for each page.
 */
export class DuePlaces {
  readonly #places = new Map<string, DuePlace>();

  get all(): DuePlace[] {
    return [...this.#places.values()];
  }

  /** These were read, in their order. */
  advance(rows: readonly DueDelivery[]): void {
    for (const row of rows) this.#places.set(`${row.channel} ${row.priority}`, row);
  }

  /** Forgets them: the next page is read from the beginning. */
  reset(): void {
    this.#places.clear();
  }
}
