import type { Pool } from "pg";
import { SealedValueError } from "../domain/sealer.ts";
import { type SealedColumn, sealedColumns } from "../domain/sealing/columns.ts";
import { sealedHeader } from "../domain/sealing/sealed-value.ts";
import { countSealed } from "../prisma/data-keys.ts";
import type { KeptSealer } from "./sealer.ts";

/** Where sealing again continues. */
export interface ResealCursor {
  /** The position in `sealedColumns`. */
  column: number;
  /** The last row that was looked at; null to begin at the first one. */
  after: string | null;
}

export interface ResealedPage {
  resealed: number;
  /** The number of values that could not be opened, and were left as they are. */
  unopened: number;
  /** Null where all columns were read. */
  next: ResealCursor | null;
}

/** The number of rows that one statement reads. */
export const resealRows = 500;

/**
 * Retired keys are looked for in all columns until nothing names them. Other processes may seal with a key for a minute after it was retired, and
 * need some time to write what they have sealed.
 */
const overlap = "1 hour";

/** Creates functions that seal values again that are sealed with a retired data key. */
export function createResealing({
  pool,
  sealer,
  columns = sealedColumns,
}: {
  pool: Pick<Pool, "query">;
  sealer: Pick<KeptSealer, "open" | "seal">;
  columns?: readonly SealedColumn[];
}) {
  /** Seals a value again. Returns null if it cannot be opened. */
  async function resealOne(
    { table, column }: SealedColumn,
    { row, value }: { row: string; value: Buffer },
  ): Promise<Uint8Array | null> {
    const place = { table, column, row };
    let opened: Uint8Array;
    try {
      opened = await sealer.open(value, place);
    } catch (error) {
      if (error instanceof SealedValueError) return null;
      throw error;
    }
    return sealer.seal(opened, place);
  }

  return {
    /** Whether a retired data key may still be named by a value. */
    async isNeeded(): Promise<boolean> {
      const { rowCount } = await pool.query(
        "SELECT FROM data_keys WHERE retired_at IS NOT NULL AND resealed_at IS NULL LIMIT 1",
      );
      return rowCount === 1;
    },

    /** Reads a page of rows, and seals again what is not sealed with the data key `activeKey`. A value that changes meanwhile is left as it is. */
    async resealPage(
      { column: position, after }: ResealCursor,
      activeKey: number,
    ): Promise<ResealedPage> {
      const column = columns[position];
      if (!column) return { resealed: 0, unopened: 0, next: null };
      const { table, idColumn, idType, column: name } = column;
      const { rows } = await pool.query<{ row: string; value: Buffer | null }>(
        `SELECT ${idColumn}::text AS row, CASE WHEN substring(${name} FROM 1 FOR 5) <> $1 THEN ${name} END AS value
         FROM ${table} ${after === null ? "" : `WHERE ${idColumn} > $3::${idType}`} ORDER BY ${table}.${idColumn} LIMIT $2::int`,
        [sealedHeader(activeKey), resealRows, ...(after === null ? [] : [after])],
      );
      const changed: { row: string; before: Buffer; sealed: Uint8Array }[] = [];
      let unopened = 0;
      for (const { row, value } of rows) {
        if (value === null) continue;
        const sealed = await resealOne(column, { row, value });
        if (sealed) changed.push({ row, before: value, sealed });
        else unopened += 1;
      }
      const { rowCount } = await pool.query(
        `UPDATE ${table} t SET ${name} = n.sealed FROM unnest($1::${idType}[], $2::bytea[], $3::bytea[]) AS n (id, before, sealed)
         WHERE t.${idColumn} = n.id AND t.${name} = n.before`,
        [
          changed.map(({ row }) => row),
          changed.map(({ before }) => before),
          changed.map(({ sealed }) => sealed),
        ],
      );
      const last = rows.length < resealRows ? null : rows.at(-1)!.row;
      const isLastColumn = position + 1 >= columns.length;
      return {
        resealed: rowCount ?? 0,
        unopened,
        next:
          last !== null
            ? { column: position, after: last }
            : isLastColumn
              ? null
              : { column: position + 1, after: null },
      };
    },

    /** Marks the retired keys that no value names any more. They are kept, and not looked for again. */
    async finish(): Promise<void> {
      const counts = await countSealed(pool, columns);
      await pool.query(
        `UPDATE data_keys SET resealed_at = ledger_now()
         WHERE retired_at < ledger_now() - $2::interval AND resealed_at IS NULL AND NOT id = ANY ($1::int[])`,
        [[...counts.keys()], overlap],
      );
    },
  };
}
