import type { PoolClient } from "pg";
import { newUuid } from "../../domain/ids.ts";
import type { NewSuppression } from "../../domain/suppression.ts";
import type { PrismaClient, Suppression } from "../../prisma/generated/client.ts";

interface Adding {
  /** The caller. */
  createdBy: string;
  now: Date;
}

export type StoredSuppression = Suppression & {
  /** False if it was there already: then it is as it was. */
  created: boolean;
};

/** Adds an address, or finds the suppression that it has. */
export async function addSuppression(
  client: Pick<PrismaClient, "$queryRawUnsafe">,
  suppression: NewSuppression,
  adding: Adding,
): Promise<StoredSuppression> {
  const [stored] = await client.$queryRawUnsafe<StoredSuppression[]>(
    // Writes a value over itself, for only a row that was written is answered. One that was created has never been locked.
    `${insertSql} DO UPDATE SET address = s.address
     RETURNING id, channel, address, reason, note, created_by AS "createdBy", created_at AS "createdAt", s.xmax = 0 AS created`,
    ...values([suppression], adding),
  );
  return stored!;
}

/**
 * Adds addresses in one statement; one that is there, or comes twice, stays as it came first. Rows are locked in the order
 * of their addresses, so that two callers never wait for each other. Resolves with how many were added.
 */
export async function importSuppressions(
  client: Pick<PoolClient, "query">,
  suppressions: readonly NewSuppression[],
  adding: Adding,
): Promise<number> {
  const first = new Map<string, NewSuppression>();
  for (const suppression of suppressions) {
    const key = `${suppression.channel} ${suppression.address}`;
    if (!first.has(key)) first.set(key, suppression);
  }
  const { rowCount } = await client.query(
    `${insertSql} DO NOTHING`,
    values([...first.values()], adding),
  );
  return rowCount ?? 0;
}

const values = (suppressions: readonly NewSuppression[], { createdBy, now }: Adding) => [
  JSON.stringify(suppressions.map((suppression) => ({ id: newUuid(now), ...suppression }))),
  createdBy,
  now,
];

const insertSql = `
  INSERT INTO suppressions AS s (id, channel, address, reason, note, created_by, created_at)
  SELECT n.id, n.channel, n.address, n.reason, n.note, $2::text, $3::timestamptz
  FROM jsonb_to_recordset($1::text::jsonb) AS n(id uuid, channel channel, address text, reason suppression_reason, note text)
  ORDER BY n.channel, n.address
  ON CONFLICT (channel, address)`;
