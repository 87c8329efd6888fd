/** What happened so long ago counts for a third. */
const memoryMs = 1_000;

/** How many messages a millisecond are answered: an average of the last second or so, in which the latest count most. */
export class CompletionRate {
  #perMs = 0;
  #atMs = 0;

  /** One was answered. Instants are monotonic, in milliseconds. */
  note(atMs: number): void {
    this.#perMs = this.perMs(atMs) + 1 / memoryMs;
    this.#atMs = atMs;
  }

  perMs(atMs: number): number {
    return this.#perMs * Math.exp((this.#atMs - atMs) / memoryMs);
  }
}
