/** So often in a row a version may go beyond its limits. */
const most = 3;
/** Then it rests for so long, and what comes next is tried. */
const usualRestMs = 60_000;

/** How often in a row a template version went beyond its limits. Instants are in milliseconds, of one clock. */
export class LimitRow {
  readonly #restMs: number;
  #length = 0;
  #restsUntilMs = 0;
  #fault = "";
  #hasBeenKept = false;

  constructor(restMs = usualRestMs) {
    this.#restMs = restMs;
  }

  /** Messages of it were made before the row: what is at fault may be in the data of some. It is not believed twice. */
  get hasBeenKept(): boolean {
    return this.#hasBeenKept;
  }

  /** Why nothing of it is rendered while it rests. */
  get said(): string {
    return `not rendered, for ${this.#length} messages of this template version in a row went beyond its limits. The last: ${this.#fault}`;
  }

  isResting(nowMs: number): boolean {
    return this.#length >= most && nowMs < this.#restsUntilMs;
  }

  /** For how long it rests; 0 where it does not. */
  restMs(nowMs: number): number {
    return this.isResting(nowMs) ? this.#restsUntilMs - nowMs : 0;
  }

  /** A message was made. */
  kept(): void {
    this.#length = 0;
    this.#hasBeenKept = true;
  }

  /** A message could not be made for a reason that takes no long time. */
  failedOtherwise(): void {
    this.#length = 0;
  }

  exceeded(fault: string, nowMs: number): void {
    this.#length += 1;
    this.#fault = fault;
    if (this.#length > most) this.#hasBeenKept = false;
    if (this.#length >= most) this.#restsUntilMs = nowMs + this.#restMs;
  }
}
