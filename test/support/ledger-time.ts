import { createLedgerClock, type LedgerClock } from "../../ledger/clock.ts";
import type { Pool } from "pg";

/** SQL that replaces the ledger's clock of a database with one that can be set. */
export const settableClock = `
CREATE TABLE clock_offset (value interval NOT NULL, stopped_at timestamptz);
INSERT INTO clock_offset VALUES ('0');
CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN (SELECT coalesce(stopped_at, clock_timestamp() + value) FROM clock_offset);
`;

/** Sets the ledger's clock, which then continues or stands still. */
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

/** Advances the ledger's clock to an instant, unless it is later already. */
export async function advanceLedgerTime(pool: Pick<Pool, "query">, instant: Date): Promise<void> {
  await pool.query(
    "UPDATE clock_offset SET value = $1::timestamptz - clock_timestamp() WHERE value < $1::timestamptz - clock_timestamp()",
    [instant],
  );
}

/** Number of functions that run at a set time, for each database. */
const underWay = new WeakMap<object, number>();

/** Runs `work` while the ledger's clock shows `instant` and continues, or stands still if `isStopped`. After the last such function the clock is right again. */
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

/** Creates the ledger's clock of a worker, which reads the database whenever a dispatch begins. */
export const createUncachedClock = (pool: Pick<Pool, "query">): LedgerClock =>
  createLedgerClock(pool, { staysFreshMs: 0 });
