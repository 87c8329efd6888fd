/** In the order in which they are served. */
export const priorities = ["critical", "high", "normal", "low"] as const;
export type Priority = (typeof priorities)[number];

/**
 * Claims go by priority with ageing: a row counts as due this much later than it is, so that a lower priority waits
 * behind a higher one, and is overtaken for no longer than this.
 */
export const ageingMs: Record<Priority, number> = {
  critical: 0,
  high: 5_000,
  normal: 30_000,
  low: 300_000,
};

/**
 * Which of two deliveries is served first, as the claims in ledger/statements.ts order them; 0 where the older is, by its id.
 * Instants are milliseconds since the epoch.
 */
export const compareServed = (
  a: { dueAt: number; priority: Priority },
  b: { dueAt: number; priority: Priority },
): number => a.dueAt + ageingMs[a.priority] - (b.dueAt + ageingMs[b.priority]);
