import { Pool } from "pg";
import type { Logger } from "../config/logger.ts";

/** The pool for accepting notifications: one prepared statement a request, without what a client in between costs. */
export function createPool(options: { url: string; connections: number; logger: Logger }): Pool {
  const pool = new Pool({
    connectionString: options.url,
    max: options.connections,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 15_000,
    keepAlive: true,
    application_name: "tidings-api",
    options: "-c TimeZone=UTC -c jit=off",
  });
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on("error", (error) =>
    options.logger.warn({ error: error.message }, "a database connection broke"),
  );
  return pool;
}
