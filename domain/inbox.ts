import { z } from "zod";
import { publicId } from "./ids.ts";
import type { Priority } from "./priority.ts";

/** The most new items after the last one that a reader knows that a stream sends. A reader that lacks more loads the list again. */
export const maxMissedItems = 100;

/** The most items that counts distinguish: this number stands for itself and for every larger one. */
export const maxCounted = 100;

/** A button of an item. Null stands for a link of the template, which leads to an address and does nothing else. */
const inboxAction = z.object({
  action: z.enum(["view", "snooze", "complete"]).nullable(),
  label: z.string(),
  url: z.string(),
});

/** The buttons of an item, as the ledger stores them. */
export const inboxActions = z.array(inboxAction);
export type InboxAction = z.output<typeof inboxAction>;

/** What a recipient has done with an item. An item that was read has been seen. */
export interface ItemState {
  seenAt: Date | null;
  readAt: Date | null;
  archivedAt: Date | null;
}

/** The content of an item, which never changes. `id` is the UUID of the delivery or the group that it stands for. */
export interface ItemContent {
  id: string;
  recipientId: string;
  /** The key of the notification type. */
  type: string | null;
  category: string | null;
  title: string;
  body: string;
  url: string | null;
  actions: readonly InboxAction[];
  priority: Priority;
  /** The item is shown before this time only. */
  expiresAt: Date | null;
}

/** An item of an inbox as it is read from the ledger. */
export interface InboxItemRow extends ItemContent, ItemState {
  createdAt: Date;
}

/** How many items a recipient has neither seen nor archived, and how many they have neither read nor archived, up to `maxCounted`. */
export interface InboxCounts {
  unseen: number;
  unread: number;
}

/** A wanted change of an item. Parts that are left out stay as they are. */
export interface ItemChange {
  seen?: true | undefined;
  read?: boolean | undefined;
  archived?: boolean | undefined;
}

/** Applies a change at `now`. The first time of seeing, reading and archiving is kept. */
export function changeItem(state: ItemState, { seen, read, archived }: ItemChange, now: Date) {
  const { seenAt, readAt, archivedAt } = state;
  return {
    seenAt: seen || read ? (seenAt ?? now) : seenAt,
    readAt: read === undefined ? readAt : read ? (readAt ?? now) : null,
    archivedAt: archived === undefined ? archivedAt : archived ? (archivedAt ?? now) : null,
  };
}

/** The state of an item as the API shows it. */
export interface ItemStateView {
  id: string;
  seenAt: string | null;
  readAt: string | null;
  archivedAt: string | null;
}

export function itemStateView({
  id,
  seenAt,
  readAt,
  archivedAt,
}: ItemState & { id: string }): ItemStateView {
  return {
    id: publicId("inboxItem", id),
    seenAt: seenAt && seenAt.toISOString(),
    readAt: readAt && readAt.toISOString(),
    archivedAt: archivedAt && archivedAt.toISOString(),
  };
}

/** An item as the API shows it. */
export function inboxItemView(row: InboxItemRow) {
  const { type, category, title, body, url, actions, priority, createdAt, expiresAt } = row;
  return {
    ...itemStateView(row),
    type,
    category,
    title,
    body,
    url,
    actions: [...actions],
    priority,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt && expiresAt.toISOString(),
  };
}
