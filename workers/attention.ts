import { performance } from "node:perf_hooks";

/** For how long after its last dispatch a worker is still taken for busy. */
const restsAfterMs = 2_000;

/**
 * What a worker knows of gates and providers serves what it sends. While it sends, it looks every second what others have changed; one
 * that rests leaves the database alone, and looks before its next dispatch.
 */
export class Attention {
  #isSending: () => boolean;
  #look: () => Promise<unknown>;
  #dispatches = 0;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<unknown> = Promise.resolve();

  /**
   * @param isSending is something handed over that is not answered?
   * @param look learns what others have changed
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
    // Without the database the dispatch does not come far either.
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

  /** Runs what a dispatch only waits in: meanwhile it does not count. */
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
