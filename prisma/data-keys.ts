import type { ClientBase, Pool } from "pg";
import type { SealedColumn } from "../domain/sealing/columns.ts";
import { sealedColumns } from "../domain/sealing/columns.ts";
import type { StoredKeys, ValueCounts } from "../domain/sealing/key-set.ts";
import { sealedVersion } from "../domain/sealing/sealed-value.ts";

type Queries = Pick<Pool | ClientBase, "query">;

interface Row {
  id: number | null;
  wrapped: Buffer;
  wrappedBy: string;
  retired: boolean;
  canary: Buffer | null;
}

/** Reads all data keys and the canary, in one snapshot. */
export async function readDataKeys(client: Queries): Promise<StoredKeys> {
  const { rows } = await client.query<Row>(
    `SELECT k.id, k.wrapped, k.wrapped_by AS "wrappedBy", k.retired_at IS NOT NULL AS retired, c.value AS canary
     FROM (SELECT (SELECT value FROM sealing_canary WHERE id = 1)) AS c (value) LEFT JOIN data_keys k ON true ORDER BY k.id`,
  );
  const keys = rows.flatMap(({ id, wrapped, wrappedBy, retired }) =>
    id === null ? [] : [{ id, wrapped, wrappedBy, retired }],
  );
  return { rows: keys, canary: rows[0]!.canary };
}

/** Counts the sealed values by the data key that they name. It reads every sealed value. */
export async function countSealed(
  client: Queries,
  columns: readonly SealedColumn[] = sealedColumns,
): Promise<ValueCounts> {
  const counts = new Map<number, number>();
  for (const { table, column } of columns) {
    const { rows } = await client.query<{ key: Buffer; count: number }>(
      `SELECT substring(${column} FROM 2 FOR 4) AS key, count(*)::float8 AS count FROM ${table}
       WHERE substring(${column} FOR 1) = $1 AND length(${column}) > 4 GROUP BY 1`,
      [Buffer.of(sealedVersion)],
    );
    for (const { key, count } of rows) {
      const id = key.readUInt32BE(0);
      counts.set(id, (counts.get(id) ?? 0) + count);
    }
  }
  return counts;
}
