/** Remembers the latest calls, and which of them failed. */
export class CallWindow {
  readonly #clock: () => number;
  #failed = new Uint8Array(0);
  #madeMs = new Float64Array(0);
  /** The number of calls so far. The outcomes of the latest `#kept` are remembered. */
  #noted = 0;
  #kept = 0;
  #failures = 0;
  #run = 0;

  /** `clock` is monotonic, in milliseconds. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Notes a call. The latest `size` calls are remembered. */
  note(failed: boolean, size: number): void {
    if (size !== this.#failed.length) this.#resize(size);
    if (this.#kept === size) this.#forgetOldest();
    const at = this.#noted % size;
    this.#failed[at] = failed ? 1 : 0;
    this.#madeMs[at] = this.#clock();
    this.#noted += 1;
    this.#kept += 1;
    this.#failures += this.#failed[at]!;
    this.#run = failed ? this.#run + 1 : 0;
  }

  /**
   * `share` is the share of failures among the calls of the last `withinMs`, or 0 if there were none. `run` is the number of
   * failures in a row up to the last call.
   */
  read(withinMs: number): { share: number; run: number } {
    const sinceMs = this.#clock() - withinMs;
    while (this.#kept > 0 && this.#madeMs[this.#oldest]! < sinceMs) this.#forgetOldest();
    return { share: this.#kept === 0 ? 0 : this.#failures / this.#kept, run: this.#run };
  }

  clear(): void {
    this.#resize(this.#failed.length);
  }

  get #oldest(): number {
    return (this.#noted - this.#kept) % this.#failed.length;
  }

  #forgetOldest(): void {
    this.#failures -= this.#failed[this.#oldest]!;
    this.#kept -= 1;
  }

  #resize(size: number): void {
    this.#failed = new Uint8Array(size);
    this.#madeMs = new Float64Array(size);
    this.#noted = 0;
    this.#kept = 0;
    this.#failures = 0;
    this.#run = 0;
  }
}
