import { createLedgerClock, type LedgerClock } from "../../ledger/clock.ts";
import type { Pool } from "pg";

/** Puts a clock that can be set in the place of the ledger's, in a database of one's own. */
export const settableClock = `
CREATE TABLE clock_offset (value interval NOT NULL, stopped_at timestamptz);
INSERT INTO clock_offset VALUES ('0');
CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN (SELECT coalesce(stopped_at, clock_timestamp() + value) FROM clock_offset);
`;

/** Sets the ledger's clock, which goes on from there, or stands still. */
async function setLedgerTime(
  pool: Pick<Pool, "query">,
  instant: Date,
  isStopped: boolean,
): Promise<void> {
  await pool.query(
    "UPDATE clock_offset SET value = $1::timestamptz - clock_timestamp(), stopped_at = CASE WHEN $2 THEN $1::timestamptz END",
    [instant, isStopped],
  );
}

/** Has the ledger's clock show an instant at least. */
export async function advanceLedgerTime(pool: Pick<Pool, "query">, instant: Date): Promise<void> {
  await pool.query(
    "UPDATE clock_offset SET value = $1::timestamptz - clock_timestamp() WHERE value < $1::timestamptz - clock_timestamp()",
    [instant],
  );
}

/** How much is being done at a time that was set, in each database. */
const underWay = new WeakMap<object, number>();

/** Does `work` while the ledger's clock shows an instant, from which it goes on, or does not; once nothing is done at such a time, the clock is right again. */
export async function atLedgerTime<Result>(
  pool: Pick<Pool, "query">,
  instant: Date | undefined,
  work: () => Promise<Result>,
  { isStopped = false }: { isStopped?: boolean } = {},
): Promise<Result> {
  if (instant === undefined) return work();
  underWay.set(pool, (underWay.get(pool) ?? 0) + 1);
  try {
    await setLedgerTime(pool, instant, isStopped);
    return await work();
  } finally {
    const left = underWay.get(pool)! - 1;
    underWay.set(pool, left);
    if (left === 0) await pool.query("UPDATE clock_offset SET value = '0', stopped_at = NULL");
  }
}

/** The ledger's clock as a worker sees it, which asks each time that a dispatch begins. */
export const createUncachedClock = (pool: Pick<Pool, "query">): LedgerClock =>
  createLedgerClock(pool, { staysFreshMs: 0 });
