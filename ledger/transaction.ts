import { Pool, type PoolClient, type PoolConfig } from "pg";
import type { Logger } from "../config/logger.ts";

/**
 * A pool that gives up on a connection after 5 s, and outlives connections that break. It keeps those that it has, for a new one has to
 * plan each statement anew, and what comes first after a rest would wait for that. `options` say what its statements are for.
 */
export function openPool(
  options: Omit<PoolConfig, "connectionTimeoutMillis" | "idleTimeoutMillis" | "keepAlive">,
  logger: Pick<Logger, "warn">,
): Pool {
  const pool = new Pool({
    ...options,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 0,
    keepAlive: true,
  });
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on("error", (error) => logger.warn({ error: error.message }, "a database connection broke"));
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
