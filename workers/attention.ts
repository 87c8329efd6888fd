import { performance } from "node:perf_hooks";

/** For how long after its last dispatch a worker still counts as busy. */
const restsAfterMs = 2_000;

/**
 * Decides when a worker reads the states of gates and breakers again. While it sends, it reads the changes of others every
 * second. A worker that rests leaves the database alone, and refreshes before its next dispatch.
 */
export class Attention {
  #isSending: () => boolean;
  #look: () => Promise<unknown>;
  #dispatches = 0;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<unknown> = Promise.resolve();

  /**
   * @param isSending returns true while a message is handed over and not answered
   * @param look reads what other workers have changed
   */
  constructor(isSending: () => boolean, look: () => Promise<unknown>) {
    this.#isSending = isSending;
    this.#look = look;
  }

  get rests(): boolean {
    const isRecent = performance.now() - this.#lastAtMs < restsAfterMs;
    return this.#dispatches === 0 && !isRecent && !this.#isSending();
  }

  /** Runs a dispatch. */
  async during<Result>(dispatch: () => Promise<Result>): Promise<Result> {
    // A failure is ignored: without the database the dispatch fails too.
    if (this.rests) this.#looking = this.#look().catch(() => {});
    this.#dispatches += 1;
    try {
      await this.#looking;
      return await dispatch();
    } finally {
      this.#dispatches -= 1;
      this.#lastAtMs = performance.now();
    }
  }

  /** Runs a wait of a dispatch, during which the dispatch does not count. */
  async whileResting(wait: () => Promise<void>): Promise<void> {
    this.#dispatches -= 1;
    this.#lastAtMs = performance.now();
    try {
      await wait();
    } finally {
      const isLooking = this.rests;
      this.#dispatches += 1;
      if (isLooking) await (this.#looking = this.#look().catch(() => {}));
    }
  }
}
