import type { Channel } from "../../domain/channel.ts";
import type { DueDelivery } from "../../ledger/ledger.ts";

/** The rows that a dispatch has read and whose messages have not begun. The dispatch does not read them again. */
export class RowsInHand {
  #channels = new Map<string, Channel>();
  #counts = new Map<Channel, number>();

  get size(): number {
    return this.#channels.size;
  }

  get ids(): string[] {
    return [...this.#channels.keys()];
  }

  countOf(channel: Channel): number {
    return this.#counts.get(channel) ?? 0;
  }

  add(rows: readonly Pick<DueDelivery, "id" | "channel">[]): void {
    for (const { id, channel } of rows) {
      if (this.#channels.has(id)) continue;
      this.#channels.set(id, channel);
      this.#counts.set(channel, this.countOf(channel) + 1);
    }
  }

  remove(id: string): void {
    const channel = this.#channels.get(id);
    if (channel === undefined) return;
    this.#channels.delete(id);
    this.#counts.set(channel, this.countOf(channel) - 1);
  }
}
