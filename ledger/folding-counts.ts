import type { Pool } from "pg";
import { poll } from "../lib/polling.ts";
import { addOutcomes } from "./analytics-cells.ts";
import { allCounts, cellProperties, intervalOf, intervals } from "./delivery-counts.ts";
import { alone, clock } from "./fold-lock.ts";
import { foldAnalytics } from "./folding-analytics.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The maximum of rows that one statement takes away: it lasts some hundred milliseconds at most. */
const foldRows = 10_000;
const everyMs = 3_000;

/** The length of the intervals for deliveries that ended, or were created and are open, at the instant `at`. */
const widthAt = (at: string) =>
  `CASE ${intervals
    .toReversed()
    .map(({ width, days }) =>
      days === 0
        ? `ELSE ${width}`
        : `WHEN ${at} < clock.now - interval '${days} days' THEN ${width}`,
    )
    .join(" ")} END`;

const inOrder = cellProperties.join(", ");

/** Adds the rows of `from`, which have the columns of changes and `width`, to the cells. */
const addToCells = (from: string) => `
  merged AS MATERIALIZED (
    SELECT width, ${inOrder}, sum(count)::int AS count, sum(removed)::int AS removed
    FROM (
      SELECT width, ${intervalOf("width * interval '1 minute'", "created_at")} AS created_at, ${intervalOf("width * interval '1 minute'", "finished_at")} AS finished_at,
        ${cellProperties.slice(2).join(", ")}, count, removed FROM ${from}
    ) AS binned
    GROUP BY width, ${inOrder}
  ),
  written AS (
    INSERT INTO delivery_counts AS c (id, width, ${inOrder}, count, removed)
    SELECT delivery_count_id(width, ${inOrder}), width, ${inOrder}, count, removed FROM merged WHERE count <> 0 OR removed <> 0
    ON CONFLICT (id) DO UPDATE SET count = c.count + excluded.count, removed = c.removed + excluded.removed
    RETURNING id, count, removed
  )
  SELECT (SELECT count(*)::int FROM taken) AS taken, ARRAY(SELECT id FROM written WHERE count = 0 AND removed = 0) AS empty`;

interface Folded {
  taken: number;
  /** The ids of cells that count nothing any more. */
  empty: string[];
}

const foldStatement = defineStatement<{ limit: number }, Folded>(`
  WITH ${alone}, ${clock},
  taken AS MATERIALIZED (
    DELETE FROM delivery_count_changes
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM delivery_count_changes WHERE (SELECT yes FROM alone) LIMIT :limit::int))
    RETURNING *
  ),
  ${addOutcomes},
  aged AS (
    SELECT changes.*, ${widthAt("coalesce(finished_at, created_at)")} AS width FROM ${allCounts({ changes: "taken", cells: false })} AS changes, clock
  ),
  ${addToCells("aged")}`);

/** Cells whose interval has become longer, first those of ended deliveries and then those of open ones. */
const widenStatement = defineStatement<
  { width: number; days: number; finer: readonly number[]; limit: number },
  Folded
>(`
  WITH ${alone},
  old AS MATERIALIZED (SELECT ledger_now() - :days::int * interval '1 day' AS before),
  taken AS MATERIALIZED (
    DELETE FROM delivery_counts WHERE (SELECT yes FROM alone) AND id = ANY (ARRAY(
      (SELECT id FROM delivery_counts WHERE width = ANY(:finer::int[]) AND finished_at < (SELECT before FROM old) LIMIT :limit::int)
      UNION ALL
      (SELECT id FROM delivery_counts WHERE width = ANY(:finer::int[]) AND finished_at IS NULL AND created_at < (SELECT before FROM old) LIMIT :limit::int)
    ))
    RETURNING *
  ),
  aged AS (SELECT :width::int AS width, ${inOrder}, count, removed FROM taken),
  ${addToCells("aged")}`);

const forgetStatement = defineStatement<{ ids: readonly string[] }>(
  "DELETE FROM delivery_counts WHERE id = ANY(:ids::uuid[]) AND count = 0 AND removed = 0",
);

/**
 * Adds the changes to the cells, and merges cells that are old enough for longer intervals, in small statements. The sums stay the same at any
 * instant. Resolves with the number of rows that were taken away; 0 where nothing is left to do, or another process is doing it.
 */
export async function foldCounts(
  pool: Pick<Pool, "query">,
  limit: number = foldRows,
): Promise<number> {
  const execute = executeOn(pool);
  let total = 0;
  const finish = async ([folded]: Folded[]) => {
    const { taken, empty } = folded!;
    if (empty.length > 0) await execute(forgetStatement, { ids: empty });
    total += taken;
    return taken;
  };
  while ((await finish(await execute(foldStatement, { limit }))) === limit);
  for (const { width, days } of intervals.slice(1)) {
    const finer = intervals.map((of) => of.width).filter((of) => of < width);
    while ((await finish(await execute(widenStatement, { width, days, finer, limit }))) >= limit);
  }
  return total;
}

/** Folds every three seconds. Where that fails, readers add the changes themselves until it succeeds. */
export function foldCountsRegularly(pool: Pick<Pool, "query">): { stop(): void } {
  return poll(async () => {
    await foldCounts(pool);
    await foldAnalytics(pool);
  }, everyMs);
}
