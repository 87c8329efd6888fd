import { performance } from "node:perf_hooks";
import type { LeasedRow, Ledger } from "../../ledger/ledger.ts";

/** How long a claim is valid without renewal, and how often leases are renewed. */
export const leaseMs = 10_000;
const renewMs = 2_000;

/** Rows that belong to this worker until `deadlineMs` by the monotonic clock of its process. */
export interface Lease {
  readonly rows: readonly LeasedRow[];
  deadlineMs: number;
  /** The lease is renewed even after it has run out, since another worker need not have taken its rows. */
  readonly isUnwritten: boolean;
}

/** Renews the leases of claimed rows until these are settled. */
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

  /** The ids of rows that are not settled and whose leases could not be renewed in time. */
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

  /**
   * Renews leases. A deadline counts from before the request. While the ledger cannot be reached, leases run on, and each turn
   * asks for their renewal again.
   */
  async #renew(): Promise<void> {
    const startedAt = performance.now();
    const leases = [...this.#leases].filter(
      ({ deadlineMs, isUnwritten }) =>
        deadlineMs < startedAt + leaseMs - renewMs / 2 && (deadlineMs > startedAt || isUnwritten),
    );
    if (leases.length > 0) {
      const rows = leases.flatMap((lease) => lease.rows);
      await this.#ledger.renew({ rows, leaseMs }).then(
        () => leases.forEach((lease) => (lease.deadlineMs = startedAt + leaseMs)),
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
