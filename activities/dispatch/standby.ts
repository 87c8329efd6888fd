import { performance } from "node:perf_hooks";
import type { Listening, QueueListener } from "../../ledger/queue-listener.ts";

/** What a dispatch needs to stay for the next rows. */
export interface StandbyDeps {
  /** Receives notifications of new rows. Without it, new rows are left to the next dispatch. */
  listener?: Pick<QueueListener, "listen"> | undefined;
  /** Runs a function that only waits for notifications of new rows: meanwhile the worker rests. */
  whileResting?: ((wait: () => Promise<void>) => Promise<void>) | undefined;
  /** How long a dispatch stays after the last row that it found. */
  standbyMs?: number | undefined;
}

const presetStandbyMs = 60_000;
/** A dispatch ends after this time at the latest, well before its activity times out. */
const longestMs = 10 * 60_000;

/**
 * Keeps a dispatch that has emptied its queue for a while, during which PostgreSQL notifies it of new rows: this takes a tenth
 * of the time and the work of a signal and an activity of Temporal.
 */
export class Standby {
  /** True if a notification came of rows that the dispatch has not looked for yet. */
  isNotified = false;
  readonly #deps: StandbyDeps;
  readonly #onNotified: () => void;
  readonly #begun: Promise<void>;
  readonly #leavesAtMs = performance.now() + longestMs;
  #lastFoundMs = performance.now();
  #listening: Listening | null = null;

  /** @param onNotified called when there may be new rows */
  constructor(deps: StandbyDeps, queue: string, onNotified: () => void) {
    this.#deps = deps;
    this.#onNotified = onNotified;
    this.#begun = this.#begin(queue);
  }

  /** True while it is sure to be notified of new rows. */
  get isListening(): boolean {
    return this.#listening?.isConnected ?? false;
  }

  /** Notes that there may be new rows. */
  readonly notify = (): void => {
    this.isNotified = true;
    this.#onNotified();
  };

  noteFound(): void {
    this.#lastFoundMs = performance.now();
  }

  /**
   * Stays until there may be new rows, or a known row is due. False: the dispatch should end.
   * @param wait resolves after the given number of milliseconds, or sooner
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
    const mayRest = () =>
      this.isListening && !this.isNotified && !isStopped() && performance.now() < endsAtMs;
    if (!mayRest()) return false;
    const waitForAll = async () => {
      while (mayRest()) await wait(Math.max(1, endsAtMs - performance.now()));
    };
    await (this.#deps.whileResting?.(waitForAll) ?? waitForAll());
    return this.isNotified || performance.now() < leavesAtMs;
  }

  /** Stops listening: from now on new rows wake the queue's workflow. All rows of earlier notifications are in the ledger. */
  async end(): Promise<void> {
    await this.#begun;
    await this.#listening?.end();
  }

  async #begin(queue: string): Promise<void> {
    this.#listening = (await this.#deps.listener?.listen(queue, this.notify)) ?? null;
    // Rows that were committed before have caused no notification.
    if (this.#listening) this.notify();
  }
}
