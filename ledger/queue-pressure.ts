import type { Pool } from "pg";
import { type Load, noLoad } from "../domain/policy/batching.ts";
import { sourceRuns } from "./conditions.ts";
import { executeOn, defineStatement } from "./sql.ts";
import { notificationQueues } from "../domain/delivery/queues.ts";

/** How old what is known may be before it is asked for again, in the background. */
const freshMs = 5_000;
/** Rows counted, at most: far beyond any bound that somebody sets. */
const countLimit = 100_000;

/** Rows that are due, nobody has claimed, and only wait for workers. */
const readLoad = defineStatement<{ queues: readonly string[] }, Load>(
  `
  SELECT count(*)::int AS backlog, coalesce(extract(epoch FROM ledger_now() - min(due_at)) * 1000, 0)::float8 AS "delayMs"
  FROM (
    SELECT d.due_at FROM open_deliveries d
    WHERE d.queue = ANY(:queues::text[]) AND d.due_at <= (SELECT ledger_now()) AND d.lease_token IS NULL AND ${sourceRuns("d")} LIMIT ${countLimit}
  ) AS waiting`,
  "load",
);

/** How much waits to be sent, as last seen: asked for at most so often, and nobody waits for the answer. */
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
        // The ledger is away: what was seen last is the best there is.
        .catch(() => {});
    }
    return seen;
  };
}
