/** What a worker is doing for a queue at the moment. */
interface WatchedQueue {
  /** The number of dispatches of the queue that have not noteEnded. */
  dispatches: number;
  /** The number of messages of the queue that have begun and not noteEnded. */
  underWay: number;
  waking: boolean;
  wakeAgain: boolean;
}

/**
 * Wakes a queue when messages end that have outlived their dispatch: when one becomes due again, and when the last of them ends.
 * While a dispatch of the queue runs, it looks by itself. A dispatch leaves before it asks the ledger for the next instant, so
 * that a row that ends after that wakes the queue and no change is missed.
 */
export class QueueWatch {
  #wake: (queue: string) => Promise<void>;
  #queues = new Map<string, WatchedQueue>();
  #wakes = new Set<Promise<void>>();

  /** @param wake starts the workflow of a queue, or makes it look again */
  constructor(wake: (queue: string) => Promise<void>) {
    this.#wake = wake;
  }

  join(queue: string): void {
    this.#of(queue).dispatches += 1;
  }

  leave(queue: string): void {
    this.#of(queue).dispatches -= 1;
    this.#forget(queue);
  }

  noteBegun(queue: string): void {
    this.#of(queue).underWay += 1;
  }

  noteEnded(queue: string, isPending: boolean): void {
    const watched = this.#of(queue);
    watched.underWay -= 1;
    if (watched.dispatches === 0 && (isPending || watched.underWay === 0)) {
      if (watched.waking) watched.wakeAgain = true;
      else this.#startWaking(queue, watched);
    }
    this.#forget(queue);
  }

  /** Resolves when no wake is under way. */
  async idle(): Promise<void> {
    while (this.#wakes.size > 0) await Promise.all(this.#wakes);
  }

  #startWaking(queue: string, watched: WatchedQueue): void {
    watched.waking = true;
    const wakes = this.#wakeInTurn(queue, watched).finally(() => {
      watched.waking = false;
      this.#wakes.delete(wakes);
      this.#forget(queue);
    });
    this.#wakes.add(wakes);
  }

  /**
   * Wakes the queue, one wake at a time. A wake that fails is made up for by the workflow, which looks again when leases would
   * have run out, and by the relay.
   */
  async #wakeInTurn(queue: string, watched: WatchedQueue): Promise<void> {
    do {
      watched.wakeAgain = false;
      await this.#wake(queue).catch(() => {});
    } while (watched.wakeAgain);
  }

  #of(queue: string): WatchedQueue {
    let watched = this.#queues.get(queue);
    if (!watched) {
      watched = { dispatches: 0, underWay: 0, waking: false, wakeAgain: false };
      this.#queues.set(queue, watched);
    }
    return watched;
  }

  #forget(queue: string): void {
    const { dispatches, underWay, waking } = this.#of(queue);
    if (dispatches === 0 && underWay === 0 && !waking) this.#queues.delete(queue);
  }
}
