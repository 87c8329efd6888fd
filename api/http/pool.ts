import type { Pool } from "pg";
import { openPool } from "../../ledger/transaction.ts";
import type { Logger } from "../../config/logger.ts";

interface PoolOptions {
  url: string;
  connections: number;
  logger: Logger;
}

const sessionSettings = "-c TimeZone=UTC -c jit=off";

/** The pool for what has to be fast, or is planned anew for each request: without what a client in between costs or does. */
export const createPool = (options: PoolOptions): Pool => openApiPool(options, sessionSettings);

/**
 * The pool of the statement that accepts, which nothing else takes a connection of. It is planned once a connection, for that takes
 * longer than to execute it, and finds rows by index whatever the statistics of a table say that has grown since.
 */
export const createAcceptPool = (options: PoolOptions): Pool =>
  openApiPool(
    options,
    `${sessionSettings} -c enable_seqscan=off -c plan_cache_mode=force_generic_plan`,
  );

const openApiPool = ({ url, connections, logger }: PoolOptions, settings: string) =>
  openPool(
    {
      connectionString: url,
      max: connections,
      statement_timeout: 15_000,
      idle_in_transaction_session_timeout: 15_000,
      application_name: "tidings-api",
      options: settings,
    },
    logger,
  );
