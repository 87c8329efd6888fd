import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { z } from "zod";

const line = z.object({
  messageId: z.string().nullable(),
  deliveryId: z.string().nullable(),
  groupId: z.string().nullable().default(null),
});

/** What the mailbox wrote down before it said yes: the witness of what was sent. Read as it grows. */
export interface MailboxLog {
  /** Reads on, and counts the messages so far. The other two are as of then. */
  count(): number;
  messageIds(): ReadonlySet<string>;
  /** Of messages that one delivery went out as. */
  deliveryIds(): ReadonlySet<string>;
  close(): void;
}

export function openMailboxLog(path: string): MailboxLog {
  const file = openSync(path, "r");
  const messageIds = new Set<string>();
  const deliveryIds = new Set<string>();
  let offset = 0;
  let messages = 0;

  const readOn = () => {
    const bytes = Buffer.alloc(fstatSync(file).size - offset);
    readSync(file, bytes, 0, bytes.length, offset);
    // A line that is being written is left for the next time.
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    offset += whole.length;
    for (const text of whole.toString().split("\n").filter(Boolean)) {
      const { messageId, deliveryId, groupId } = line.parse(JSON.parse(text));
      if (messageId === null || (deliveryId ?? groupId) === null)
        throw new Error("a message without its ids");
      messageIds.add(messageId);
      if (deliveryId !== null) deliveryIds.add(deliveryId);
      messages++;
    }
  };

  return {
    count() {
      readOn();
      return messages;
    },
    messageIds: () => messageIds,
    deliveryIds: () => deliveryIds,
    close: () => closeSync(file),
  };
}
