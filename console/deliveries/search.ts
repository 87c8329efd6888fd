import { type Channel, channels } from "../../domain/channel.ts";
import { type FilteredReason, filteredReasons } from "../../domain/delivery/reasons.ts";
import { type DeliveryStatus, deliveryStatuses } from "../../domain/delivery/status.ts";
import { type Priority, priorities } from "../../domain/priority.ts";
import {
  omitUndefined,
  prefixOf,
  readId,
  readInstant,
  readSeveral,
  readText,
} from "../shell/url.ts";

/** The filters of the deliveries. A delivery matches if it matches all that are given. */
export interface DeliveryFilters {
  status?: DeliveryStatus[] | undefined;
  /** `none`: deliveries without a reason. */
  reason?: FilteredReason[] | undefined;
  channel?: Channel[] | undefined;
  priority?: Priority[] | undefined;
  /** The key of a notification type. */
  type?: string | undefined;
  /** The campaign or notification: cmp_… or ntf_… */
  source?: string | undefined;
  /** The recipient: rcp_… An external id may be an address, which must not be in an address of a page. */
  recipient?: string | undefined;
  queue?: string | undefined;
  group?: string | undefined;
  from?: string | undefined;
  before?: string | undefined;
  /** The time in which a provider accepted the messages. */
  sentFrom?: string | undefined;
  sentBefore?: string | undefined;
}

/** The columns that can be hidden. The status is always shown. */
export const columns = [
  "recipient",
  "source",
  "channel",
  "priority",
  "reason",
  "at",
  "attempts",
] as const;
export type Column = (typeof columns)[number];

/** How far back the time line reaches. */
export const spans = ["day", "week", "month", "quarter"] as const;
export type Span = (typeof spans)[number];

/** How the deliveries are shown, which other filters do not change. */
export interface DeliveryLook {
  /** The columns that are shown; all of them by default. */
  columns?: Column[] | undefined;
  span?: Span | undefined;
}

/** What the address of the deliveries says: the filters, the order, which page is shown, and how. */
export interface DeliverySearch extends DeliveryFilters, DeliveryLook {
  order?: "oldest" | undefined;
  cursor?: string | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined: the router would keep what is only left out. */
export function readDeliverySearch(raw: Record<string, unknown>): DeliverySearch {
  return {
    status: readSeveral(raw["status"], deliveryStatuses),
    reason: readSeveral(raw["reason"], filteredReasons),
    channel: readSeveral(raw["channel"], channels),
    priority: readSeveral(raw["priority"], priorities),
    type: readText(raw["type"], 100),
    source: readId(raw["source"], "cmp", "ntf"),
    recipient: readId(raw["recipient"], "rcp"),
    queue: readText(raw["queue"], 100),
    group: readId(raw["group"], "grp"),
    from: readInstant(raw["from"]),
    before: readInstant(raw["before"]),
    sentFrom: readInstant(raw["sentFrom"]),
    sentBefore: readInstant(raw["sentBefore"]),
    order: raw["order"] === "oldest" ? ("oldest" as const) : undefined,
    cursor: readText(raw["cursor"], 1_000),
    columns: readSeveral(raw["columns"], columns),
    span: readSeveral(raw["span"], spans)?.[0],
  };
}

/** Keeps how the deliveries are shown. */
export const lookOf = ({ columns: shown, span }: DeliverySearch): DeliveryLook =>
  omitUndefined({ columns: shown, span });

/** Keeps the filters of a search, without the order and the page. */
export function filtersOf(search: DeliverySearch): DeliveryFilters {
  return omitUndefined({
    ...readDeliverySearch({ ...search }),
    order: undefined,
    cursor: undefined,
    columns: undefined,
    span: undefined,
  });
}

export const countFilters = (search: DeliverySearch) => Object.keys(filtersOf(search)).length;

/** The parameters of `GET /v1/deliveries`. */
export function toDeliveryQuery(search: DeliverySearch) {
  const { status, reason, channel, priority, type, recipient, queue, group, from, before } = search;
  const { sentFrom, sentBefore } = search;
  return omitUndefined({
    status: status?.join(","),
    reason: reason?.join(","),
    channel: channel?.join(","),
    priority: priority?.join(","),
    type,
    ...sourceOf(search),
    recipient,
    queue,
    group,
    createdFrom: from,
    createdBefore: before,
    sentFrom,
    sentBefore,
    sort: search.order === "oldest" ? "createdAt" : undefined,
    cursor: search.cursor,
  });
}

/**
 * The filters as the bulk changes take them: the same as those of the list. Without `before`, what is created after `countedAt` is left
 * out, so that a change cannot affect more than what was counted.
 */
export function toWhere(search: DeliverySearch, countedAt: string) {
  const { status, reason, channel, priority, type, recipient, queue, group, from, before } = search;
  const { sentFrom, sentBefore } = search;
  return omitUndefined({
    status,
    reason,
    channel,
    priority,
    type,
    ...sourceOf(search),
    recipient,
    queue,
    group,
    createdFrom: from,
    createdBefore: before ?? countedAt,
    sentFrom,
    sentBefore,
  });
}

function sourceOf({ source }: DeliverySearch): { campaign?: string; notification?: string } {
  if (source === undefined) return {};
  return prefixOf(source) === "cmp" ? { campaign: source } : { notification: source };
}

/**
 * The parameters of `GET /v1/stats/deliveries` that count what the filters match; null if a filter is of one delivery or person, or of the time of
 * sending, by which nothing is counted.
 */
export function toStatsQuery(search: DeliverySearch) {
  const { status, reason, channel, priority, type, recipient, queue, group, source } = search;
  const isOfOne = source !== undefined && prefixOf(source) === "ntf";
  const isBySending = search.sentFrom !== undefined || search.sentBefore !== undefined;
  if (recipient !== undefined || queue !== undefined || group !== undefined || isOfOne) return null;
  if (isBySending) return null;
  const counted = status?.map((each) => (each === "pending" || each === "sending" ? "open" : each));
  return omitUndefined({
    status: counted && [...new Set(counted)].join(","),
    reason: reason?.join(","),
    channel: channel?.join(","),
    priority: priority?.join(","),
    type,
    campaign: source,
  });
}
