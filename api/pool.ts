import { Pool, type PoolClient } from "pg";
import type { Logger } from "../config/logger.ts";

/** The pool for what has to be fast, or is planned anew for each request: without what a client in between costs or does. */
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

/** Commits what `work` does over the client, or nothing. */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch((rollbackError: Error) => (broken = rollbackError));
    throw error;
  } finally {
    client.release(broken);
  }
}
