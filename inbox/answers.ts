import type { InboxAction, InboxCounts, InboxItem } from "./types.ts";

const isText = (value: unknown): value is string => typeof value === "string";

/** Reads an item that the API has sent. Returns null for anything else, so that one bad item does not break a list. */
export function readItem(value: unknown): InboxItem | null {
  const given = value as Partial<InboxItem> | null;
  if (!isText(given?.id) || !isText(given.title) || !isText(given.createdAt)) return null;
  return {
    ...(given as InboxItem),
    seenAt: given.seenAt ?? null,
    readAt: given.readAt ?? null,
    archivedAt: given.archivedAt ?? null,
    body: isText(given.body) ? given.body : null,
    url: isText(given.url) ? given.url : null,
    actions: (Array.isArray(given.actions) ? (given.actions as InboxAction[]) : []).filter(
      ({ label, url }) => isText(label) && isText(url),
    ),
  };
}

/** Reads counts that the API has sent; null for anything else. */
export function readCounts(value: unknown): InboxCounts | null {
  const given = value as Partial<InboxCounts> | null;
  return typeof given?.unseen === "number" && typeof given.unread === "number"
    ? { unseen: given.unseen, unread: given.unread }
    : null;
}
