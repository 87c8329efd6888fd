import { type RecipientFilter, recipientFilter } from "../domain/audience.ts";
import { defineStatement, type Execute } from "./sql.ts";

const segmentsWith = (lock: "" | "FOR KEY SHARE") =>
  defineStatement<{ keys: readonly string[] }, { key: string; filter: unknown }>(
    `SELECT key, filter FROM segments WHERE key = ANY(:keys::text[]) ORDER BY key ${lock}`,
  );

const segments = segmentsWith("");
const lockedSegments = segmentsWith("FOR KEY SHARE");

/** The filters of segments as they are now, by key; keys that no segment has are missing. */
export const readSegmentFilters = (execute: Execute, keys: readonly string[]) =>
  readWith(segments, execute, keys);

/** As `readSegmentFilters`; until the transaction ends none of the segments can be deleted. */
export const lockSegmentFilters = (execute: Execute, keys: readonly string[]) =>
  readWith(lockedSegments, execute, keys);

async function readWith(
  statement: typeof segments,
  execute: Execute,
  keys: readonly string[],
): Promise<ReadonlyMap<string, RecipientFilter>> {
  if (keys.length === 0) return new Map();
  const rows = await execute(statement, { keys });
  return new Map(rows.map(({ key, filter }) => [key, recipientFilter.parse(filter)]));
}
