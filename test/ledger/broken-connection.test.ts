import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { inTransaction } from "../../ledger/transaction.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";

let database: LedgerDatabase;
beforeAll(async () => {
  database = await createLedgerDatabase();
});
afterAll(() => database.drop());

it("a connection that breaks between two statements fails the transaction, and not the process", async () => {
  const { pool } = database;
  let pid = 0;
  const working = inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    pid = rows[0]!.pid;
    await pool.query("SELECT pg_terminate_backend($1)", [pid]);
    await vi.waitUntil(async () => {
      const { rows: left } = await pool.query("SELECT FROM pg_stat_activity WHERE pid = $1", [pid]);
      return left.length === 0;
    }, patience);
    // The end of the connection has been received by now: the answer to a later request was.
    await pool.query("SELECT 1");
    await client.query("SELECT 1");
  });
  await expect(working).rejects.toThrow(/connection|Connection/);
  // The broken connection is not used again.
  await expect(
    inTransaction(pool, async (client) => (await client.query("SELECT 1 AS one")).rows),
  ).resolves.toEqual([{ one: 1 }]);
});
