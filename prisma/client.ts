import { createHash } from "node:crypto";
import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { PrismaClient } from "./generated/client.ts";

/** Statements that a connection keeps prepared; those after are planned anew each time, so that memory stays bounded. */
const preparedStatementLimit = 500;

/**
 * A client over a pool of at most `connections`, which connects when first used. It gives up on a connection, and on a free
 * one for a transaction, after `connectionWaitMs`, on a statement after `statementMs`, on a transaction after 15 s; the server ends one
 * that its owner left idle for 15 s. Sessions run in UTC,
 * as the adapter takes for granted when it reads a timestamp. Statements are prepared: a pooler between must support that.
 * The caller ends it with `$disconnect()`. `watch` is told of the pool, to count its connections.
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

/** Names by content, so that a name never stands for two texts; none (an empty one) once the limit is reached. */
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
