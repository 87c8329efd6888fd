import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "../../ledger/ledger.ts";
import type { EndedMessage } from "./settlement.ts";

const retryMs = 250;

/** The maximum number of rows that one statement settles. */
export const settledRows = 96;

export interface UnwrittenOptions {
  ledger: Pick<Ledger, "settle">;
  /** Called with messages whose outcomes are committed. */
  onWritten: (endings: readonly EndedMessage[]) => void;
  /** Called with messages whose outcomes the ledger will never take, or that are given up. */
  onLost: (endings: readonly EndedMessage[]) => void;
  /** Whether outcomes whose leases have run out may be given up. Otherwise they are kept for as long as it takes. */
  mayGiveUp: () => boolean;
  /** Called with the error of the ledger when the first outcome is kept, and with null when none is kept any more. */
  onChanged?: (failure: { error: unknown } | null) => void;
}

/**
 * Keeps outcomes that the ledger could not take, because it cannot be reached or its disk is full, and writes them again until
 * it takes them. It does so even if their leases have run out meanwhile, since a row that no other worker has taken still
 * belongs to this one. While there are any, the sender hands nothing over: each message that it sent would be one more without a
 * recorded outcome, and would be sent again.
 */
export class UnwrittenOutcomes {
  #options: UnwrittenOptions;
  #kept: EndedMessage[] = [];
  #writing = false;

  constructor(options: UnwrittenOptions) {
    this.#options = options;
  }

  /** The number of messages whose outcome waits to be written. */
  get size(): number {
    return this.#kept.length;
  }

  add(endings: readonly EndedMessage[], error: unknown): void {
    if (endings.length === 0) return;
    for (const { claimed } of endings) claimed.isUnwritten = true;
    if (this.#kept.length === 0) this.#options.onChanged?.({ error });
    this.#kept.push(...endings);
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (await this.#writeNext());
    while (this.#kept.length > 0) {
      await sleep(retryMs);
      while (await this.#writeNext());
    }
    this.#writing = false;
  }

  /** Writes a batch. False: nothing is left, or the ledger still cannot be reached. */
  async #writeNext(): Promise<boolean> {
    const endings = this.#kept.slice(0, settledRows);
    if (endings.length === 0) return false;
    try {
      await this.#settle(endings);
      return true;
    } catch (error) {
      if (isRefusal(error)) return this.#writeApart(endings);
      if (this.#options.mayGiveUp()) this.#giveUp();
      return false;
    }
  }

  /** Writes each outcome by itself, so that the one that the ledger refuses does not hold up the others. */
  async #writeApart(endings: readonly EndedMessage[]): Promise<boolean> {
    for (const ending of endings) {
      // A row that ends without its evidence is better than a row that never ends.
      const bare = { ...ending, settled: ending.settled.map((row) => ({ ...row, attempts: [] })) };
      try {
        await this.#settle([ending]).catch((error: unknown) => {
          if (!isRefusal(error)) throw error;
          return this.#settle([ending], bare);
        });
      } catch (error) {
        if (!isRefusal(error)) return false;
        this.#remove([ending], () => this.#options.onLost([ending]));
      }
    }
    return true;
  }

  async #settle(
    endings: readonly EndedMessage[],
    replacement: EndedMessage | null = null,
  ): Promise<void> {
    const written = replacement ? [replacement] : endings;
    await this.#options.ledger.settle(written.flatMap(({ settled }) => settled));
    this.#remove(endings, () => this.#options.onWritten(written));
  }

  #giveUp(): void {
    const now = performance.now();
    const late = this.#kept.filter(({ claimed }) => now >= claimed.deadlineMs);
    if (late.length > 0) this.#remove(late, () => this.#options.onLost(late));
  }

  #remove(endings: readonly EndedMessage[], notify: () => void): void {
    const gone = new Set(endings);
    this.#kept = this.#kept.filter((ending) => !gone.has(ending));
    if (this.#kept.length === 0) this.#options.onChanged?.(null);
    notify();
  }
}

/**
 * True if PostgreSQL refused the data itself, so that the same statement would be refused again. The classes of SQLSTATE are
 * those of a feature, a cardinality, a value, a constraint, a limit of the program, and an exception of a trigger.
 */
const isRefusal = (error: unknown) =>
  error instanceof Error && "code" in error && /^(0A|2[1-3]|44|54|P0)/.test(String(error.code));
