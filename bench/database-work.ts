import pg from "pg";
import type { TemporaryStack } from "../cli/demo/temporary-stack.ts";

/** The work of PostgreSQL per message. It does not depend on time, so that versions can be compared on a busy machine too. */
export interface DatabaseWork {
  statementsPerMessage: number;
  /** Rows inserted, updated and deleted, of all tables. */
  rowsWrittenPerMessage: number;
  /** The heap-only updates, which add no index entries. */
  hotUpdatesShare: number;
  /** Index entries added. */
  indexEntriesPerMessage: number;
  walBytesPerMessage: number;
}

export interface DatabaseMeter {
  reset(): Promise<void>;
  /** Reads the work since the last reset. */
  read(messages: number): Promise<DatabaseWork>;
  /** The number of statements since the last reset, of all clients. */
  countStatements(): Promise<number>;
}

/** The meter's own statements are left out. */
const statementsSql = `
  SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(wal_bytes), 0) AS wal FROM pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg_stat_statements%'`;

/**
 * Counts writes in the write-ahead log, which is exact at any instant, whereas the statistics of tables may be ten seconds late.
 */
const writesSql = `
  SELECT kind, count FROM pg_get_wal_stats($1::pg_lsn, pg_current_wal_flush_lsn(), true) AS s(kind, count)`;

const kinds = {
  written: /^Heap\/(INSERT|UPDATE|HOT_UPDATE|DELETE)|^Heap2\/MULTI_INSERT/,
  updated: /^Heap\/(HOT_)?UPDATE/,
  hot: /^Heap\/HOT_UPDATE/,
  indexed: /^Btree\/INSERT_(LEAF|POST)/,
};

/** Restarts the stack's PostgreSQL so that it counts statements. */
export async function meterDatabase(
  stack: Pick<TemporaryStack, "databaseUrl" | "restart">,
): Promise<DatabaseMeter> {
  const ask = async (sql: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString: stack.databaseUrl });
    await client.connect();
    try {
      return (await client.query<Record<string, string>>(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  await ask("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'");
  // A checkpoint removes old parts of the write-ahead log, but the whole run is read at its end.
  await ask("ALTER SYSTEM SET wal_keep_size = '64GB'");
  await stack.restart("postgres");
  await ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
  await ask("CREATE EXTENSION IF NOT EXISTS pg_walinspect");

  let since = "";
  const statements = async () => (await ask(statementsSql))[0]!;
  return {
    async reset() {
      await ask("SELECT pg_stat_statements_reset()");
      since = (await ask("SELECT pg_current_wal_flush_lsn() AS lsn"))[0]!["lsn"]!;
    },
    async read(messages) {
      const { calls, wal } = await statements();
      const writes = await ask(writesSql, [since]);
      const count = (of: RegExp) =>
        writes.reduce((sum, { kind, count: n }) => sum + (of.test(kind!) ? Number(n) : 0), 0);
      return {
        statementsPerMessage: Number(calls) / messages,
        rowsWrittenPerMessage: count(kinds.written) / messages,
        hotUpdatesShare: count(kinds.hot) / Math.max(1, count(kinds.updated)),
        indexEntriesPerMessage: count(kinds.indexed) / messages,
        walBytesPerMessage: Number(wal) / messages,
      };
    },
    countStatements: async () => Number((await statements())["calls"]),
  };
}
