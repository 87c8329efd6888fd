import type { Pool } from "pg";
import { addEngagements, analyticsWidths, measures } from "./analytics-cells.ts";
import { alone, clock } from "./fold-lock.ts";
import { defineStatement, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

/** The maximum of rows that one statement takes away. */
const foldRows = 10_000;
/** How many minutes with hand-overs one call counts at most. */
const maxMinutes = 600;
/** Hand-overs are counted by local hours when they are so old: their transactions are certainly over. */
const settledAfter = "interval '15 minutes'";

const [quarters, hours] = analyticsWidths;

const minuteOf = (at: string) => `date_bin('1 minute', ${at}, 'epoch'::timestamptz)`;
const weekOf = (at: string) => `date_trunc('week', ${at}, 'UTC')::date`;

interface Taken {
  taken: number;
}

const foldStatement = defineStatement<{ limit: number }, Taken>(`
  WITH ${alone}, ${clock},
  taken AS MATERIALIZED (
    DELETE FROM engagement_count_changes
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM engagement_count_changes WHERE (SELECT yes FROM alone) LIMIT :limit::int))
    RETURNING *
  ),
  ${addEngagements},
  by_zone AS (
    SELECT handed_at, channel, time_zone, weeks_since, sum(opened) AS opened, sum(clicked) AS clicked, sum(acted) AS acted FROM taken WHERE NOT is_removed GROUP BY 1, 2, 3, 4
  ),
  weeks AS (
    INSERT INTO analytics_weeks AS w (week, channel, local_hour, weeks_since, opened, clicked, acted)
    SELECT ${weekOf("handed_at")}, channel, local_hour_of_week(handed_at, time_zone), weeks_since, sum(opened), sum(clicked), sum(acted) FROM by_zone
    WHERE opened <> 0 OR clicked <> 0 OR acted <> 0 GROUP BY 1, 2, 3, 4
    ON CONFLICT (week, channel, local_hour, weeks_since) DO UPDATE SET opened = w.opened + excluded.opened, clicked = w.clicked + excluded.clicked, acted = w.acted + excluded.acted
  )
  SELECT (SELECT count(*)::int FROM taken) AS taken`);

/**
 * Counts the hand-overs of one minute by the hour of the recipients' week: of the next minute with any. The statement that ends deliveries does not do so,
 * because it would have to read the recipients, and a turn of a campaign would append a change for each time zone. The row of the progress is locked, because the
 * snapshot may be older than what the process before has counted. OFFSET 0 makes the planner, which does not know how short a minute is, look up each
 * recipient instead of reading all of them.
 */
const localHoursStatement = defineStatement<object, Taken>(`
  WITH ${alone},
  progress AS (
    SELECT counted_until, ${minuteOf(`ledger_now() - ${settledAfter}`)} AS settled FROM analytics_progress WHERE (SELECT yes FROM alone) FOR NO KEY UPDATE
  ),
  next AS (
    SELECT settled, least(settled, (SELECT ${minuteOf("min(finished_at)")} FROM ended_deliveries WHERE finished_at >= counted_until)) AS minute
    FROM progress WHERE counted_until < settled
  ),
  span AS MATERIALIZED (SELECT minute AS "from", least(minute + interval '1 minute', settled) AS until FROM next),
  by_zone AS (
    SELECT d.channel, r.time_zone, count(*) AS handed
    FROM ended_deliveries AS d, LATERAL (SELECT each.time_zone FROM recipients AS each WHERE each.id = d.recipient_id OFFSET 0) AS r
    WHERE d.finished_at >= (SELECT "from" FROM span) AND d.finished_at < (SELECT until FROM span) AND d.status IN ('sent', 'delivered') GROUP BY 1, 2
  ),
  weeks AS (
    INSERT INTO analytics_weeks AS w (week, channel, local_hour, weeks_since, handed)
    SELECT ${weekOf('span."from"')}, channel, local_hour_of_week(span."from", time_zone), 0, sum(handed) FROM by_zone, span GROUP BY 1, 2, 3
    ON CONFLICT (week, channel, local_hour, weeks_since) DO UPDATE SET handed = w.handed + excluded.handed
  ),
  moved AS (UPDATE analytics_progress SET counted_until = span.until FROM span RETURNING 1)
  SELECT (SELECT count(*)::int FROM moved) AS taken`);

const expireStatement = defineStatement<{ width: number; days: number; limit: number }, Taken>(`
  WITH expired AS (
    DELETE FROM analytics_cells WHERE id = ANY (ARRAY(
      SELECT id FROM analytics_cells WHERE width = :width::int AND zone = 'UTC' AND handed_at < ledger_now() - :days::int * interval '1 day' - interval '1 day' LIMIT :limit::int
    )) RETURNING 1
  )
  SELECT count(*)::int AS taken FROM expired`);

/** Adds the changes of engagements to the cells, counts hand-overs by local hours, and removes cells of short intervals that are too old. */
export async function foldAnalytics(
  pool: Pick<Pool, "query">,
  limit: number = foldRows,
): Promise<void> {
  const execute = executeOn(pool);
  const takenBy = async (rows: Promise<Taken[]>) => (await rows)[0]!.taken;
  while ((await takenBy(execute(foldStatement, { limit }))) === limit);
  for (let minutes = 0; minutes < maxMinutes; minutes++)
    if ((await takenBy(execute(localHoursStatement, {}))) === 0) break;
  for (const { width, days } of analyticsWidths)
    if (days !== null)
      while ((await takenBy(execute(expireStatement, { width, days, limit }))) === limit);
}

/**
 * Quarter hours are complete for the days for which they are kept, and hours before. Days of a zone whose midnight is not on an hour of UTC are made from both:
 * an older hour counts on the day in which it begins.
 */
const setZoneStatement = defineStatement<{ zone: string }>(`
  WITH changed AS (
    UPDATE analytics_progress SET report_zone = :zone::text WHERE report_zone <> :zone::text RETURNING 1
  ),
  removed AS (DELETE FROM analytics_cells WHERE width = 1440 AND zone <> 'UTC' AND zone <> :zone::text AND EXISTS (SELECT FROM changed)),
  kept AS MATERIALIZED (SELECT date_trunc('hour', ledger_now() - interval '${quarters.days} days') + interval '1 hour' AS since)
  INSERT INTO analytics_cells (id, width, zone, handed_at, is_removed, campaign_id, type_id, channel, provider, template_version_id, ${measures.join(", ")})
  SELECT analytics_cell_id(1440, :zone::text, at, is_removed, campaign_id, type_id, channel, provider, template_version_id), 1440, :zone::text, at, is_removed, campaign_id, type_id, channel, provider, template_version_id, ${measures.join(", ")}
  FROM (
    SELECT date_trunc('day', handed_at, :zone::text) AS at, is_removed, campaign_id, type_id, channel, provider, template_version_id, ${measures.map((measure) => `sum(${measure})::int AS ${measure}`).join(", ")}
    FROM analytics_cells, kept
    WHERE (width = ${quarters.width} AND handed_at >= since OR width = ${hours.width} AND handed_at < since) AND zone = 'UTC' AND :zone::text <> 'UTC' AND EXISTS (SELECT FROM changed)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
  ) AS days`);

/** Sets the time zone whose days have cells of their own, beside UTC. Where it is new, the days of the last two years are made from shorter cells. */
export async function setReportZone(pool: Pool, zone: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query("SELECT pg_advisory_xact_lock(hashtext('delivery_counts'))");
    // A zone that PostgreSQL does not know must not be stored: every later fold would fail.
    await client.query("SELECT now() AT TIME ZONE $1", [zone]);
    await executeOn(client)(setZoneStatement, { zone });
  });
}
