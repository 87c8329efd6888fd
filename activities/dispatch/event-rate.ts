/** What happened so long ago counts for a third. */
const memoryMs = 1_000;

/** How many events a millisecond there are: an average of the last second or so, in which the latest count most. */
export class EventRate {
  #perMs = 0;
  #atMs = 0;

  /** So many happened. Instants are monotonic, in milliseconds. */
  note(atMs: number, events = 1): void {
    this.#perMs = this.perMs(atMs) + events / memoryMs;
    this.#atMs = atMs;
  }

  perMs(atMs: number): number {
    return this.#perMs * Math.exp((this.#atMs - atMs) / memoryMs);
  }
}
