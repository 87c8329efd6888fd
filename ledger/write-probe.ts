import { DatabaseError, type Pool } from "pg";
import { inTransaction } from "./transaction.ts";

/** Why a database that answers takes no writes. */
export type WriteFault = "read_only" | "disk_full";

/** In words. */
export const writeFaultText: Record<WriteFault, string> = {
  read_only: "The database is read-only.",
  disk_full: "The disk of the database is full.",
};

/** More rows than fit into the memory that it is given, so that they go to a file beside the tables: it needs room as they do, and leaves nothing. */
const probeSql = `
  SELECT current_setting('transaction_read_only') = 'on' AS "isReadOnly", (SELECT count(*) FROM generate_series(1, 10000))`;

/** What kept a statement from writing; null where it was something else. */
function writeFaultOf(error: unknown): WriteFault | null {
  const code = error instanceof DatabaseError ? error.code : undefined;
  return code === "53100" ? "disk_full" : code === "25006" ? "read_only" : null;
}

/**
 * Whether the database takes writes, found out without one: resolves with null if it does; rejects if it does not answer. Those who ask
 * at the same time share the answer.
 */
export function createWriteProbe(pool: Pool): () => Promise<WriteFault | null> {
  const probe = async (): Promise<WriteFault | null> => {
    try {
      const { rows } = await inTransaction(pool, async (client) => {
        await client.query("SET LOCAL work_mem = '64kB'");
        return client.query<{ isReadOnly: boolean }>(probeSql);
      });
      return rows[0]!.isReadOnly ? "read_only" : null;
    } catch (error) {
      // It may write no files: then nobody knows, and the first statement that writes will say.
      if (error instanceof DatabaseError && error.code === "53400") return null;
      const fault = writeFaultOf(error);
      if (fault === null) throw error;
      return fault;
    }
  };
  let underWay: Promise<WriteFault | null> | null = null;
  return () => (underWay ??= probe().finally(() => (underWay = null)));
}
