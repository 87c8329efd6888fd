/** The priorities in the order in which they are served. */
export const priorities = ["critical", "high", "normal", "low"] as const;
export type Priority = (typeof priorities)[number];

/**
 * Claims are ordered by priority with ageing: a row counts as due this many milliseconds later than it is. So a delivery of a lower
 * priority waits behind those of a higher one, but is overtaken for no longer than this.
 */
export const ageingMs: Record<Priority, number> = {
  critical: 0,
  high: 5_000,
  normal: 30_000,
  low: 300_000,
};

/**
 * Compares two deliveries in the order of the claims in ledger/statements.ts. 0 means that the older id is served first.
 * Instants are milliseconds since the epoch.
 */
export const compareServed = (
  a: { dueAt: number; priority: Priority },
  b: { dueAt: number; priority: Priority },
): number => a.dueAt + ageingMs[a.priority] - (b.dueAt + ageingMs[b.priority]);
