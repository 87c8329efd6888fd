import type { PoolClient } from "pg";
import { newUuid } from "../../domain/ids.ts";
import type { NewSuppression } from "../../domain/suppression.ts";
import { givesWay } from "../../ledger/suppressions.ts";
import type { PrismaClient, Suppression } from "../../prisma/generated/client.ts";

interface Adding {
  /** The caller. */
  createdBy: string;
  now: Date;
}

export type StoredSuppression = Suppression & {
  /** False if the suppression existed before. It is unchanged then. */
  created: boolean;
};

/** Suppresses an address permanently, or returns its existing suppression. An existing one that gives way (`givesWay`) is replaced. */
export async function addSuppression(
  client: Pick<PrismaClient, "$queryRawUnsafe">,
  suppression: NewSuppression,
  { createdBy, now }: Adding,
): Promise<StoredSuppression> {
  const id = newUuid(now);
  const [stored] = await client.$queryRawUnsafe<Suppression[]>(
    // An existing row that stays is overwritten with its own values, because RETURNING covers only rows that were written.
    `${insertSql} DO UPDATE SET ${columns.map((column) => `${column} = CASE WHEN ${givesWay} THEN excluded.${column} ELSE s.${column} END`).join(", ")}
     RETURNING id, channel, address, reason, note, created_by AS "createdBy", created_at AS "createdAt", expires_at AS "expiresAt"`,
    JSON.stringify([{ id, ...suppression }]),
    createdBy,
    now,
  );
  return { ...stored!, created: stored!.id === id };
}

/**
 * Suppresses addresses with one statement. An existing suppression that does not give way (`givesWay`) stays as it is, and of an address
 * that occurs twice the first counts. Rows are locked in the order of their addresses, so that two callers cannot deadlock. Resolves
 * with the number of addresses that were added.
 */
export async function importSuppressions(
  client: Pick<PoolClient, "query">,
  suppressions: readonly NewSuppression[],
  { createdBy, now }: Adding,
): Promise<number> {
  const first = new Map<string, NewSuppression>();
  for (const suppression of suppressions) {
    const key = `${suppression.channel} ${suppression.address}`;
    if (!first.has(key)) first.set(key, suppression);
  }
  const rows = [...first.values()].map((suppression) => ({ id: newUuid(now), ...suppression }));
  const { rowCount } = await client.query(
    `${insertSql} DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")} WHERE ${givesWay}`,
    [JSON.stringify(rows), createdBy, now],
  );
  return rowCount ?? 0;
}

/** The columns that are overwritten when a suppression is replaced. */
const columns = ["id", "reason", "note", "created_by", "created_at", "expires_at"];

const insertSql = `
  INSERT INTO suppressions AS s (id, channel, address, reason, note, created_by, created_at)
  SELECT n.id, n.channel, n.address, n.reason, n.note, $2::text, $3::timestamptz
  FROM jsonb_to_recordset($1::text::jsonb) AS n(id uuid, channel channel, address text, reason suppression_reason, note text)
  ORDER BY n.channel, n.address
  ON CONFLICT (channel, address)`;
