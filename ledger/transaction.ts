import { DatabaseError, Pool, type PoolClient, type PoolConfig } from "pg";
import type { Logger } from "../config/logger.ts";

/**
 * Creates a pool that waits at most 5 s for a connection, and replaces broken connections. It keeps idle connections, because a new one has to
 * plan each statement again, which would delay the first requests after a pause. `options` are settings for the sessions.
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

/** Runs `work` over one connection. A connection that broke is replaced in the pool. */
async function onConnection<Result>(
  pool: Pool,
  work: (client: PoolClient, noteBroken: (error: Error) => void) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // A connection may break between two statements, for example while PostgreSQL restarts. Without a listener that would end the process;
  // the next statement fails instead.
  const noteBroken = (error: Error) => {
    broken = error;
  };
  client.on("error", noteBroken);
  try {
    return await work(client, noteBroken);
  } finally {
    client.off("error", noteBroken);
    client.release(broken);
  }
}

/** Runs `work` in a transaction: commits all its changes, or none if it throws. */
export const inTransaction = <Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> =>
  onConnection(pool, async (client, noteBroken) => {
    try {
      await client.query("BEGIN");
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch(noteBroken);
      throw error;
    }
  });

/**
 * Runs `work`, which executes one statement. If PostgreSQL refuses the statement, this rejects only when the statement has been undone:
 * PostgreSQL reports an error before it frees the locks of the statement, and who tries again over another connection would find them held.
 */
export const runUntilUndone = <Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> =>
  onConnection(pool, async (client, noteBroken) => {
    try {
      return await work(client);
    } catch (error) {
      // The next statement runs when the one before has ended altogether.
      if (error instanceof DatabaseError) await client.query("SELECT").catch(noteBroken);
      else noteBroken(error as Error);
      throw error;
    }
  });
