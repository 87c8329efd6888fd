import { pino } from "pino";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { findAnalyticsDifferences } from "../../ledger/analytics-differences.ts";
import { findCountDifferences } from "../../ledger/delivery-counts.ts";
import { executeOn } from "../../ledger/sql.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { createTestDatabase } from "./postgres.ts";
import { createSeeder } from "./seed.ts";

/** A migrated database of its own, with a pool as workers have it. */
export interface LedgerDatabase {
  readonly url: string;
  readonly pool: Pool;
  readonly seed: ReturnType<typeof createSeeder>;
  /** Counts the deliveries by status. */
  statuses(): Promise<Record<string, number>>;
  /** Removes recipients, templates, sources, deliveries and gates. */
  empty(): Promise<unknown>;
  drop(): Promise<void>;
}

export async function createLedgerDatabase(): Promise<LedgerDatabase> {
  const database = await createTestDatabase();
  const pool = createPool({ url: database.url, connections: 8, logger: pino({ level: "silent" }) });
  return {
    url: database.url,
    pool,
    seed: createSeeder(pool),
    async statuses() {
      const { rows } = await pool.query<{ status: string; count: number }>(
        "SELECT status, count(*)::int FROM deliveries GROUP BY status",
      );
      return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
    },
    empty: () =>
      pool.query(
        "TRUNCATE recipients, templates, template_versions, notifications, campaigns, open_deliveries, ended_deliveries, earlier_attempts, gates, delivery_counts, delivery_count_changes, engagements, engagement_count_changes, analytics_cells, analytics_weeks, recipient_engagements CASCADE",
      ),
    async drop() {
      await pool.end();
      await database.drop();
    },
  };
}

/**
 * Gives a test file a ledger database: it is created before the first test and dropped after the last one. Unless `keepRows`,
 * it is emptied before each test, with the tables in `truncate`. Its pool exists only while tests and hooks run.
 */
export function useLedgerDatabase({
  keepRows = false,
  truncate,
}: { keepRows?: boolean; truncate?: string } = {}): LedgerDatabase {
  let created: LedgerDatabase;
  beforeAll(async () => {
    created = await createLedgerDatabase();
  });
  beforeEach(async () => {
    if (!keepRows) await created.empty();
    if (truncate !== undefined) await created.pool.query(`TRUNCATE ${truncate}`);
  });
  // Whatever a test did to deliveries, their numbers equal the ledger.
  afterEach(async () => {
    expect(await findCountDifferences(executeOn(created.pool))).toEqual([]);
    expect(await findAnalyticsDifferences(executeOn(created.pool))).toEqual([]);
  });
  afterAll(() => created.drop());
  return {
    get url() {
      return created.url;
    },
    get pool() {
      return created.pool;
    },
    get seed() {
      return created.seed;
    },
    statuses: () => created.statuses(),
    empty: () => created.empty(),
    drop: () => created.drop(),
  };
}
