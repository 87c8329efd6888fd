import { pino } from "pino";
import { createPool } from "../../ledger/worker-pool.ts";
import { createTestDatabase } from "./postgres.ts";
import { seeding } from "./seed.ts";

export type LedgerDatabase = Awaited<ReturnType<typeof createLedgerDatabase>>;

/** A database of one's own, as a worker reaches it, with rows to be had and counted. */
export async function createLedgerDatabase() {
  const database = await createTestDatabase();
  const pool = createPool({ url: database.url, connections: 8, logger: pino({ level: "silent" }) });
  return {
    url: database.url,
    pool,
    seed: seeding(pool),
    /** How many deliveries have each status. */
    async statuses(): Promise<Record<string, number>> {
      const { rows } = await pool.query<{ status: string; count: number }>(
        "SELECT status, count(*)::int FROM deliveries GROUP BY status",
      );
      return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
    },
    empty: () =>
      pool.query(
        "TRUNCATE recipients, templates, template_versions, notifications, campaigns, open_deliveries, ended_deliveries, earlier_attempts, gates CASCADE",
      ),
    async drop() {
      await pool.end();
      await database.drop();
    },
  };
}
