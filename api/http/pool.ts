import type { Pool } from "pg";
import { openPool } from "../../ledger/transaction.ts";
import type { Logger } from "../../config/logger.ts";

interface PoolOptions {
  url: string;
  connections: number;
  logger: Logger;
}

/** The number of connections of each pool of a process. No pool takes connections of another. */
interface ConnectionShares {
  accept: number;
  lookup: number;
  public: number;
  lists: number;
  prisma: number;
}

/**
 * Divides at least five connections between the pools. A quarter is for accepting, which needs no more because notifications that come
 * in together are written together; an eighth for look-ups; a sixth for callers without a key; the rest for everything else, half of
 * that through Prisma.
 */
export function shareConnections(connections: number): ConnectionShares {
  const part = (share: number) => Math.max(1, Math.floor(connections * share));
  const [accept, lookup, open] = [part(1 / 4), part(1 / 8), part(1 / 6)];
  const rest = connections - accept - lookup - open;
  const prisma = Math.max(1, Math.floor(rest / 2));
  return { accept, lookup, public: open, prisma, lists: rest - prisma };
}

const sessionSettings = "-c TimeZone=UTC -c jit=off";

/** Creates the pool for statements that must be fast, or must be planned for each request: without the overhead of Prisma. */
export const createPool = (options: PoolOptions): Pool =>
  openApiPool(options, sessionSettings, 10_000);

/**
 * Creates the pool of the statement that accepts notifications; nothing else uses it. Each connection plans the statement once, because
 * planning takes longer than executing. The plan uses indexes, even if the statistics still describe a table as small.
 */
export const createAcceptPool = (options: PoolOptions): Pool =>
  openApiPool(
    options,
    `${sessionSettings} -c enable_seqscan=off -c plan_cache_mode=force_generic_plan`,
    15_000,
  );

/** Creates the pool of look-ups for authentication and for accepting. They are short, use an index, and never wait for a lock. */
export const createLookupPool = (options: PoolOptions): Pool =>
  openApiPool(options, sessionSettings, 5_000);

/** Creates the pool of routes that need no key. They may wait briefly for the lock of the delivery that the link belongs to. */
export const createPublicPool = (options: PoolOptions): Pool =>
  openApiPool(options, `${sessionSettings} -c lock_timeout=2s`, 5_000);

const openApiPool = (
  { url, connections, logger }: PoolOptions,
  settings: string,
  statementMs: number,
) =>
  openPool(
    {
      connectionString: url,
      max: connections,
      statement_timeout: statementMs,
      idle_in_transaction_session_timeout: 15_000,
      application_name: "tidings-api",
      options: settings,
    },
    logger,
  );
