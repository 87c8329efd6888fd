import pg from "pg";
import type { TemporaryStack } from "../cli/demo/temporary-stack.ts";

/** What PostgreSQL was asked to do for each message: it depends on no clock, so that versions compare on a busy machine too. */
export interface DatabaseWork {
  statementsPerMessage: number;
  /** Read and written. */
  rowsPerMessage: number;
  walBytesPerMessage: number;
}

export interface DatabaseMeter {
  reset(): Promise<void>;
  /** Since the last reset. */
  read(messages: number): Promise<DatabaseWork>;
}

/** Has the stack's own PostgreSQL count its statements from now on, for which it is restarted. */
export async function meterDatabase(
  stack: Pick<TemporaryStack, "databaseUrl" | "restart">,
): Promise<DatabaseMeter> {
  const ask = async (sql: string) => {
    const client = new pg.Client({ connectionString: stack.databaseUrl });
    await client.connect();
    try {
      return await client.query<Record<string, string>>(sql);
    } finally {
      await client.end();
    }
  };
  await ask("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'");
  await stack.restart("postgres");
  await ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
  return {
    async reset() {
      await ask("SELECT pg_stat_statements_reset()");
    },
    async read(messages) {
      const { rows } = await ask(
        `SELECT sum(calls) AS calls, sum(rows) AS rows, sum(wal_bytes) AS wal FROM pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      const { calls, rows: touched, wal } = rows[0]!;
      return {
        statementsPerMessage: Number(calls) / messages,
        rowsPerMessage: Number(touched) / messages,
        walBytesPerMessage: Number(wal) / messages,
      };
    },
  };
}
