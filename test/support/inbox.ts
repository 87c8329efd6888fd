import { publicId, newUuid } from "../../domain/ids.ts";
import type { ItemContent } from "../../domain/inbox.ts";
import { addInboxItems } from "../../ledger/inbox.ts";
import { notifyOfItems } from "../../ledger/inbox-hints.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { Pool } from "pg";

/** The time of the item that was added last: ids sort by time, and each item is newer than those before it. */
let newestMs = 0;

/** Adds items to an inbox, oldest first, as a worker does. Returns their public ids. */
export async function addItems(
  pool: Pick<Pool, "query">,
  recipientId: string,
  count: number,
  { announced = true, ...settings }: Partial<ItemContent> & { announced?: boolean } = {},
): Promise<string[]> {
  const base = Math.max(Date.now() - count, newestMs + 1);
  newestMs = base + count - 1;
  const items = Array.from({ length: count }, (_, place): ItemContent => ({
    id: newUuid(new Date(base + place)),
    recipientId,
    type: "task.deadline",
    category: null,
    title: `Item ${place}`,
    body: "A body",
    url: null,
    actions: [],
    priority: "normal",
    expiresAt: null,
    ...settings,
  }));
  const execute = executeOn(pool);
  await addInboxItems(execute, items);
  if (announced)
    await notifyOfItems(
      execute,
      items.map(({ id }) => ({ recipientId, itemId: id })),
    );
  return items.map(({ id }) => publicId("inboxItem", id));
}
