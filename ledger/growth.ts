import { performance } from "node:perf_hooks";
import type { Pool } from "pg";
import { defineStatement, executeOn } from "./sql.ts";

const everyMs = 1_000;

const analyzeGrown = defineStatement<object, { analyzed: number }>(
  "SELECT analyze_grown_tables() AS analyzed",
);

/**
 * Makes a function that updates the planner's statistics of tables that have grown, at most once a second, and resolves when they are
 * up to date. Await it before large statements. It never rejects, because old statistics only make statements slower.
 */
export function createGrowthWatch(pool: Pick<Pool, "query">): () => Promise<void> {
  let looking: Promise<unknown> = Promise.resolve();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - lookedAtMs >= everyMs) {
      lookedAtMs = performance.now();
      looking = executeOn(pool)(analyzeGrown, {}).catch(() => {});
    }
    await looking;
  };
}
