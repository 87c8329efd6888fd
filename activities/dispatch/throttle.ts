import { performance } from "node:perf_hooks";
import { campaignGate } from "../../domain/delivery/gates.ts";
import type { Queue } from "../../domain/delivery/queues.ts";
import type { WatchedGate } from "../channels/cached-gate.ts";
import type { Passage } from "../channels/passage.ts";

/** The shortest interval between two pages, each of which is read for the messages that can leave soon. */
const readsEveryMs = 100;

/**
 * The throttle of the campaign whose lane a queue is; other queues have none. Rows are read only for messages that can leave
 * within half a second, over all lanes in this process. Messages use their slots when they leave.
 */
export class Throttle {
  /** The key of the gate; null if there is none. */
  readonly key: string | null;
  #gate: WatchedGate | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** Passages for messages that are about to be read. */
  #spare: Passage[] = [];

  constructor(queue: Queue) {
    this.key = queue.kind === "lane" ? campaignGate(queue.campaignId) : null;
  }

  /** Sets the gate. Must be called before any other method if there is a key. */
  watch(gate: WatchedGate): void {
    this.#gate = gate;
  }

  /** The instant from which it is worth reading rows. Monotonic. */
  get opensAtMs(): number {
    const nowMs = Date.now();
    if (!this.#gate || this.#gate.isOpen(nowMs)) return 0;
    const opensAt = this.#gate.opensAt(nowMs);
    const opensAtMs = opensAt === null ? 0 : performance.now() + opensAt - nowMs;
    return Math.max(opensAtMs, this.#readAtMs + readsEveryMs);
  }

  get isClosed(): boolean {
    return performance.now() < this.opensAtMs;
  }

  /** The number of messages that may be read, of those that are wanted. */
  take(wanted: number): number {
    if (!this.#gate || this.#gate.isOpen(Date.now())) return wanted;
    this.#readAtMs = performance.now();
    const count = Math.min(wanted, this.#gate.room());
    for (let place = 0; place < count; place++) this.#spare.push(...this.#enter());
    return count;
  }

  /** The passage of a message through the throttle, if there is one. */
  passages(): Passage[] {
    const spare = this.#spare.splice(-1);
    return spare.length > 0 ? spare : this.#enter();
  }

  /** Gives back the passages for which no message was found. */
  giveBack(): void {
    for (const passage of this.#spare.splice(0)) passage.end();
  }

  #enter(): Passage[] {
    const passage = this.#gate?.enter();
    return passage ? [passage] : [];
  }
}
