import type { Passage } from "../channels/passage.ts";
import type { Outgoing } from "./decide-page.ts";
import type { Item, SendJob, SendOutcome } from "./send-job.ts";

/** The dispatch that a message belongs to until it begins, and that is notified of what happens to it. */
export interface JobOwner {
  /** A row has begun, so that the dispatch no longer has it in hand. */
  leaveHand(id: string): void;
  /** A row of a message did not begin. */
  onDropped(id: string): void;
  /** A message has begun, or will not begin. */
  onPassed(message: Outgoing, hasBegun: boolean): void;
  /** A row that had begun has this outcome. */
  onItemEnded(outcome: SendOutcome): void;
  /** All rows of a message that had begun have ended. */
  onAnswered(): void;
  onFailed(error: unknown): void;
}

/** A message that a dispatch has submitted to the sender. */
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

  onBegun(items: readonly Item[]): void {
    this.#hasBegun = true;
    for (const { delivery } of items) this.#dispatch.leaveHand(delivery.id);
    this.#leave(items.length);
  }

  onDropped(items: readonly Item[]): void {
    for (const { delivery } of items) this.#dispatch.onDropped(delivery.id);
    this.#leave(items.length);
  }

  onFailed(error: unknown): void {
    this.#dispatch.onFailed(error);
    this.onDropped(this.message.items);
  }

  onItemEnded(outcome: SendOutcome): void {
    this.#dispatch.onItemEnded(outcome);
  }

  onEnded(): void {
    this.#endPassages();
    this.#dispatch.onAnswered();
  }

  #leave(items: number): void {
    this.#left -= items;
    if (this.#left > 0) return;
    if (!this.#hasBegun) this.#endPassages();
    this.#dispatch.onPassed(this.message, this.#hasBegun);
  }

  #endPassages(): void {
    for (const passage of this.passages) passage.end();
  }
}
