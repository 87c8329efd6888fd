const firstMs = 1_000;
const longestMs = 30_000;

/** How long to leave alone what failed: 1 s, doubled with every failure that follows, up to 30 s; a success ends it. Times are monotonic. */
export class RestPeriod {
  #failures = 0;
  #untilMs = 0;

  failed(now: number): void {
    // Several connections fail at once of one cause.
    if (this.restsAt(now)) return;
    this.#untilMs = now + Math.min(longestMs, firstMs * 2 ** this.#failures);
    this.#failures += 1;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#untilMs = 0;
  }

  restsAt(now: number): boolean {
    return now < this.#untilMs;
  }

  /** It failed and has not succeeded since, whether or not it still rests. */
  get suspect(): boolean {
    return this.#failures > 0;
  }
}
