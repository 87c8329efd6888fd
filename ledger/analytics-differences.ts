import {
  allAnalytics,
  type analyticsWidths,
  beginningOf,
  countedKinds,
  type Measure,
  measures,
  outcomeColumns,
  properties,
  totals,
  withoutEngagements,
  withoutOutcomes,
} from "./analytics-cells.ts";
import type { Channel } from "../domain/channel.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** A number that differs between the cells and the ledger. */
export interface AnalyticsDifference {
  handedAt: Date;
  campaignId: string | null;
  channel: Channel;
  measure: Measure;
  /** How many more the cells count than the ledger has. */
  difference: number;
}

const storedAnalytics = `
    SELECT d.finished_at AS handed_at, d.campaign_id, n.type_id, d.channel, d.provider, n.template_version_id, ${outcomeColumns("d.status", "1")}, ${withoutEngagements}
    FROM ended_deliveries AS d LEFT JOIN notifications AS n ON n.id = d.notification_id WHERE d.finished_at >= :from::timestamptz AND d.finished_at < :until::timestamptz
    UNION ALL
    SELECT e.handed_at, d.campaign_id, n.type_id, e.channel, e.provider, n.template_version_id, ${withoutOutcomes},
      ${countedKinds.map((kind) => `(e.${kind}_at IS NOT NULL)::int`).join(", ")}, ${totals.map((total) => `e.${total}`).join(", ")}
    FROM engagements AS e JOIN deliveries AS d ON d.id = e.delivery_id LEFT JOIN notifications AS n ON n.id = d.notification_id
    WHERE e.handed_at >= :from::timestamptz AND e.handed_at < :until::timestamptz`;

const differencesStatement = defineStatement<
  { from: Date; until: Date; width: number; zone: string },
  AnalyticsDifference
>(`
  SELECT at AS "handedAt", campaign_id AS "campaignId", channel, m.measure, m.difference::int
  FROM (
    SELECT ${beginningOf(":width::int", "handed_at", ":zone::text")} AS at, ${properties}, ${measures.map((measure) => `sum(${measure}) AS ${measure}`).join(", ")}
    FROM (
      SELECT handed_at, ${properties}, ${measures.map((measure) => `CASE WHEN is_removed THEN -${measure} ELSE ${measure} END AS ${measure}`).join(", ")}
      FROM ${allAnalytics(":width::int", ":zone::text")} AS counted WHERE handed_at >= :from::timestamptz AND handed_at < :until::timestamptz
      UNION ALL
      SELECT handed_at, ${properties}, ${measures.map((measure) => `-${measure}`).join(", ")} FROM (${storedAnalytics}) AS stored
    ) AS both_sides
    GROUP BY 1, ${properties}
  ) AS compared, LATERAL (VALUES ${measures.map((measure) => `('${measure}', ${measure})`).join(", ")}) AS m (measure, difference)
  WHERE m.difference <> 0 ORDER BY 1, 2, 3, 4`);

/**
 * Compares the cells with the ledger in one snapshot, for what was handed over between two beginnings of intervals of `width` minutes. It reads the
 * ledger of this time. Without a fault there are no differences at any instant.
 */
export const findAnalyticsDifferences = (
  execute: Execute,
  {
    from = new Date(0),
    until = new Date("9999-01-01T00:00:00Z"),
    width = 1_440,
    zone = "UTC",
  }: {
    from?: Date;
    until?: Date;
    width?: (typeof analyticsWidths)[number]["width"];
    /** The time zone whose days are compared; only UTC has shorter cells. */
    zone?: string;
  } = {},
): Promise<AnalyticsDifference[]> => execute(differencesStatement, { from, until, width, zone });
