import type { ReceivedMessage } from "./discrepancies.ts";

/** Stores the ids, recipients and instants of messages as bytes, which are decoded only on request. */
export interface Tally {
  readonly messages: number;
  readonly firstAt: number | null;
  readonly lastAt: number | null;
  /** Adds a message by two slices of `bytes` (empty for a missing id) and its arrival. */
  add(bytes: Buffer, ids: { messageId: Slice; deliveryId: Slice }, arrival: Arrival): void;
  /** Counts distinct delivery ids, and messages with the same Message-ID or delivery id as an earlier one, whichever are more. */
  count(): { deliveries: number; duplicated: number };
  /** The first arrival of each of these deliveries; null if it did not arrive. */
  arrivals(deliveryIds: readonly string[]): (number | null)[];
  /** A page of some thousands of messages in the order of arrival. The first page is 0; null after the last one. */
  page(number: number): TakenMessage[] | null;
  reset(): void;
}

/** Instants are milliseconds of the wall clock. */
interface Arrival {
  /** The recipient in the envelope. */
  recipient: Buffer;
  /** When the envelope began. */
  begunAt: number;
  /** When the message was complete. */
  at: number;
}

/** A message and its arrival. */
export interface TakenMessage extends ReceivedMessage, Omit<Arrival, "recipient"> {}

export interface Slice {
  start: number;
  end: number;
}

/** The format of an entry: the instants (8 bytes each), then each id after its length (1 byte; longer ids are cut). */
const instantBytes = 8;
const longestId = 255;
const longestNote = 2 * instantBytes + 3 * (1 + longestId);
const blockBytes = 1 << 20;

interface Block {
  bytes: Buffer;
  messages: number;
}

interface Note {
  begunAt: number;
  at: number;
  messageId: string;
  deliveryId: string;
  recipient: string;
}

export function createTally(): Tally {
  let blocks: Block[] = [];
  let used = blockBytes;
  let messages = 0;
  let firstAt: number | null = null;
  let lastAt: number | null = null;

  const put = (block: Buffer, bytes: Buffer, { start, end }: Slice) => {
    const length = Math.min(end - start, longestId);
    block[used++] = length;
    used += bytes.copy(block, used, start, start + length);
  };

  function* notesOf(block: Block): Generator<Note> {
    const { bytes } = block;
    let at = 0;
    const text = () => {
      const end = at + 1 + bytes[at]!;
      const read = bytes.toString("utf8", at + 1, end);
      at = end;
      return read;
    };
    const instant = () => {
      const read = bytes.readDoubleLE(at);
      at += instantBytes;
      return read;
    };
    for (let left = block.messages; left > 0; left--)
      yield {
        begunAt: instant(),
        at: instant(),
        messageId: text(),
        deliveryId: text(),
        recipient: text(),
      };
  }

  function* notes(): Generator<Note> {
    for (const block of blocks) yield* notesOf(block);
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
    add(bytes, { messageId, deliveryId }, { recipient, begunAt, at }) {
      if (used + longestNote > blockBytes) {
        blocks.push({ bytes: Buffer.allocUnsafe(blockBytes), messages: 0 });
        used = 0;
      }
      const block = blocks.at(-1)!;
      for (const instant of [begunAt, at]) used = block.bytes.writeDoubleLE(instant, used);
      put(block.bytes, bytes, messageId);
      put(block.bytes, bytes, deliveryId);
      put(block.bytes, recipient, { start: 0, end: recipient.length });
      block.messages++;
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
    page(number) {
      const block = blocks[number];
      if (!block) return null;
      return Array.from(notesOf(block), ({ deliveryId, recipient, begunAt, at }) => ({
        deliveryId,
        address: recipient,
        begunAt,
        at,
      }));
    },
    reset() {
      blocks = [];
      used = blockBytes;
      messages = 0;
      firstAt = lastAt = null;
    },
  };
}
