/*
 * Numbers for reports. A cell of `analytics_cells` has how many deliveries with the same properties were handed over in an interval, or ended
 * otherwise, and what became of them since. What happens later counts in the interval of the hand-over.
 *
 * Two tables of changes feed the cells: `delivery_count_changes`, which the numbers of deliveries need anyway (ledger/delivery-counts.ts), and
 * `engagement_count_changes`, to which the transaction appends that records an engagement. Anybody who reads adds the changes that are not folded yet, in
 * the same snapshot.
 */

/** The properties of a cell beside its time, in the order of the columns of the tables. */
const analyticsProperties = [
  "campaign_id",
  "type_id",
  "channel",
  "provider",
  "template_version_id",
] as const;

/** How deliveries ended. */
const outcomes = ["sent", "delivered", "failed", "suppressed", "cancelled", "unknown"] as const;

/** The kinds of engagement that are counted. */
export const countedKinds = [
  "delivered",
  "read",
  "acted",
  "opened",
  "opened_by_machine",
  "clicked",
  "clicked_by_machine",
  "unsubscribed",
  "bounced",
  "complained",
] as const;
type CountedKind = (typeof countedKinds)[number];
export const totals = ["opens", "clicks"] as const;

/** The column of a kind in cells: `delivered` is the name of a status. */
const measureOf = (kind: CountedKind) => (kind === "delivered" ? "confirmed" : kind);
type EngagementMeasure = ReturnType<typeof measureOf> | (typeof totals)[number];

/** The columns of `engagement_count_changes` that are numbers. */
const engagementMeasures: readonly EngagementMeasure[] = [
  ...countedKinds.map(measureOf),
  ...totals,
];

/** A number in a cell. */
export type Measure = (typeof outcomes)[number] | EngagementMeasure;
export const measures: readonly Measure[] = [...outcomes, ...engagementMeasures];

/** The lengths of intervals in minutes, and for how many days their cells are kept; null: for ever. */
export const analyticsWidths = [
  { width: 15, days: 45 },
  { width: 60, days: 730 },
  { width: 1_440, days: null },
] as const;

const quarterHour = (at: string) => `date_bin('15 minutes', ${at}, 'epoch'::timestamptz)`;
/** @param zone the SQL of the time zone whose days these are */
export const beginningOf = (width: string, at: string, zone = "'UTC'") =>
  `CASE ${width} WHEN 1440 THEN date_trunc('day', ${at}, ${zone}) ELSE date_bin(${width} * interval '1 minute', ${at}, 'epoch'::timestamptz) END`;

/** The numbers of an ended delivery: SQL over its status and the count `count`. */
export const outcomeColumns = (status: string, count: string) =>
  outcomes
    .map((outcome) => `CASE WHEN ${status} = '${outcome}' THEN ${count} ELSE 0 END AS ${outcome}`)
    .join(", ");
export const withoutOutcomes = outcomes.map((outcome) => `0 AS ${outcome}`).join(", ");
export const withoutEngagements = engagementMeasures.map((measure) => `0 AS ${measure}`).join(", ");
export const properties = analyticsProperties.join(", ");

/** The changes of ended deliveries in `from`, which has the columns of `delivery_count_changes`, as rows of numbers. */
const outcomeChanges = (from: string) => `
    SELECT finished_at AS handed_at, false AS is_removed, ${properties}, ${outcomeColumns("status", "count")}, ${withoutEngagements} FROM ${from} WHERE status <> 'pending' AND count <> 0
    UNION ALL
    SELECT finished_at, true, ${properties}, ${outcomeColumns("status", "removed")}, ${withoutEngagements} FROM ${from} WHERE status <> 'pending' AND removed <> 0`;

/** The changes of engagements in `from`, which has the columns of `engagement_count_changes`, as rows of numbers. */
const engagementChanges = (from: string) =>
  `SELECT handed_at, is_removed, ${properties}, ${withoutOutcomes}, ${engagementMeasures.join(", ")} FROM ${from}`;

/** All changes that are not folded yet. */
export const unfoldedAnalytics = `(${outcomeChanges("delivery_count_changes")} UNION ALL ${engagementChanges("engagement_count_changes")})`;

/** Rows with every number at the snapshot of the statement: the cells of one width and zone, and the changes that are not folded yet. */
export const allAnalytics = (width: string, zone: string) => `(
    SELECT handed_at, is_removed, ${properties}, ${measures.join(", ")} FROM analytics_cells WHERE width = ${width} AND zone = ${zone}
    UNION ALL SELECT * FROM ${unfoldedAnalytics} AS changes
  )`;

