import { publicId } from "../domain/ids.ts";
import type { LedgerRow } from "./discrepancies.ts";

/** The method that a connection and a pool of `pg` share. */
export interface Queryable {
  query<Row extends object>(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
}

/** Reads the deliveries since an instant of the database's clock, for a comparison with the received messages. */
export async function readLedgerAccount(
  database: Queryable,
  since = new Date(0),
): Promise<LedgerRow[]> {
  const { rows } = await database.query<LedgerRow>(
    `SELECT d.id, d.status, r.email AS address,
       (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id AND a.outcome = 'unknown')::int AS unanswered
     FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
     WHERE d.created_at >= $1`,
    [since],
  );
  return rows.map((row) => ({ ...row, id: publicId("delivery", row.id) }));
}
