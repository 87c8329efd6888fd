import type { Pool } from "pg";
import { openPool } from "../../ledger/transaction.ts";
import type { Logger } from "../../config/logger.ts";

/** The pool for what has to be fast, or is planned anew for each request: without what a client in between costs or does. */
export function createPool(options: { url: string; connections: number; logger: Logger }): Pool {
  return openPool(
    {
      connectionString: options.url,
      max: options.connections,
      statement_timeout: 15_000,
      idle_in_transaction_session_timeout: 15_000,
      application_name: "tidings-api",
      options: "-c TimeZone=UTC -c jit=off",
    },
    options.logger,
  );
}
