const restMs = 1_000;

/** A short rest after a failure, which a success ends. Longer pauses are up to the breaker. Times are monotonic. */
export class Cooldown {
  /** True after a failure until the next success, whether or not the rest is over. */
  suspect = false;
  #untilMs = 0;

  noteFailure(now: number): void {
    this.suspect = true;
    this.#untilMs = now + restMs;
  }

  noteSuccess(): void {
    this.suspect = false;
    this.#untilMs = 0;
  }

  isRestingAt(now: number): boolean {
    return now < this.#untilMs;
  }

  /** The milliseconds that are left of the rest. */
  leftMs(now: number): number {
    return Math.max(0, this.#untilMs - now);
  }
}
