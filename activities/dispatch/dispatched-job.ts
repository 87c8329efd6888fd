import type { Passage } from "../channels/passage.ts";
import type { Outgoing } from "./decide-page.ts";
import type { Item, SendJob, SendOutcome } from "./send-job.ts";

/** The dispatch that a message belongs to until it begins, and that hears what becomes of it. */
export interface JobOwner {
  /** The row is not in hand any more: its message has begun. */
  leaveHand(id: string): void;
  /** A row of a message did not begin. */
  dropped(id: string): void;
  /** A message has begun, or will not. */
  passed(recipientId: string, hasBegun: boolean): void;
  /** The outcome of a row that had begun. */
  itemEnded(outcome: SendOutcome): void;
  /** All rows of a message that had begun have ended. */
  answered(): void;
  failed(error: unknown): void;
}

/** A message of a dispatch at the sender. */
export class DispatchedJob implements SendJob {
  readonly message: Outgoing;
  readonly contentOf: SendJob["contentOf"];
  readonly passages: readonly Passage[];
  #dispatch: JobOwner;
  #left: number;
  #hasBegun = false;

  constructor(
    dispatch: JobOwner,
    message: Outgoing,
    contentOf: SendJob["contentOf"],
    passages: readonly Passage[],
  ) {
    this.message = message;
    this.contentOf = contentOf;
    this.passages = passages;
    this.#dispatch = dispatch;
    this.#left = message.items.length;
  }

  began(items: readonly Item[]): void {
    this.#hasBegun = true;
    for (const { delivery } of items) this.#dispatch.leaveHand(delivery.id);
    this.#leave(items.length);
  }

  dropped(items: readonly Item[]): void {
    for (const { delivery } of items) this.#dispatch.dropped(delivery.id);
    this.#leave(items.length);
  }

  failed(error: unknown): void {
    this.#dispatch.failed(error);
    this.dropped(this.message.items);
  }

  itemEnded(outcome: SendOutcome): void {
    this.#dispatch.itemEnded(outcome);
  }

  ended(): void {
    this.#endPassages();
    this.#dispatch.answered();
  }

  #leave(items: number): void {
    this.#left -= items;
    if (this.#left > 0) return;
    if (!this.#hasBegun) this.#endPassages();
    this.#dispatch.passed(this.message.recipientId, this.#hasBegun);
  }

  #endPassages(): void {
    for (const passage of this.passages) passage.end();
  }
}
