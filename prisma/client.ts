import { createHash } from "node:crypto";
import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { PrismaClient } from "./generated/client.ts";

/** The number of statements that are prepared. Further statements are planned each time, so that the memory of a connection is bounded. */
const preparedStatementLimit = 500;

/**
 * Creates a client over a pool of at most `connections`, which connects when first used. A connection fails after `connectionWaitMs`, a
 * statement after `statementMs`, and a transaction after 15 s; the server ends a transaction that is idle for 15 s. Sessions use UTC, which
 * the adapter assumes when it reads timestamps. Statements are prepared, so a connection pooler must support that. The caller ends the
 * client with `$disconnect()`. `watch` receives the pool, to count its connections.
 */
export function createPrisma({
  url,
  connections,
  connectionWaitMs = 5_000,
  statementMs = 60_000,
  watch,
}: {
  url: string;
  connections: number;
  connectionWaitMs?: number;
  statementMs?: number;
  watch?: (pool: Pick<Pool, "totalCount" | "idleCount" | "waitingCount">) => void;
}): PrismaClient {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    application_name: "tidings",
    connectionTimeoutMillis: connectionWaitMs,
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: 15_000,
    keepAlive: true,
    options: "-c TimeZone=UTC",
  });
  watch?.(pool);
  const adapter = new PrismaPg(pool, {
    disposeExternalPool: true,
    statementNameGenerator: statementNames(),
  });
  return new PrismaClient({
    adapter,
    transactionOptions: { maxWait: connectionWaitMs, timeout: 15_000 },
  });
}

/** Creates names of prepared statements, one for each text. Once the limit is reached, the name is empty: the statement is not prepared. */
function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= preparedStatementLimit) return "";
    const name = createHash("sha256").update(sql).digest("base64url").slice(0, 24);
    names.set(sql, name);
    return name;
  };
}
