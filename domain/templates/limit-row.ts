/** How many messages in a row may exceed the limits before the version rests. */
const longestRow = 3;
/** How long a version rests before its next message is tried. */
const usualRestMs = 60_000;

/** Counts how many messages of a template version exceeded its limits in a row. Instants are in milliseconds, all of the same clock. */
export class LimitRow {
  readonly #restMs: number;
  #length = 0;
  #restsUntilMs = 0;
  #fault = "";
  #hasSucceeded = false;

  constructor(restMs = usualRestMs) {
    this.#restMs = restMs;
  }

  /**
   * Whether messages were rendered within the limits before this row began, so that the data of some messages may be at fault and not the
   * version. False again once a message exceeds the limits after a rest.
   */
  get hasSucceeded(): boolean {
    return this.#hasSucceeded;
  }

  /** Why no message of the version is rendered while it rests, as an error detail. */
  get restReason(): string {
    return `not rendered, because ${this.#length} messages in a row of this template version exceeded its limits. The last error: ${this.#fault}`;
  }

  isResting(nowMs: number): boolean {
    return this.#length >= longestRow && nowMs < this.#restsUntilMs;
  }

  /** How much longer the version rests; 0 where it does not rest. */
  restMs(nowMs: number): number {
    return this.isResting(nowMs) ? this.#restsUntilMs - nowMs : 0;
  }

  recordSuccess(): void {
    this.#length = 0;
    this.#hasSucceeded = true;
  }

  /** Ends the row: a message failed within the limits, which costs little. */
  recordOtherFailure(): void {
    this.#length = 0;
  }

  recordExcess(fault: string, nowMs: number): void {
    this.#length += 1;
    this.#fault = fault;
    if (this.#length > longestRow) this.#hasSucceeded = false;
    if (this.#length >= longestRow) this.#restsUntilMs = nowMs + this.#restMs;
  }
}
