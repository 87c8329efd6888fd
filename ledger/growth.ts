import { performance } from "node:perf_hooks";
import type { Pool } from "pg";
import { defineStatement, executeOn } from "./sql.ts";

const everyMs = 1_000;

const analyzeGrown = defineStatement<object, { analyzed: number }>(
  "SELECT analyze_grown_tables() AS analyzed",
);

/**
 * Has the planner learn how large tables have become that rows are looked up in, once a second at most, and resolves when it has: to be
 * awaited where there is much to do. Never rejects: the work is done all the same, if more slowly.
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
