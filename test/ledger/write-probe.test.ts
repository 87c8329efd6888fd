import type { Pool } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createWriteProbe } from "../../ledger/write-probe.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

let database: LedgerDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
afterAll(() => database.drop());

const writtenBytes = async () => {
  const { rows } = await pool.query<{ bytes: number }>(
    "SELECT pg_stat_force_next_flush(), temp_bytes::float8 AS bytes FROM pg_stat_database WHERE datname = current_database()",
  );
  return rows[0]!.bytes;
};

it("finds out whether there is room by a file of its own, which needs some", async () => {
  const before = await writtenBytes();
  expect(await createWriteProbe(pool)()).toBeNull();
  await expect.poll(writtenBytes).toBeGreaterThan(before + 50_000);
});

it("is shared by those who ask at the same time", async () => {
  const probe = createWriteProbe(pool);
  expect(probe()).toBe(probe());
  await probe();
});
