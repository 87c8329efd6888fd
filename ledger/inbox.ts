import type {
  InboxCounts,
  InboxItemRow,
  ItemChange,
  ItemContent,
  ItemState,
} from "../domain/inbox.ts";
import { changeItem, maxCounted } from "../domain/inbox.ts";
import { newestUuid } from "../domain/ids.ts";
import { engagementsNow, recordEngagements } from "./engagement.ts";
import { lockRecipients } from "./lock-recipients.ts";
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
 * are not added. The items of an inbox arrive one after the other, at least a millisecond apart: `inbox_arrivals` makes statements that add to the same
 * inbox wait for each other. The order of the ids keeps two statements from waiting for each other.
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
   open AS MATERIALIZED (SELECT recipient_id, first_at FROM inbox_arrivals(ARRAY(SELECT id FROM alive))),
   added AS (
     INSERT INTO inbox_items (id, recipient_id, type, category, title, body, url, actions, priority, expires_at, created_at)
     SELECT g.id, g.recipient_id, g.type, g.category, g.title, g.body, g.url, g.actions, g.priority, g.expires_at,
       o.first_at + (row_number() OVER (PARTITION BY g.recipient_id ORDER BY g.id) - 1) * interval '1 millisecond'
     FROM given g JOIN open o ON o.recipient_id = g.recipient_id ORDER BY g.id
     ON CONFLICT (id) DO NOTHING RETURNING id
   )
   SELECT id, EXISTS (SELECT FROM alive a WHERE a.id = g.recipient_id) AS "isStored", EXISTS (SELECT FROM added a WHERE a.id = g.id) AS "isNew"
   FROM given g`,
  "inbox-add",
);

/**
 * Adds items, each as the newest of its inbox, and does nothing about those that were added before, so that a repeated call leaves one item in
 * the place that it had. Who has read an item has been able to read all that arrived before it: no item ever becomes visible below another one.
 * Needs READ COMMITTED. Resolves with what became of each item, by its id.
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

/**
 * The place of an item in its inbox: the time of its arrival, and its id for items that were added by development versions, which may have arrived at
 * the same time.
 */
interface Arrival {
  createdAt: Date;
  id: string;
}

const arrivalStatement = defineStatement<{ id: string; recipientId: string }, Arrival>(
  `SELECT id, created_at AS "createdAt" FROM inbox_items WHERE id = :id::uuid AND recipient_id = :recipientId::uuid`,
);

/** The place above all items. */
const atTheTop = { createdAt: "infinity", id: newestUuid };

/** Finds the place of an item; null where the recipient has no such item, or has it no longer. */
async function findArrival(
  execute: Execute,
  item: { id: string; recipientId: string },
): Promise<Arrival | null> {
  const [arrival] = await execute(arrivalStatement, item);
  return arrival ?? null;
}

interface Reading {
  recipientId: string;
  category: string | null;
  take: number;
}

const listOf = (state: InboxState) =>
  defineStatement<Reading & { id: string; createdAt: Date | string }, InboxItemRow>(
    `SELECT ${columns} FROM inbox_items i
     WHERE i.recipient_id = :recipientId::uuid AND (i.created_at, i.id) < (:createdAt::timestamptz, :id::uuid) AND ${conditions[state]}
       AND (:category::text IS NULL OR i.category = :category::text)
     ORDER BY i.created_at DESC, i.id DESC LIMIT :take::int`,
  );

const lists: Record<InboxState, ReturnType<typeof listOf>> = {
  all: listOf("all"),
  unread: listOf("unread"),
  archived: listOf("archived"),
};

/**
 * Reads at most `take` items in the order of their arrival, newest first, beginning with the first one that arrived before the item `after`. There are
 * none if the recipient no longer has that item, because retention removes older items first. Expired items are left out.
 */
export async function readInbox(
  execute: Execute,
  { state, after, ...reading }: Reading & { state: InboxState; after: string | null },
): Promise<InboxItemRow[]> {
  const { recipientId } = reading;
  const place = after === null ? atTheTop : await findArrival(execute, { id: after, recipientId });
  return place ? execute(lists[state], { ...reading, ...place }) : [];
}

const newerStatement = defineStatement<
  Arrival & { recipientId: string; take: number },
  InboxItemRow
>(
  `SELECT ${columns} FROM inbox_items i
   WHERE i.recipient_id = :recipientId::uuid AND (i.created_at, i.id) > (:createdAt::timestamptz, :id::uuid) AND ${conditions.all}
   ORDER BY i.created_at, i.id LIMIT :take::int`,
);

/**
 * Reads at most `take` items that arrived after the item `after`, oldest first, without archived and expired ones. Resolves with null where the
 * recipient no longer has that item, so that it is not known what came after it.
 */
export async function readNewerItems(
  execute: Execute,
  { recipientId, after, take }: { recipientId: string; after: string; take: number },
): Promise<InboxItemRow[] | null> {
  const place = await findArrival(execute, { id: after, recipientId });
  return place && execute(newerStatement, { recipientId, take, ...place });
}

const itemsStatement = defineStatement<{ ids: readonly string[] }, InboxItemRow>(
  `SELECT ${columns} FROM inbox_items i WHERE i.id = ANY(:ids::uuid[]) AND ${conditions.all} ORDER BY i.created_at, i.id`,
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
  await lockRecipients(execute, [recipientId]);
  const [item] = await execute(lockStatement, { id, recipientId });
  if (!item) return null;
  const next = changeItem(item, change, now);
  const isChanged = (["seenAt", "readAt", "archivedAt"] as const).some(
    (field) => (item[field] === null) !== (next[field] === null),
  );
  if (!isChanged) return { item, isChanged };
  await execute(changeStatement, { id, ...next });
  const level = next.readAt ? "read" : next.seenAt ? "seen" : null;
  if (level) await recordEngagements(execute, engagementsNow([id], level), recipientId);
  return { item: { ...item, ...next }, isChanged };
}

/** How all items up to one are marked. */
export type Mark = "seen" | "read";

interface Marking {
  recipientId: string;
  now: Date;
}

const markStatementOf = (condition: string, changes: string) =>
  defineStatement<Marking & Arrival, { id: string }>(
    `UPDATE inbox_items AS m SET ${changes}
     FROM (
       SELECT i.id FROM inbox_items i
       WHERE i.recipient_id = :recipientId::uuid AND (i.created_at, i.id) <= (:createdAt::timestamptz, :id::uuid) AND ${condition}
       ORDER BY i.id FOR UPDATE
     ) AS marked
     WHERE m.id = marked.id RETURNING m.id`,
  );

const setSeen = "seen_at = coalesce(m.seen_at, :now::timestamptz)";
const markStatements: Record<Mark, ReturnType<typeof markStatementOf>> = {
  seen: markStatementOf(isUnseen, setSeen),
  read: markStatementOf(isUnread, `${setSeen}, read_at = :now::timestamptz`),
};

/** Which items were marked. */
export interface Marked {
  /** The number of items that changed. */
  changed: number;
  /** The place of the item up to which items were marked. */
  upTo: Arrival;
}

/**
 * Marks the item `upTo` of a recipient and those that arrived before it, and records what that shows about the deliveries that they stand for.
 * Needs a transaction. Items that arrive meanwhile stay as they are. Resolves with null where the recipient has no such item: nothing was marked.
 */
export async function markInboxItems(
  execute: Execute,
  { mark, upTo: id, ...marking }: Marking & { mark: Mark; upTo: string },
): Promise<Marked | null> {
  const { recipientId } = marking;
  const upTo = await findArrival(execute, { id, recipientId });
  if (!upTo) return null;
  await lockRecipients(execute, [recipientId]);
  const marked = await execute(markStatements[mark], { ...marking, ...upTo });
  const itemIds = marked.map((item) => item.id);
  await recordEngagements(execute, engagementsNow(itemIds, mark), recipientId);
  return { changed: itemIds.length, upTo };
}
