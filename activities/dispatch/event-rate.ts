/** An event this long ago counts for about a third. */
const memoryMs = 1_000;

/** A rate of events per millisecond: an average over about the last second, in which the latest events count most. */
export class EventRate {
  #perMs = 0;
  #atMs = 0;

  /** Notes that `events` events happened at `atMs`. Instants are monotonic, in milliseconds. */
  note(atMs: number, events = 1): void {
    this.#perMs = this.perMs(atMs) + events / memoryMs;
    this.#atMs = atMs;
  }

  perMs(atMs: number): number {
    return this.#perMs * Math.exp((this.#atMs - atMs) / memoryMs);
  }
}
