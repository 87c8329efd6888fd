import { dayMs } from "./time/local-time.ts";

/**
 * What maintenance looks through, in this order: a notification goes when none of its deliveries is left. A workflow walks
 * along it, so what is added comes last, and behind `patched`.
 */
export const retentionTables = [
  "deliveries",
  "notifications",
  "gates",
  "audit_entries",
  "idempotency_keys",
  "events",
  "groups",
] as const;

export type RetentionTable = (typeof retentionTables)[number];

/** How long rows are kept, in days. */
export interface Retention {
  /** Deliveries that have ended, with their attempts; notifications, groups and events without any; gates of campaigns that are over. */
  deliveriesDays: number;
  auditDays: number;
  idempotencyDays: number;
}

/** However short the retention: a recalled campaign may still be corrected, and its deliveries say who got it. */
const recalledDays = 30;

/** What ended before this instant is past its retention. */
export function retentionCutoff(table: RetentionTable, retention: Retention, now: Date): Date {
  const days = {
    deliveries: retention.deliveriesDays,
    notifications: retention.deliveriesDays,
    gates: retention.deliveriesDays,
    audit_entries: retention.auditDays,
    events: retention.deliveriesDays,
    groups: retention.deliveriesDays,
    idempotency_keys: retention.idempotencyDays,
  }[table];
  return new Date(now.getTime() - days * dayMs);
}

/** Deliveries of campaigns that were recalled since this instant are kept. */
export function recallCutoff(now: Date): Date {
  return new Date(now.getTime() - recalledDays * dayMs);
}
