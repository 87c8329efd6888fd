/** A longer time between two looks is an interruption: the watch looks every 15 seconds. */
const maxPauseMs = 40_000;

/**
 * Measures for how long the watch has looked without an interruption. After the start of the system, a time without the database, or the sleep
 * of a machine, processes have not been able to report themselves, so that their absence means nothing yet.
 */
export class UninterruptedTime {
  #since: number | null = null;
  #last = 0;

  /** Notes a look. Returns the milliseconds since the first look after which there was no interruption. */
  note(at: Date): number {
    const now = at.getTime();
    if (this.#since === null || now < this.#last || now - this.#last > maxPauseMs)
      this.#since = now;
    this.#last = now;
    return now - this.#since;
  }
}
