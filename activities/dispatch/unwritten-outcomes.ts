import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "../../ledger/ledger.ts";
import type { EndedMessage } from "./settlement.ts";

const retryMs = 250;

/** Rows settled in one statement, at most. */
export const settledRows = 96;

export interface UnwrittenOptions {
  ledger: Pick<Ledger, "settle">;
  /** Told of those that are committed. */
  written: (endings: readonly EndedMessage[]) => void;
  /** Told of those that the ledger will never take, or that are given up. */
  lost: (endings: readonly EndedMessage[]) => void;
  /** Are those given up whose leases have run out? Otherwise they are kept for as long as it takes. */
  mayGiveUp: () => boolean;
  /** Told when the first is kept, with what the ledger said, and when none is kept any more. */
  changed?: (failure: { error: unknown } | null) => void;
}

/**
 * Outcomes that the ledger could not take: it is away, or its disk is full. They are tried again until it takes them, also when
 * their leases have run out meanwhile, for a row that nobody else has taken is theirs still. While there are any, the sender hands
 * nothing over: whatever it sent would be one more message that nobody knows of, and that would be sent again.
 */
export class UnwrittenOutcomes {
  #options: UnwrittenOptions;
  #kept: EndedMessage[] = [];
  #writing = false;

  constructor(options: UnwrittenOptions) {
    this.#options = options;
  }

  /** Messages whose outcome waits to be written. */
  get size(): number {
    return this.#kept.length;
  }

  add(endings: readonly EndedMessage[], error: unknown): void {
    if (endings.length === 0) return;
    for (const { claimed } of endings) claimed.isUnwritten = true;
    if (this.#kept.length === 0) this.#options.changed?.({ error });
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

  /** Writes some. False: there is nothing left, or the ledger is as it was. */
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

  /** One of them is at fault: its neighbours are not to suffer for it. */
  async #writeApart(endings: readonly EndedMessage[]): Promise<boolean> {
    for (const one of endings) {
      // Better a row that ends without its evidence than one that never does.
      const bare = { ...one, settled: one.settled.map((row) => ({ ...row, attempts: [] })) };
      try {
        await this.#settle([one]).catch((error: unknown) => {
          if (!isRefusal(error)) throw error;
          return this.#settle([one], bare);
        });
      } catch (error) {
        if (!isRefusal(error)) return false;
        this.#remove([one], () => this.#options.lost([one]));
      }
    }
    return true;
  }

  async #settle(endings: readonly EndedMessage[], said: EndedMessage | null = null): Promise<void> {
    const written = said ? [said] : endings;
    await this.#options.ledger.settle(written.flatMap(({ settled }) => settled));
    this.#remove(endings, () => this.#options.written(written));
  }

  #giveUp(): void {
    const now = performance.now();
    const late = this.#kept.filter(({ claimed }) => now >= claimed.deadlineMs);
    if (late.length > 0) this.#remove(late, () => this.#options.lost(late));
  }

  #remove(endings: readonly EndedMessage[], tell: () => void): void {
    const gone = new Set(endings);
    this.#kept = this.#kept.filter((ending) => !gone.has(ending));
    if (this.#kept.length === 0) this.#options.changed?.(null);
    tell();
  }
}

/**
 * PostgreSQL refused the data itself (by classes of SQLSTATE: a feature, a cardinality, a value, a constraint, a limit of the program, what a
 * trigger raised): the same again will be refused again.
 */
const isRefusal = (error: unknown) =>
  error instanceof Error && "code" in error && /^(0A|2[1-3]|44|54|P0)/.test(String(error.code));
