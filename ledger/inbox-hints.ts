import { z } from "zod";
import { formatUuid } from "../domain/ids.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** The channel of PostgreSQL's NOTIFY for changes of inboxes. */
export const inboxChannel = "tidings_inboxes";

/** A new item, and whose it is. Ids are UUIDs. */
export interface NewItem {
  recipientId: string;
  itemId: string;
}

const instants = z.iso.datetime().nullable();
const itemState = z.object({ seenAt: instants, readAt: instants, archivedAt: instants });

/** A change of an inbox, besides new items: of one item, of all items up to one, or of the right to read it. */
const change = z.object({
  recipientId: z.uuid(),
  change: z.union([
    z.object({ itemId: z.uuid(), state: itemState }),
    z.object({
      mark: z.enum(["seen", "read"]),
      upTo: z.uuid(),
      upToCreatedAt: z.iso.datetime(),
      at: z.iso.datetime(),
    }),
    z.object({ access: z.literal("check") }),
  ]),
});
export type InboxChange = z.output<typeof change>;

/** What a notification says: new items, or a change. */
export type InboxHint = { kind: "items"; items: NewItem[] } | ({ kind: "change" } & InboxChange);

/** The most items in one notification: PostgreSQL accepts less than 8,000 bytes. */
const itemsInPayload = 150;
/** The length of a UUID in base64url. */
const idLength = 22;

const encodeId = (uuid: string) =>
  Buffer.from(uuid.replaceAll("-", ""), "hex").toString("base64url");
const decodeId = (text: string) => formatUuid(Buffer.from(text, "base64url"));

/** Writes the payloads of notifications of new items. They contain ids only. */
function itemPayloads(items: readonly NewItem[]): string[] {
  const payloads: string[] = [];
  for (let first = 0; first < items.length; first += itemsInPayload)
    payloads.push(
      `+${items
        .slice(first, first + itemsInPayload)
        .map(({ recipientId, itemId }) => encodeId(recipientId) + encodeId(itemId))
        .join("")}`,
    );
  return payloads;
}

/** Reads the payload of a notification; null where it is none of ours. */
export function parseInboxHint(payload: string): InboxHint | null {
  if (payload.startsWith("+")) {
    const ids = payload.slice(1).match(/[\w-]{22}/g) ?? [];
    if (ids.length * idLength !== payload.length - 1 || ids.length % 2 === 1) return null;
    const items: NewItem[] = [];
    for (let at = 0; at < ids.length; at += 2)
      items.push({ recipientId: decodeId(ids[at]!), itemId: decodeId(ids[at + 1]!) });
    return { kind: "items", items };
  }
  try {
    const parsed = change.safeParse(JSON.parse(payload));
    return parsed.success ? { kind: "change", ...parsed.data } : null;
  } catch {
    return null;
  }
}

/** They do not wait for the disk, because a notification need not survive a crash of the server. */
const notifyStatement = defineStatement<{ payloads: readonly string[] }>(
  `SELECT pg_notify('${inboxChannel}', payload) FROM unnest(:payloads::text[]) AS payload
   WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL`,
  "inbox-notify",
);

/**
 * Tells the processes with open streams about new items, which must be committed. It must not be called in a transaction: a transaction that
 * notifies takes a lock of the whole server when it commits.
 */
export async function notifyOfItems(execute: Execute, items: readonly NewItem[]): Promise<void> {
  if (items.length > 0) await execute(notifyStatement, { payloads: itemPayloads(items) });
}

/** Tells the processes with open streams about a change, which must be committed. It must not be called in a transaction. */
export async function notifyOfChange(execute: Execute, changed: InboxChange): Promise<void> {
  await execute(notifyStatement, { payloads: [JSON.stringify(changed)] });
}
