import type { Pool } from "pg";
import { openPool } from "./transaction.ts";
import type { Logger } from "../config/logger.ts";

/** Disables triggers where the database role may do so; otherwise the triggers of foreign keys check each row. */
const withoutTriggers = `
  SELECT set_config('session_replication_role', 'replica', false)
  WHERE has_parameter_privilege('session_replication_role', 'SET')`;

/**
 * Creates the pool for a worker's set-based statements. They use indexes regardless of the statistics, which are wrong for a table that has just
 * grown by a campaign: a plan from the time when the table was empty would scan it for each batch or row, and be a hundred times slower.
 */
export function createPool(options: { url: string; connections: number; logger: Logger }): Pool {
  return openPool(
    {
      connectionString: options.url,
      max: options.connections,
      idle_in_transaction_session_timeout: 30_000,
      statement_timeout: 30_000,
      // These statements have just locked the rows that the triggers of foreign keys would look up one by one (docs/decisions/0012).
      // The pool awaits the promise, and a rejection fails the connection, although the types do not say so.
      // oxlint-disable-next-line typescript/no-misused-promises
      onConnect: (client): Promise<unknown> => client.query(withoutTriggers),
      application_name: "tidings-worker",
      options:
        "-c TimeZone=UTC -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off",
    },
    options.logger,
  );
}
