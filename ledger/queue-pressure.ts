import type { Pool } from "pg";
import { type Load, noLoad } from "../domain/policy/batching.ts";
import { sourceRuns } from "./conditions.ts";
import { executeOn, defineStatement } from "./sql.ts";
import { notificationQueues } from "../domain/delivery/queues.ts";

/** The age after which the load is read again, in the background. */
const freshMs = 5_000;
/** The maximum of rows that are counted: far more than any configured limit. */
const countLimit = 100_000;

/** Counts due rows that are not claimed and only wait for workers. */
const readLoad = defineStatement<{ queues: readonly string[] }, Load>(
  `
  SELECT count(*)::int AS backlog, coalesce(extract(epoch FROM ledger_now() - min(due_at)) * 1000, 0)::float8 AS "delayMs"
  FROM (
    SELECT d.due_at FROM open_deliveries d
    WHERE d.queue = ANY(:queues::text[]) AND d.due_at <= (SELECT ledger_now()) AND d.lease_token IS NULL AND ${sourceRuns("d")} LIMIT ${countLimit}
  ) AS waiting`,
  "load",
);

/** Creates a function that returns the last known load. The load is read at most every five seconds, and callers never wait for it. */
export function createLoad(pool: Pick<Pool, "query">): () => Load {
  const execute = executeOn(pool);
  let seen = noLoad;
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - askedAt > freshMs) {
      askedAt = now;
      execute(readLoad, { queues: notificationQueues })
        .then(([load]) => (seen = load!))
        // The ledger is unavailable: the last known load is kept.
        .catch(() => {});
    }
    return seen;
  };
}
