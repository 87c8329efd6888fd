import type { Pool } from "pg";
import { beforeAll, expect, it } from "vitest";
import { createWriteProbe } from "../../ledger/write-probe.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase({ keepRows: true });
let pool: Pool;
beforeAll(() => void ({ pool } = database));

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
