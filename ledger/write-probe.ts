import { DatabaseError, type Pool } from "pg";
import { inTransaction } from "./transaction.ts";

/** Why a database that answers does not accept writes. */
export type WriteFault = "read_only" | "disk_full";

/** The texts of the faults. */
export const writeFaultText: Record<WriteFault, string> = {
  read_only: "The database is read-only.",
  disk_full: "The disk of the database is full.",
};

/** Sorts more rows than fit into its memory, so that PostgreSQL writes a temporary file, which needs disk space like tables and is then deleted. */
const probeSql = `
  SELECT current_setting('transaction_read_only') = 'on' AS "isReadOnly", (SELECT count(*) FROM generate_series(1, 10000))`;

/** The write fault that a statement's error shows; null for any other error. */
function writeFaultOf(error: unknown): WriteFault | null {
  const code = error instanceof DatabaseError ? error.code : undefined;
  return code === "53100" ? "disk_full" : code === "25006" ? "read_only" : null;
}

/**
 * Creates a function that checks whether the database accepts writes, without changing data. It resolves with null if it does, and rejects if the
 * database does not answer. Concurrent calls share one check.
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
      // Temporary files are forbidden or limited, so the check is not possible: the first write shows a fault.
      if (error instanceof DatabaseError && error.code === "53400") return null;
      const fault = writeFaultOf(error);
      if (fault === null) throw error;
      return fault;
    }
  };
  let underWay: Promise<WriteFault | null> | null = null;
  return () => (underWay ??= probe().finally(() => (underWay = null)));
}