/**
 * The table expressions that add the changes in `taken` to the cells of each width. They need the expressions `alone` and `clock`. The row of the report zone is
 * locked, because the snapshot may be older than a change of the zone: the lock reads the row as it is now.
 * @param changes how `taken` becomes rows of numbers
 */
const addToAnalytics = (changes: string) => `
  progress AS MATERIALIZED (SELECT report_zone FROM analytics_progress WHERE (SELECT yes FROM alone) FOR NO KEY UPDATE),
  quarters AS (
    SELECT ${quarterHour("handed_at")} AS handed_at, is_removed, ${properties}, ${measures.map((measure) => `sum(${measure}) AS ${measure}`).join(", ")}
    FROM (${changes}) AS changes GROUP BY ${quarterHour("handed_at")}, is_removed, ${properties}
  ),
  analysed AS MATERIALIZED (
    SELECT level.width, level.zone, level.at, is_removed, ${properties}, ${measures.map((measure) => `sum(${measure})::int AS ${measure}`).join(", ")}
    FROM quarters AS q, clock, LATERAL (
      ${analyticsWidths.map(({ width, days }) => `SELECT ${width} AS width, 'UTC' AS zone, ${beginningOf(String(width), "q.handed_at")} AS at${days === null ? "" : ` WHERE q.handed_at >= clock.now - interval '${days} days'`}`).join(" UNION ALL ")}
      UNION ALL SELECT 1440, report_zone, date_trunc('day', q.handed_at, report_zone) FROM progress WHERE report_zone <> 'UTC'
    ) AS level
    GROUP BY level.width, level.zone, level.at, is_removed, ${properties}
  ),
  analytics AS (
    INSERT INTO analytics_cells AS c (id, width, zone, handed_at, is_removed, ${properties}, ${measures.join(", ")})
    SELECT analytics_cell_id(width, zone, at, is_removed, ${properties}), width, zone, at, is_removed, ${properties}, ${measures.join(", ")} FROM analysed
    ON CONFLICT (id) DO UPDATE SET ${measures.map((measure) => `${measure} = c.${measure} + excluded.${measure}`).join(", ")}
  )`;

/** The table expressions that add the changes of deliveries in `taken`; they need `alone` and `clock`. */
export const addOutcomes = addToAnalytics(outcomeChanges("taken"));
/** The table expressions that add the changes of engagements in `taken`; they need `alone` and `clock`. */
export const addEngagements = addToAnalytics(engagementChanges("taken"));

/** The SQL that appends the engagements in `from` as changes. It is a common table expression of the statement that records or removes them. */
export const countEngagements = (
  from: string,
  {
    isRemoved,
    at,
    valueOf,
  }: {
    isRemoved: boolean;
    /** The SQL of the instant of the engagement. */
    at: string;
    /** The SQL of a number: of the kind, or of the counter if `kind` is a total. */
    valueOf: (kind: CountedKind | (typeof totals)[number]) => string;
  },
) => {
  const values = [...countedKinds, ...totals].map((kind) => `sum(${valueOf(kind)})::int`);
  return `INSERT INTO engagement_count_changes (handed_at, ${properties}, time_zone, weeks_since, is_removed, ${engagementMeasures.join(", ")})
    SELECT ${quarterHour("m.handed_at")}, d.campaign_id, n.type_id, m.channel, m.provider, n.template_version_id, r.time_zone,
      least(greatest((date_trunc('week', ${at}, 'UTC')::date - date_trunc('week', m.handed_at, 'UTC')::date) / 7, 0), 999), ${isRemoved}, ${values.join(", ")}
    FROM ${from} AS m JOIN deliveries AS d ON d.id = m.delivery_id JOIN recipients AS r ON r.id = m.recipient_id LEFT JOIN notifications AS n ON n.id = d.notification_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING ${values.map((value) => `${value} > 0`).join(" OR ")}`;
};

/** The same for rows that are deleted from `engagements`. */
export const countRemovedEngagements = (from: string) =>
  countEngagements(from, {
    isRemoved: true,
    at: "m.handed_at",
    valueOf: (kind) =>
      kind === "opens" || kind === "clicks" ? `m.${kind}` : `(m.${kind}_at IS NOT NULL)::int`,
  });
