import pg from "pg";
import type { TemporaryStack } from "../cli/demo/temporary-stack.ts";

/** What PostgreSQL was asked to do for each message: it depends on no clock, so that versions compare on a busy machine too. */
export interface DatabaseWork {
  statementsPerMessage: number;
  /** Rows inserted, updated and deleted, of all tables. */
  rowsWrittenPerMessage: number;
  /** Of the updates, those that were heap-only, and so entered no index anew. */
  hotUpdatesShare: number;
  /** Entries put into indexes. */
  indexEntriesPerMessage: number;
  walBytesPerMessage: number;
}

export interface DatabaseMeter {
  reset(): Promise<void>;
  /** Since the last reset. */
  read(messages: number): Promise<DatabaseWork>;
  /** How many statements were executed since the last reset, whoever asked for them. */
  countStatements(): Promise<number>;
}

/** What this meter itself asks is left out. */
const statementsSql = `
  SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(wal_bytes), 0) AS wal FROM pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg_stat_statements%'`;

/**
 * Reads what was written from the write-ahead log: it is exact at any instant, whereas the tables' statistics come up to ten
 * seconds late.
 */
const writesSql = `
  SELECT kind, count FROM pg_get_wal_stats($1::pg_lsn, pg_current_wal_flush_lsn(), true) AS s(kind, count)`;

const kinds = {
  written: /^Heap\/(INSERT|UPDATE|HOT_UPDATE|DELETE)|^Heap2\/MULTI_INSERT/,
  updated: /^Heap\/(HOT_)?UPDATE/,
  hot: /^Heap\/HOT_UPDATE/,
  indexed: /^Btree\/INSERT_(LEAF|POST)/,
};

/** Has the stack's own PostgreSQL count its statements from now on, for which it is restarted. */
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
  // A checkpoint removes what is no longer needed for recovery, and the whole run is read at its end.
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
