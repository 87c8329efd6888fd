import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { beginsWithinMs } from "../../domain/delivery/stops.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { ClaimedMessage } from "./settlement.ts";

/** How soon what could not be asked about is asked about again. */
const retryMs = 250;

/** Claimed messages that have waited, and are asked about again before they begin: all of them in one statement. */
export class Confirmations {
  #ledger: Pick<Ledger, "confirm">;
  #isHeld: () => boolean;
  /** And what to call when the answer is there, or when it is worth another try. */
  #waiting = new Map<ClaimedMessage, () => void>();
  #asking = false;

  /** @param isHeld may nothing begin at the moment? */
  constructor(ledger: Pick<Ledger, "confirm">, isHeld: () => boolean) {
    this.#ledger = ledger;
    this.#isHeld = isHeld;
  }

  add(claimed: ClaimedMessage, retry: () => void): void {
    this.#waiting.set(claimed, retry);
    if (!this.#asking) void this.#ask();
  }

  /** While the ledger is away nothing of it begins. */
  async #ask(): Promise<void> {
    this.#asking = true;
    while (this.#waiting.size > 0) {
      const asked = [...this.#waiting];
      this.#waiting.clear();
      const messages = asked.map(([claimed]) => claimed);
      const isAnswered =
        !this.#isHeld() &&
        (await this.#confirm(messages).then(
          () => true,
          () => false,
        ));
      if (!isAnswered) await sleep(retryMs);
      for (const [, retry] of asked) retry();
    }
    this.#asking = false;
  }

  async #confirm(messages: readonly ClaimedMessage[]): Promise<void> {
    const askedAtMs = performance.now();
    const confirmed = await this.#ledger.confirm(messages.flatMap(({ rows }) => rows));
    for (const claimed of messages)
      if (claimed.rows.every(({ id }) => confirmed.has(id)))
        claimed.mayBeginUntilMs = askedAtMs + beginsWithinMs;
      else claimed.isRevoked = true;
  }
}
