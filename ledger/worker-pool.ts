import type { Pool } from "pg";
import { openPool } from "./transaction.ts";
import type { Logger } from "../config/logger.ts";

/** Only where the role may: everywhere else the triggers look for themselves. */
const withoutTriggers = `
  SELECT set_config('session_replication_role', 'replica', false)
  WHERE has_parameter_privilege('session_replication_role', 'SET')`;

/**
 * The pool of a worker's set-based statements. They find rows by index whatever the statistics of a table that has just
 * grown by a campaign say: a plan that scans it for every flush, or for every row that is due since it was empty when the plan
 * was made, would be a hundred times slower.
 */
export function createPool(options: { url: string; connections: number; logger: Logger }): Pool {
  return openPool(
    {
      connectionString: options.url,
      max: options.connections,
      idle_in_transaction_session_timeout: 30_000,
      statement_timeout: 30_000,
      // What the foreign keys' triggers would look up row by row, these statements have just locked (docs/decisions/0012).
      // The pool awaits it, and its failure is the connection's, though the types do not say so.
      // oxlint-disable-next-line typescript/no-misused-promises
      onConnect: (client): Promise<unknown> => client.query(withoutTriggers),
      application_name: "tidings-worker",
      options:
        "-c TimeZone=UTC -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off",
    },
    options.logger,
  );
}
