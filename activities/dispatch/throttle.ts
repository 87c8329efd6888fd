import { performance } from "node:perf_hooks";
import { campaignGate } from "../../domain/delivery/gates.ts";
import type { Queue } from "../../domain/delivery/queues.ts";
import type { WatchedGate } from "../channels/cached-gate.ts";
import type { Passage } from "../channels/passage.ts";

/** A page is read for the messages that can leave soon, and so often at most. */
const readsEveryMs = 100;

/**
 * The throttle of the campaign that a queue is a lane of; other queues have none. Rows are read for no more messages than can leave
 * within half a second, over all lanes in this process. Their slots they use where they leave.
 */
export class Throttle {
  /** The gate's key; null: there is none. */
  readonly key: string | null;
  #gate: WatchedGate | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** For messages to be read. */
  #spare: Passage[] = [];

  constructor(queue: Queue) {
    this.key = queue.kind === "lane" ? campaignGate(queue.campaignId) : null;
  }

  /** To be called before anything is asked, where there is a key. */
  watch(gate: WatchedGate): void {
    this.#gate = gate;
  }

  /** When it is worth reading rows, by the monotonic clock. */
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

  /** How many of the messages that are wanted may be read for. */
  take(wanted: number): number {
    if (!this.#gate || this.#gate.isOpen(Date.now())) return wanted;
    this.#readAtMs = performance.now();
    const count = Math.min(wanted, this.#gate.room());
    for (let place = 0; place < count; place++) this.#spare.push(...this.#enter());
    return count;
  }

  /** A message's way through the throttle, if it has one. */
  passages(): Passage[] {
    const spare = this.#spare.splice(-1);
    return spare.length > 0 ? spare : this.#enter();
  }

  /** No more messages were found. */
  giveBack(): void {
    for (const passage of this.#spare.splice(0)) passage.end();
  }

  #enter(): Passage[] {
    const passage = this.#gate?.enter();
    return passage ? [passage] : [];
  }
}
