/** What a worker has to do with a queue at the moment. */
interface WatchedQueue {
  /** Dispatches of it that have not ended. */
  dispatches: number;
  /** Messages of it that have begun and not ended. */
  underWay: number;
  waking: boolean;
  wakeAgain: boolean;
}

/**
 * Sees to it that a queue is looked at when messages end that have outlived their dispatch: when one becomes due again, and when the last
 * of them ends. While a dispatch of the queue runs it looks by itself. One that has left before it asks the ledger for the next
 * instant misses nothing: what ends after that wakes the queue.
 */
export class QueueWatch {
  #wake: (queue: string) => Promise<void>;
  #queues = new Map<string, WatchedQueue>();
  #wakes = new Set<Promise<void>>();

  /** @param wake starts the workflow of a queue, or has it look again */
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

  began(queue: string): void {
    this.#of(queue).underWay += 1;
  }

  ended(queue: string, isPending: boolean): void {
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

  /** One wake at a time. One that fails is made up for by the workflow, which looks when leases would have run out, and the relay. */
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
