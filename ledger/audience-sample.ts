import type { Pool } from "pg";
import type { Audience, RecipientFilter } from "../domain/audience.ts";
import type { Prisma } from "../prisma/generated/client.ts";
import { audienceWhere } from "./audience-sql.ts";

/** Recipients of an audience. */
export interface AudienceSample {
  /** The number of recipients in the audience. */
  size: number;
  /** The UUIDs of all of them, or of a random sample, in random order. */
  ids: string[];
}

/**
 * Counts an audience as it is now, and draws a random sample of at most `limit` of its recipients. Reads the whole audience.
 * @param segments the filters of the segments that the audience names
 */
export async function sampleAudience(
  pool: Pick<Pool, "query">,
  audience: Audience,
  segments: ReadonlyMap<string, RecipientFilter>,
  limit: number,
): Promise<AudienceSample> {
  const where = audienceWhere(audience, segments, "r", 2);
  const { rows } = await pool.query<AudienceSample>(
    `WITH members AS MATERIALIZED (SELECT r.id FROM recipients r WHERE ${where.sql})
     SELECT (SELECT count(*)::int FROM members) AS size, ARRAY(SELECT id FROM members ORDER BY random() LIMIT $1::int) AS ids`,
    [limit, ...where.values],
  );
  return rows[0]!;
}

/** Counts an audience as it is now, but no further than `limit`, in a transaction of Prisma. */
export async function countAudienceUpTo(
  tx: Pick<Prisma.TransactionClient, "$queryRawUnsafe">,
  audience: Audience,
  segments: ReadonlyMap<string, RecipientFilter>,
  limit: number,
): Promise<number> {
  const where = audienceWhere(audience, segments, "r", 2);
  const [row] = await tx.$queryRawUnsafe<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM (SELECT FROM recipients r WHERE ${where.sql} LIMIT $1::int) AS members`,
    limit,
    ...where.values,
  );
  return row!.count;
}
