import type {
  InboxCounts,
  InboxItemRow,
  ItemChange,
  ItemContent,
  ItemState,
} from "../domain/inbox.ts";
import { changeItem, maxCounted } from "../domain/inbox.ts";
import { recordEngagement } from "./engagement.ts";
import { defineStatement, type Execute } from "./sql.ts";

interface Adding {
  ids: readonly string[];
  recipientIds: readonly string[];
  types: readonly (string | null)[];
  categories: readonly (string | null)[];
  titles: readonly string[];
  bodies: readonly string[];
  urls: readonly (string | null)[];
  actions: readonly string[];
  priorities: readonly string[];
  expiries: readonly (Date | null)[];
}

/** What became of an item that was to be added. */
interface AddedRow {
  id: string;
  /** Whether the inbox has the item. If not, its recipient was erased. */
  isStored: boolean;
  /** Whether this statement added it. */
  isNew: boolean;
}

/**
 * The lock of the recipients makes an erasure wait until the items are committed, and then remove them; items of recipients who are erased
 * are not added. The order of the ids keeps two statements with the same items from waiting for each other.
 */
const addStatement = defineStatement<Adding, AddedRow>(
  `WITH given AS MATERIALIZED (
     SELECT * FROM unnest(:ids::uuid[], :recipientIds::uuid[], :types::text[], :categories::text[], :titles::text[], :bodies::text[], :urls::text[],
       :actions::text[]::jsonb[], :priorities::text[]::priority[], :expiries::timestamptz[])
       AS g(id, recipient_id, type, category, title, body, url, actions, priority, expires_at)
   ),
   alive AS MATERIALIZED (
     SELECT id FROM recipients WHERE id = ANY(:recipientIds::uuid[]) AND erased_at IS NULL ORDER BY id FOR KEY SHARE
   ),
   added AS (
     INSERT INTO inbox_items (id, recipient_id, type, category, title, body, url, actions, priority, expires_at, created_at)
     SELECT g.id, g.recipient_id, g.type, g.category, g.title, g.body, g.url, g.actions, g.priority, g.expires_at, ledger_now()
     FROM given g JOIN alive a ON a.id = g.recipient_id ORDER BY g.id
     ON CONFLICT (id) DO NOTHING RETURNING id
   )
   SELECT id, EXISTS (SELECT FROM alive a WHERE a.id = g.recipient_id) AS "isStored", EXISTS (SELECT FROM added a WHERE a.id = g.id) AS "isNew"
   FROM given g`,
  "inbox-add",
);

/**
 * Adds items, and does nothing about those that were added before, so that a repeated call leaves one item. Resolves with what became of
 * each item, by its id.
 */
export async function addInboxItems(
  execute: Execute,
  items: readonly ItemContent[],
): Promise<Map<string, AddedRow>> {
  const rows = await execute(addStatement, {
    ids: items.map(({ id }) => id),
    recipientIds: items.map(({ recipientId }) => recipientId),
    types: items.map(({ type }) => type),
    categories: items.map(({ category }) => category),
    titles: items.map(({ title }) => title),
    bodies: items.map(({ body }) => body),
    urls: items.map(({ url }) => url),
    actions: items.map(({ actions }) => JSON.stringify(actions)),
    priorities: items.map(({ priority }) => priority),
    expiries: items.map(({ expiresAt }) => expiresAt),
  });
  return new Map(rows.map((row) => [row.id, row]));
}

const columns = `i.id, i.recipient_id AS "recipientId", i.type, i.category, i.title, i.body, i.url, i.actions, i.priority, i.created_at AS "createdAt",
  i.seen_at AS "seenAt", i.read_at AS "readAt", i.archived_at AS "archivedAt", i.expires_at AS "expiresAt"`;

const isLive = "(i.expires_at IS NULL OR i.expires_at > ledger_now())";
const isUnseen = `i.seen_at IS NULL AND i.archived_at IS NULL AND ${isLive}`;
const isUnread = `i.read_at IS NULL AND i.archived_at IS NULL AND ${isLive}`;

/** The items that a list shows. */
export const inboxStates = ["all", "unread", "archived"] as const;
export type InboxState = (typeof inboxStates)[number];

const conditions: Record<InboxState, string> = {
  all: `i.archived_at IS NULL AND ${isLive}`,
  unread: isUnread,
  archived: `i.archived_at IS NOT NULL AND ${isLive}`,
};

interface Reading {
  recipientId: string;
  after: string | null;
  category: string | null;
  take: number;
}

const listOf = (state: InboxState) =>
  defineStatement<Reading, InboxItemRow>(
    `SELECT ${columns} FROM inbox_items i
     WHERE i.recipient_id = :recipientId::uuid AND (:after::uuid IS NULL OR i.id < :after::uuid) AND ${conditions[state]}
       AND (:category::text IS NULL OR i.category = :category::text)
     ORDER BY i.id DESC LIMIT :take::int`,
  );

const lists: Record<InboxState, ReturnType<typeof listOf>> = {
  all: listOf("all"),
  unread: listOf("unread"),
  archived: listOf("archived"),
};

/** Reads at most `take` items in the order of their ids, newest first, beginning with the first one older than `after`. Expired items are left out. */
export const readInbox = (
  execute: Execute,
  { state, ...reading }: Reading & { state: InboxState },
): Promise<InboxItemRow[]> => execute(lists[state], reading);

const newerStatement = defineStatement<
  { recipientId: string; after: string; take: number },
  InboxItemRow
