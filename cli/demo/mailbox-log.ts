import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { z } from "zod";

const line = z.object({
  messageId: z.string().nullable(),
  deliveryId: z.string().nullable(),
  groupId: z.string().nullable().default(null),
});

/** The log of the mailbox, which records each message before it is accepted: the evidence of what was sent. */
export interface MailboxLog {
  /** Reads the new lines, and returns the number of messages. The other two methods do not read new lines. */
  count(): number;
  messageIds(): ReadonlySet<string>;
  /** The delivery ids of messages that were sent for one delivery. */
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
    // An incomplete last line is read the next time.
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    offset += whole.length;
    for (const text of whole.toString().split("\n").filter(Boolean)) {
      const { messageId, deliveryId, groupId } = line.parse(JSON.parse(text));
      if (messageId === null || (deliveryId ?? groupId) === null)
        throw new Error("a message in the mailbox's log has no ids");
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
