import { createSecretKey, randomBytes } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { canaryPlace, canaryText } from "../domain/sealing/columns.ts";
import {
  keyBytes,
  type MasterKey,
  unwrapDataKey,
  wrapDataKey,
  type WrappedKey,
} from "../domain/sealing/master-keys.ts";
import { sealValue } from "../domain/sealing/sealed-value.ts";
import { defineStatement, type Execute } from "./sql.ts";

type Queries = Pick<Pool | PoolClient, "query">;

/** Makes a random data key, wrapped by a master key, and the canary that it has sealed. */
function makeDataKey(id: number, master: MasterKey) {
  const key = createSecretKey(randomBytes(keyBytes));
  return {
    ...wrapDataKey(key, id, master),
    canary: sealValue({ id, key }, canaryText, canaryPlace),
  };
}

/** Adds the first data key and the canary, if there are none. Of concurrent calls only one adds them. */
export async function addFirstDataKey(client: Queries, master: MasterKey): Promise<void> {
  const { id, wrapped, wrappedBy, canary } = makeDataKey(1, master);
  await client.query(
    `WITH added AS (
       INSERT INTO data_keys (id, wrapped, wrapped_by, created_at)
       SELECT $1::int, $2::bytea, $3::text, ledger_now() WHERE NOT EXISTS (SELECT FROM data_keys) AND NOT EXISTS (SELECT FROM sealing_canary)
       ON CONFLICT DO NOTHING RETURNING id
     )
     INSERT INTO sealing_canary (id, value) SELECT 1, $4::bytea FROM added`,
    [id, wrapped, wrappedBy, canary],
  );
}

/** The result of a rotation. */
export interface Rotation {
  /** The id of the data key that seals from now on. */
  dataKey: number;
  /** The id of the data key that it replaces. */
  retired: number;
}

const rotateStatement = defineStatement<
  { id: number; wrapped: Uint8Array; wrappedBy: string; canary: Uint8Array; current: number },
  { id: number }
>(`
  WITH retired AS (UPDATE data_keys SET retired_at = ledger_now() WHERE id = :current::int AND retired_at IS NULL RETURNING id),
  added AS (
    INSERT INTO data_keys (id, wrapped, wrapped_by, created_at)
    SELECT :id::int, :wrapped::bytea, :wrappedBy::text, ledger_now() FROM retired RETURNING id
  )
  UPDATE sealing_canary c SET value = :canary::bytea FROM added WHERE c.id = 1 RETURNING c.id`);

/**
 * Adds a data key that seals from now on, and retires `current`. Returns null, and changes nothing, if another rotation has retired it already.
 * Other processes follow within a minute, or as soon as they meet a value that is sealed with the new key.
 */
export async function rotateDataKey(
  execute: Execute,
  current: number,
  master: MasterKey,
): Promise<Rotation | null> {
  const made = makeDataKey(current + 1, master);
  const rows = await execute(rotateStatement, { ...made, current });
  return rows.length === 1 ? { dataKey: made.id, retired: current } : null;
}

/**
 * Wraps data keys with the first master key that another one has wrapped; values do not change. Keys that cannot be unwrapped are left as they
 * are. Returns the number of keys that were wrapped again.
 */
export async function rewrapDataKeys(
  client: Queries,
  masterKeys: readonly MasterKey[],
): Promise<number> {
  const [first] = masterKeys;
  if (!first) return 0;
  const { rows } = await client.query<WrappedKey>(
    `SELECT id, wrapped, wrapped_by AS "wrappedBy" FROM data_keys WHERE wrapped_by <> $1 ORDER BY id`,
    [first.id],
  );
  let rewrapped = 0;
  for (const row of rows) {
    const master = masterKeys.find(({ id }) => id === row.wrappedBy);
    const key = master && unwrapDataKey(row, master);
    if (!key) continue;
    const { wrapped, wrappedBy } = wrapDataKey(key, row.id, first);
    const { rowCount } = await client.query(
      "UPDATE data_keys SET wrapped = $2, wrapped_by = $3 WHERE id = $1 AND wrapped = $4",
      [row.id, wrapped, wrappedBy, row.wrapped],
    );
    rewrapped += rowCount ?? 0;
  }
  return rewrapped;
}
