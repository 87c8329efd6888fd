import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { beginsWithinMs } from "../../domain/delivery/stops.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { ClaimedMessage } from "./settlement.ts";

/** How soon a confirmation that failed is repeated. */
const retryMs = 250;

/** Confirms claimed messages that have waited, before they begin: one statement checks all of them for a stop since they were claimed. */
export class Confirmations {
  #ledger: Pick<Ledger, "confirm">;
  #isHeld: () => boolean;
  /**
   * Each message with the functions to call when the confirmation has come, or is worth another attempt. There may be several, because a
   * message to several devices asks for each of them.
   */
  #waiting = new Map<ClaimedMessage, (() => void)[]>();
  #confirming = false;

  /** @param isHeld returns true while no message may begin */
  constructor(ledger: Pick<Ledger, "confirm">, isHeld: () => boolean) {
    this.#ledger = ledger;
    this.#isHeld = isHeld;
  }

  add(claimed: ClaimedMessage, retry: () => void): void {
    const retries = this.#waiting.get(claimed);
    if (retries) retries.push(retry);
    else this.#waiting.set(claimed, [retry]);
    if (!this.#confirming) void this.#confirmWaiting();
  }

  /** While the ledger cannot be reached, none of the messages begins. */
  async #confirmWaiting(): Promise<void> {
    this.#confirming = true;
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting];
      this.#waiting.clear();
      const messages = batch.map(([claimed]) => claimed);
      const isConfirmed =
        !this.#isHeld() &&
        (await this.#confirm(messages).then(
          () => true,
          () => false,
        ));
      if (!isConfirmed) await sleep(retryMs);
      for (const [, retries] of batch) for (const retry of retries) retry();
    }
    this.#confirming = false;
  }

  async #confirm(messages: readonly ClaimedMessage[]): Promise<void> {
    const startedAtMs = performance.now();
    const confirmed = await this.#ledger.confirm(messages.flatMap(({ rows }) => rows));
    for (const claimed of messages)
      if (claimed.rows.every(({ id }) => confirmed.has(id)))
        claimed.mayBeginUntilMs = startedAtMs + beginsWithinMs;
      else claimed.isRevoked = true;
  }
}
