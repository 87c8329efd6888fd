import { type RecipientFilter, recipientFilter } from "../domain/audience.ts";
import { defineStatement, type Execute } from "./sql.ts";

const segmentsWith = (lock: "" | "FOR KEY SHARE") =>
  defineStatement<{ keys: readonly string[] }, { key: string; filter: unknown }>(
    `SELECT key, filter FROM segments WHERE key = ANY(:keys::text[]) ORDER BY key ${lock}`,
  );

const segments = segmentsWith("");
const lockedSegments = segmentsWith("FOR KEY SHARE");

/** Reads the current filters of segments by key. Keys without a segment are left out. */
export const readSegmentFilters = (execute: Execute, keys: readonly string[]) =>
  readWith(segments, execute, keys);

/** Reads filters like `readSegmentFilters`, and locks the segments against deletion until the transaction ends. */
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
