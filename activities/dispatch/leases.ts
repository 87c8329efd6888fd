import { performance } from "node:perf_hooks";
import type { LeasedRow, Ledger } from "../../ledger/ledger.ts";

/** How long a claimed row is ours without a sign of life, and how often such a sign is given. */
export const leaseMs = 10_000;
const renewMs = 2_000;

/** Rows that are ours until `deadlineMs` of this process's monotonic clock. */
export interface Lease {
  readonly rows: readonly LeasedRow[];
  deadlineMs: number;
  /** It is renewed though it has run out: nobody else need have taken its rows. */
  readonly isUnwritten: boolean;
}

/** The leases of what was claimed and is not settled: renewed for as long as that takes. */
export class Leases {
  #ledger: Pick<Ledger, "renew">;
  #leases = new Set<Lease>();
  #timer: NodeJS.Timeout | undefined;

  constructor(ledger: Pick<Ledger, "renew">) {
    this.#ledger = ledger;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Rows whose leases could not be renewed in time, and that are not settled. */
  overdueIds(): string[] {
    const now = performance.now();
    const overdue = [...this.#leases].filter(({ deadlineMs }) => deadlineMs <= now);
    return overdue.flatMap(({ rows }) => rows.map(({ id }) => id));
  }

  add(lease: Lease): void {
    this.#leases.add(lease);
    if (this.#timer === undefined) this.#renewLater();
  }

  delete(lease: Lease): void {
    this.#leases.delete(lease);
  }

  /** A deadline counts from before its renewal was asked for. While the ledger is away leases run on, and are asked for again. */
  async #renew(): Promise<void> {
    const askedAt = performance.now();
    const leases = [...this.#leases].filter(
      ({ deadlineMs, isUnwritten }) =>
        deadlineMs < askedAt + leaseMs - renewMs / 2 && (deadlineMs > askedAt || isUnwritten),
    );
    if (leases.length > 0) {
      const rows = leases.flatMap((lease) => lease.rows);
      await this.#ledger.renew({ rows, leaseMs }).then(
        () => leases.forEach((lease) => (lease.deadlineMs = askedAt + leaseMs)),
        () => {},
      );
    }
    this.#timer = undefined;
    if (this.#leases.size > 0) this.#renewLater();
  }

  #renewLater(): void {
    this.#timer = setTimeout(() => void this.#renew(), renewMs);
  }
}
