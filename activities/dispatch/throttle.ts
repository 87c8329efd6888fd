import { performance } from "node:perf_hooks";
import { campaignGate } from "../../domain/delivery/gates.ts";
import type { Queue } from "../../domain/delivery/queues.ts";
import type { Gates, Permits } from "../../ledger/gates.ts";

/** The throttle of the campaign that a queue is a lane of; other queues have none. Its permits are taken before rows are read. */
export class Throttle {
  /** When it is worth asking again, by the monotonic clock. */
  opensAtMs = 0;
  #gates: Gates;
  #key: string | null;
  #permits: Permits | null = null;
  #unused = 0;

  constructor(gates: Gates, queue: Queue) {
    this.#gates = gates;
    this.#key = queue.kind === "lane" ? campaignGate(queue.campaignId) : null;
  }

  get isClosed(): boolean {
    return performance.now() < this.opensAtMs;
  }

  /** Resolves with how many of the messages that are wanted may be sent. */
  async take(wanted: number, asOf: Date): Promise<number> {
    if (this.#key === null) return wanted;
    const permits = await this.#gates.take({ key: this.#key, wanted, asOf });
    if (permits.granted > 0) this.#permits = permits;
    else this.opensAtMs = performance.now() + permits.opensInMs;
    return permits.granted;
  }

  /** So many messages were not sent. */
  spare(permits: number): void {
    if (this.#key !== null) this.#unused += permits;
  }

  /** Gives back what was spared. */
  async giveBack(): Promise<void> {
    const unused = this.#unused;
    this.#unused = 0;
    if (unused > 0) await this.#permits?.giveBack(unused);
  }
}
