import type { Pool } from "pg";
import { openPool } from "../../ledger/transaction.ts";
import type { Logger } from "../../config/logger.ts";

interface PoolOptions {
  url: string;
  connections: number;
  logger: Logger;
}

/** How many of the connections of a process each use has, of which none takes another's. */
interface ConnectionShares {
  accept: number;
  lookup: number;
  public: number;
  lists: number;
  prisma: number;
}

/**
 * Shares out at least five connections: a quarter for accepting, which needs no more, for what comes in together is written together; an eighth
 * for what that looks up; a sixth for those without a key; the rest for all else, half of it through Prisma.
 */
export function shareConnections(connections: number): ConnectionShares {
  const part = (share: number) => Math.max(1, Math.floor(connections * share));
  const [accept, lookup, open] = [part(1 / 4), part(1 / 8), part(1 / 6)];
  const rest = connections - accept - lookup - open;
  const prisma = Math.max(1, Math.floor(rest / 2));
  return { accept, lookup, public: open, prisma, lists: rest - prisma };
}

const sessionSettings = "-c TimeZone=UTC -c jit=off";

/** The pool for what has to be fast, or is planned anew for each request: without what a client in between costs or does. */
export const createPool = (options: PoolOptions): Pool =>
  openApiPool(options, sessionSettings, 10_000);

/**
 * The pool of the statement that accepts, which nothing else takes a connection of. It is planned once a connection, for that takes
 * longer than to execute it, and finds rows by index whatever the statistics of a table say that has grown since.
 */
export const createAcceptPool = (options: PoolOptions): Pool =>
  openApiPool(
    options,
    `${sessionSettings} -c enable_seqscan=off -c plan_cache_mode=force_generic_plan`,
    15_000,
  );

/** The pool of what is looked up to let a request in and to accept: little, and by index, and nothing that waits. */
export const createLookupPool = (options: PoolOptions): Pool =>
  openApiPool(options, sessionSettings, 5_000);

/** The pool of routes that need no key. What they wait for is somebody's own message: they wait for it shortly. */
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
