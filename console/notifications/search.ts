import { type Priority, priorities } from "../../domain/priority.ts";
import { omitUndefined, readId, readInstant, readSeveral, readText } from "../shell/url.ts";

/** The filters of the notifications. A deduplication key is none of them: it may contain an address. */
export interface NotificationFilters {
  /** Only notifications with deliveries that have not ended. */
  state?: "pending" | undefined;
  priority?: Priority[] | undefined;
  /** The key of a notification type. */
  type?: string | undefined;
  /** The key of a template. */
  template?: string | undefined;
  /** The recipient: rcp_… */
  recipient?: string | undefined;
  from?: string | undefined;
  before?: string | undefined;
}

/** What the address of the notifications says. */
export interface NotificationSearch extends NotificationFilters {
  cursor?: string | undefined;
  /** Whether the dialog that sends a notification is open. */
  notify?: "new" | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readNotificationSearch = (raw: Record<string, unknown>): NotificationSearch => ({
  state: raw["state"] === "pending" ? "pending" : undefined,
  priority: readSeveral(raw["priority"], priorities),
  type: readText(raw["type"], 100),
  template: readText(raw["template"], 100),
  recipient: readId(raw["recipient"], "rcp"),
  from: readInstant(raw["from"]),
  before: readInstant(raw["before"]),
  cursor: readText(raw["cursor"], 1_000),
  notify: raw["notify"] === "new" ? "new" : undefined,
});

/** Keeps the filters of a search. */
export const filtersOf = (search: NotificationSearch): NotificationFilters =>
  omitUndefined({ ...search, cursor: undefined, notify: undefined });

/** The parameters of `GET /v1/notifications`. */
export function toNotificationQuery(search: NotificationSearch) {
  const { state, priority, type, template, recipient, from, before, cursor } = search;
  return omitUndefined({
    state,
    priority: priority?.join(","),
    type,
    template,
    recipient,
    createdFrom: from,
    createdBefore: before,
    cursor,
  });
}

/** What the address of one notification says. */
export interface NotificationPageSearch {
  /** The recipient whom the box “Why did a recipient get it, or not?” is about. */
  of?: string | undefined;
  /** The page of its deliveries. */
  cursor?: string | undefined;
}

export const readNotificationPageSearch = (
  raw: Record<string, unknown>,
): NotificationPageSearch => ({
  of: readId(raw["of"], "rcp"),
  cursor: readText(raw["cursor"], 1_000),
});
