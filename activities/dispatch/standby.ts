import { performance } from "node:perf_hooks";
import type { Listening, QueueListener } from "../../ledger/queue-listener.ts";

/** What a dispatch needs to stay for what comes next. */
export interface StandbyDeps {
  /** Hears of new rows. Without it they are the next dispatch's. */
  listener?: Pick<QueueListener, "listen"> | undefined;
  /** Runs what only waits to be notified of new rows: meanwhile the worker rests. */
  whileResting?: ((wait: () => Promise<void>) => Promise<void>) | undefined;
  /** How long a dispatch stays after the last row that it found. */
  standbyMs?: number | undefined;
}

const presetStandbyMs = 60_000;
/** A dispatch ends after this long all the same: well before Temporal gives it up. */
const longestMs = 10 * 60_000;

/**
 * A dispatch that has emptied its queue stays for a while, and is notified by PostgreSQL when there are new rows: that takes a tenth of the
 * time and of the work of a signal and an activity of Temporal.
 */
export class Standby {
  /** It was notified of rows that it has not looked for yet. */
  isNotified = false;
  readonly #deps: StandbyDeps;
  readonly #onNotified: () => void;
  readonly #begun: Promise<void>;
  readonly #leavesAtMs = performance.now() + longestMs;
  #lastFoundMs = performance.now();
  #listening: Listening | null = null;

  /** @param onNotified is called when there may be something to look for */
  constructor(deps: StandbyDeps, queue: string, onNotified: () => void) {
    this.#deps = deps;
    this.#onNotified = onNotified;
    this.#begun = this.#begin(queue);
  }

  /** Is it sure to be notified of new rows? */
  get hears(): boolean {
    return this.#listening?.hears ?? false;
  }

  /** There may be something to look for. */
  readonly notify = (): void => {
    this.isNotified = true;
    this.#onNotified();
  };

  found(): void {
    this.#lastFoundMs = performance.now();
  }

  /**
   * Stays until there may be something to look for, or something is due that it knows of. False: it is not to stay any longer.
   * @param wait resolves after so many milliseconds, or sooner
   */
  async rest(
    dueInMs: number,
    wait: (ms: number) => Promise<void>,
    isStopped: () => boolean,
  ): Promise<boolean> {
    await this.#begun;
    if (this.isNotified) return true;
    const leavesAtMs = Math.min(
      this.#leavesAtMs,
      this.#lastFoundMs + (this.#deps.standbyMs ?? presetStandbyMs),
    );
    const endsAtMs = Math.min(leavesAtMs, performance.now() + dueInMs);
    const rests = () =>
      this.hears && !this.isNotified && !isStopped() && performance.now() < endsAtMs;
    if (!rests()) return false;
    const waitForAll = async () => {
      while (rests()) await wait(Math.max(1, endsAtMs - performance.now()));
    };
    await (this.#deps.whileResting?.(waitForAll) ?? waitForAll());
    return this.isNotified || performance.now() < leavesAtMs;
  }

  /** Notifications of new rows are not heard from now on: the queue's workflow is woken. All that came before is in the ledger. */
  async end(): Promise<void> {
    await this.#begun;
    await this.#listening?.end();
  }

  async #begin(queue: string): Promise<void> {
    this.#listening = (await this.#deps.listener?.listen(queue, this.notify)) ?? null;
    // There was no notification of what was committed before.
    if (this.#listening) this.notify();
  }
}
