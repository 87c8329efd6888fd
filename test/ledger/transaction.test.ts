import type { PoolClient } from "pg";
import { afterEach, expect, it, vi } from "vitest";
import { runUntilUndone } from "../../ledger/transaction.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase();

afterEach(() => vi.restoreAllMocks());

it("reports a statement that was refused only when its connection is ready for another one", async () => {
  const { pool } = database;
  const client = await pool.connect();
  vi.spyOn(pool as { connect(): Promise<PoolClient> }, "connect").mockResolvedValueOnce(client);
  let becomeReady = (): void => {};
  const isReady = new Promise<void>((resolve) => (becomeReady = resolve));
  const query = client.query.bind(client) as (sql: string) => Promise<unknown>;
  const executed: string[] = [];
  // PostgreSQL undoes a statement too fast to be seen at it: the answer to the next one is held back instead.
  const held = vi.spyOn(client, "query").mockImplementation((async (sql: string) => {
    executed.push(sql);
    if (executed.length > 1) await isReady;
    return query(sql);
  }) as never);
  const reported = vi.fn<() => void>();
  const run = runUntilUndone(pool, (own) => own.query("SELECT 1 / 0")).catch(reported);
  await expect.poll(() => executed).toHaveLength(2);
  await pool.query("SELECT");
  expect(reported).not.toHaveBeenCalled();
  becomeReady();
  await run;
  held.mockRestore();
  expect(reported).toHaveBeenCalledWith(expect.objectContaining({ code: "22012" }));
});