>(
  `SELECT ${columns} FROM inbox_items i
   WHERE i.recipient_id = :recipientId::uuid AND i.id > :after::uuid AND ${conditions.all} ORDER BY i.id LIMIT :take::int`,
);

/** Reads at most `take` items with ids greater than `after`, oldest first, without archived and expired ones. */
export const readNewerItems = (
  execute: Execute,
  wanted: { recipientId: string; after: string; take: number },
): Promise<InboxItemRow[]> => execute(newerStatement, wanted);

const itemsStatement = defineStatement<{ ids: readonly string[] }, InboxItemRow>(
  `SELECT ${columns} FROM inbox_items i WHERE i.id = ANY(:ids::uuid[]) AND ${conditions.all} ORDER BY i.id`,
);

/** Reads items of any recipients by their ids, oldest first, without archived and expired ones. */
export const readItems = (execute: Execute, ids: readonly string[]): Promise<InboxItemRow[]> =>
  execute(itemsStatement, { ids });

/** The inbox of a recipient: its counts, and what its tokens must agree with. */
export interface InboxStatus extends InboxCounts {
  recipientId: string;
  epoch: number;
  isErased: boolean;
}

const countOf = (condition: string) =>
  `(SELECT count(*)::int FROM (SELECT FROM inbox_items i WHERE i.recipient_id = r.id AND ${condition} LIMIT ${maxCounted}) AS counted)`;

const statusStatement = defineStatement<{ recipientIds: readonly string[] }, InboxStatus>(
  `SELECT r.id AS "recipientId", r.links_epoch AS epoch, r.erased_at IS NOT NULL AS "isErased",
     ${countOf(isUnseen)} AS unseen, ${countOf(isUnread)} AS unread
   FROM recipients r WHERE r.id = ANY(:recipientIds::uuid[])`,
);

/** Reads the inboxes of recipients. Those who do not exist are left out. */
export const readInboxStatuses = (
  execute: Execute,
  recipientIds: readonly string[],
): Promise<InboxStatus[]> => execute(statusStatement, { recipientIds });

/** Counts the items of a recipient; none where the recipient does not exist. */
export async function countInbox(execute: Execute, recipientId: string): Promise<InboxCounts> {
  const [status] = await readInboxStatuses(execute, [recipientId]);
  return { unseen: status?.unseen ?? 0, unread: status?.unread ?? 0 };
}

const lockStatement = defineStatement<{ id: string; recipientId: string }, InboxItemRow>(
  `SELECT ${columns} FROM inbox_items i WHERE i.id = :id::uuid AND i.recipient_id = :recipientId::uuid FOR UPDATE`,
);

const changeStatement = defineStatement<ItemState & { id: string }>(
  `UPDATE inbox_items SET seen_at = :seenAt::timestamptz, read_at = :readAt::timestamptz, archived_at = :archivedAt::timestamptz
   WHERE id = :id::uuid`,
);

/** An item after a change. */
export interface ChangedItem {
  item: InboxItemRow;
  /** Whether the change had an effect. */
  isChanged: boolean;
}

/**
 * Changes an item of a recipient at `now`, and records what it shows about the deliveries that the item stands for. Needs a transaction.
 * Resolves with null where the recipient has no such item.
 */
export async function changeInboxItem(
  execute: Execute,
  { id, recipientId }: { id: string; recipientId: string },
  change: ItemChange,
  now: Date,
): Promise<ChangedItem | null> {
  const [item] = await execute(lockStatement, { id, recipientId });
  if (!item) return null;
  const next = changeItem(item, change, now);
  const isChanged = (["seenAt", "readAt", "archivedAt"] as const).some(
    (field) => (item[field] === null) !== (next[field] === null),
  );
  if (!isChanged) return { item, isChanged };
  await execute(changeStatement, { id, ...next });
  const level = next.readAt ? "read" : next.seenAt ? "seen" : null;
  if (level) await recordEngagement(execute, { itemIds: [id], recipientId, level });
  return { item: { ...item, ...next }, isChanged };
}

/** How all items up to one are marked. */
export type Mark = "seen" | "read";

interface Marking {
  recipientId: string;
  upTo: string;
  now: Date;
}

const markStatementOf = (condition: string, changes: string) =>
  defineStatement<Marking, { id: string }>(
    `UPDATE inbox_items AS m SET ${changes}
     FROM (
       SELECT i.id FROM inbox_items i WHERE i.recipient_id = :recipientId::uuid AND i.id <= :upTo::uuid AND ${condition} ORDER BY i.id FOR UPDATE
     ) AS marked
     WHERE m.id = marked.id RETURNING m.id`,
  );

const setSeen = "seen_at = coalesce(m.seen_at, :now::timestamptz)";
const markStatements: Record<Mark, ReturnType<typeof markStatementOf>> = {
  seen: markStatementOf(isUnseen, setSeen),
  read: markStatementOf(isUnread, `${setSeen}, read_at = :now::timestamptz`),
};

/**
 * Marks the items of a recipient whose ids are not greater than `upTo`, and records what that shows about the deliveries that they stand for.
 * Needs a transaction. Items that arrive meanwhile stay as they are. Resolves with the number of items that changed.
 */
export async function markInboxItems(
  execute: Execute,
  { mark, ...marking }: Marking & { mark: Mark },
): Promise<number> {
  const marked = await execute(markStatements[mark], marking);
  const itemIds = marked.map(({ id }) => id);
  const { recipientId } = marking;
  if (itemIds.length > 0) await recordEngagement(execute, { itemIds, recipientId, level: mark });
  return itemIds.length;
}
