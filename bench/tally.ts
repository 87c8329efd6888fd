/** Ids and instants of messages as they come, kept as bytes and made sense of only when somebody asks. */
export interface Tally {
  readonly messages: number;
  readonly firstAt: number | null;
  readonly lastAt: number | null;
  /** Notes a message by two slices of `bytes` (an empty one: it had none). `at`: milliseconds of the wall clock. */
  add(bytes: Buffer, messageId: Slice, deliveryId: Slice, at: number): void;
  /** Distinct delivery ids, and messages beyond the first of their Message-ID or delivery id, whichever are more. */
  count(): { deliveries: number; duplicated: number };
  /** When each of these deliveries first arrived; null if it did not. */
  arrivals(deliveryIds: readonly string[]): (number | null)[];
  reset(): void;
}

export interface Slice {
  start: number;
  end: number;
}

/** A note: the instant (8 bytes), then each id behind its length (1 byte; longer ones are cut). */
const instantBytes = 8;
const longestId = 255;
const longestNote = instantBytes + 2 * (1 + longestId);
const blockBytes = 1 << 20;

export function createTally(): Tally {
  let blocks: Buffer[] = [];
  let used = blockBytes;
  let messages = 0;
  let firstAt: number | null = null;
  let lastAt: number | null = null;

  const put = (block: Buffer, bytes: Buffer, { start, end }: Slice) => {
    const length = Math.min(end - start, longestId);
    block[used++] = length;
    used += bytes.copy(block, used, start, start + length);
  };

  function* notes(): Generator<{ messageId: string; deliveryId: string; at: number }> {
    let left = messages;
    for (const block of blocks) {
      let at = 0;
      const id = () => {
        const length = block[at]!;
        const text = block.toString("latin1", at + 1, at + 1 + length);
        at += 1 + length;
        return text;
      };
      for (; left > 0 && at + longestNote <= blockBytes; left--) {
        const instant = block.readDoubleLE(at);
        at += instantBytes;
        yield { at: instant, messageId: id(), deliveryId: id() };
      }
    }
  }

  return {
    get messages() {
      return messages;
    },
    get firstAt() {
      return firstAt;
    },
    get lastAt() {
      return lastAt;
    },
    add(bytes, messageId, deliveryId, at) {
      if (used + longestNote > blockBytes) {
        blocks.push(Buffer.allocUnsafe(blockBytes));
        used = 0;
      }
      const block = blocks.at(-1)!;
      block.writeDoubleLE(at, used);
      used += instantBytes;
      put(block, bytes, messageId);
      put(block, bytes, deliveryId);
      messages++;
      firstAt ??= at;
      lastAt = at;
    },
    count() {
      const messageIds = new Set<string>();
      const deliveryIds = new Set<string>();
      let repeatedMessageIds = 0;
      let repeatedDeliveryIds = 0;
      for (const { messageId, deliveryId } of notes()) {
        if (messageIds.has(messageId)) repeatedMessageIds++;
        else if (messageId !== "") messageIds.add(messageId);
        if (deliveryIds.has(deliveryId)) repeatedDeliveryIds++;
        else if (deliveryId !== "") deliveryIds.add(deliveryId);
      }
      return {
        deliveries: deliveryIds.size,
        duplicated: Math.max(repeatedMessageIds, repeatedDeliveryIds),
      };
    },
    arrivals(deliveryIds) {
      const wanted = new Map<string, number | null>(deliveryIds.map((id) => [id, null]));
      for (const { deliveryId, at } of notes())
        if (wanted.get(deliveryId) === null) wanted.set(deliveryId, at);
      return deliveryIds.map((id) => wanted.get(id)!);
    },
    reset() {
      blocks = [];
      used = blockBytes;
      messages = 0;
      firstAt = lastAt = null;
    },
  };
}
