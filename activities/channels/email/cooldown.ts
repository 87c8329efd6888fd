const restMs = 1_000;

/** A moment in which what failed is left alone; a success ends it. Longer than that is for its breaker to say. Times are monotonic. */
export class Cooldown {
  /** It failed and has not succeeded since, whether or not it still rests. */
  suspect = false;
  #untilMs = 0;

  failed(now: number): void {
    this.suspect = true;
    this.#untilMs = now + restMs;
  }

  succeeded(): void {
    this.suspect = false;
    this.#untilMs = 0;
  }

  restsAt(now: number): boolean {
    return now < this.#untilMs;
  }

  /** How long it still rests. */
  leftMs(now: number): number {
    return Math.max(0, this.#untilMs - now);
  }
}
