import type { Pool } from "pg";
import { pino } from "pino";
import { expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import { createGrowthWatch } from "../../ledger/growth.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase({ keepRows: true });

/** Blocks of open deliveries that the statements of a connection touch. */
async function blocksTouched(pool: Pool, work: () => Promise<unknown>): Promise<number> {
  const read = async () => {
    // What a connection counts is written when it is idle next.
    await pool.query("SELECT pg_stat_force_next_flush()");
    await pool.query("SELECT pg_stat_clear_snapshot()");
    const { rows } = await pool.query<{ blocks: string }>(
      "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit AS blocks FROM pg_statio_user_tables WHERE relname = 'open_deliveries'",
    );
    return Number(rows[0]!.blocks);
  };
  const before = await read();
  await work();
  return (await read()) - before;
}

it("has rows looked up one by one though the table was empty when that was planned", async () => {
  const pool = createPool({ url: database.url, connections: 1, logger: pino({ level: "silent" }) });
  try {
    const ledger = createLedger(pool);
    const renewalOf = (id: string) => ({ rows: [{ id, token: id }], leaseMs: 1_000 });
    await database.pool.query("VACUUM ANALYZE open_deliveries");
    await ledger.renew(renewalOf(newUuid()));
    const recipientIds = await database.seed.recipients(3_000);
    const [id] = await database.seed.notification({ recipientIds, queue: "mailbox/0" });
    const renew = () => ledger.renew(renewalOf(id!));
    expect(await blocksTouched(pool, renew)).toBeGreaterThan(30);
    await createGrowthWatch(pool)();
    expect(await blocksTouched(pool, renew)).toBeLessThan(20);
  } finally {
    await pool.end();
  }
});
