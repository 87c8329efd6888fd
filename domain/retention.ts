import { dayMs } from "./time/durations.ts";

/**
 * The tables that maintenance cleans, in this order: a notification is deleted when none of its deliveries is left. A workflow iterates
 * over this list, so a new table goes to its end, and behind `patched`.
 */
export const retentionTables = [
  "deliveries",
  "notifications",
  "gates",
  "audit_entries",
  "idempotency_keys",
  "events",
  "groups",
  "inline_contents",
  "attachments",
  "inbox_items",
  "topic_subscriptions",
  "inbound_reports",
] as const;

export type RetentionTable = (typeof retentionTables)[number];

/** How long rows are kept, in days. */
export interface Retention {
  /**
   * For ended deliveries with their attempts, for notifications, groups and events without deliveries, for gates of ended campaigns, and for
   * contents and attachments that neither a notification nor an open campaign uses any more.
   */
  deliveriesDays: number;
  auditDays: number;
  idempotencyDays: number;
  /** For items of inboxes. */
  inboxDays: number;
}

/** How long a request to subscribe waits for its confirmation. */
const unconfirmedDays = 30;

/** For how long a report that comes again is known. Mail servers and providers repeat one for a week at most. */
const reportDays = 30;

/** A minimum for recalled campaigns: they may still be corrected, and their deliveries show who received the message. */
const recalledDays = 30;

/** The instant before which rows of a table are past their retention. */
export function retentionCutoff(table: RetentionTable, retention: Retention, now: Date): Date {
  const days = {
    deliveries: retention.deliveriesDays,
    notifications: retention.deliveriesDays,
    gates: retention.deliveriesDays,
    audit_entries: retention.auditDays,
    events: retention.deliveriesDays,
    groups: retention.deliveriesDays,
    inline_contents: retention.deliveriesDays,
    attachments: retention.deliveriesDays,
    idempotency_keys: retention.idempotencyDays,
    inbox_items: retention.inboxDays,
    topic_subscriptions: unconfirmedDays,
    inbound_reports: reportDays,
  }[table];
  return new Date(now.getTime() - days * dayMs);
}

/** The instant since which a campaign must have been recalled for its deliveries to be kept. */
export function recallCutoff(now: Date): Date {
  return new Date(now.getTime() - recalledDays * dayMs);
}
