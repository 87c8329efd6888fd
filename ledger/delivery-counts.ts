import { isStage } from "./conditions.ts";
import { defineStatement, type Execute } from "./sql.ts";

/*
 * Numbers of deliveries by time and properties. Each statement that creates, ends, reopens or removes deliveries appends how the numbers change to
 * `delivery_count_changes`, so that they equal the ledger at any instant. A worker adds the changes to the cells of `delivery_counts` later
 * (ledger/folding-counts.ts).
 *
 * All open deliveries that were created in the same minute count as `pending`, without channel and priority, which may change until they end. A
 * change of ended deliveries therefore implies the opposite change of open ones, and is one row.
 */

/** The properties of a cell, in the order of the columns of both tables. */
export const cellProperties = [
  "created_at",
  "finished_at",
  "campaign_id",
  "type_id",
  "leg",
  "route_id",
  "channel",
  "priority",
  "provider",
  "status",
  "reason",
] as const;

const changeColumns = [...cellProperties, "count", "removed"].join(", ");

/** Changes have the template of the notification too, which only analytics need (ledger/analytics-cells.ts). */
const appendedColumns = `${changeColumns}, template_version_id`;

/** The lengths of intervals in minutes, and how old what is counted must be for them, in days. Longer intervals consist of shorter ones. */
export const intervals = [
  { width: 1, days: 0 },
  { width: 15, days: 2 },
  { width: 60, days: 14 },
] as const;

/** The SQL of the beginning of the interval that contains `at`. The intervals begin at the same instants in every time zone. */
export const intervalOf = (minutes: number | string, at: string) =>
  `date_bin(${typeof minutes === "number" ? `'${minutes} minutes'::interval` : minutes}, ${at}, 'epoch'::timestamptz)`;

/** Within a statement that inserts the notification, its type has to be given. */
const typeOfNotification = (d: string) =>
  `(SELECT n.type_id FROM notifications AS n WHERE n.id = ${d}.notification_id)`;
const templateOfNotification = (d: string) =>
  `(SELECT n.template_version_id FROM notifications AS n WHERE n.id = ${d}.notification_id)`;

/** The source of a row. Only accounts of campaigns need the route. */
const sourceOf = (d: string, typeId: string) =>
  `${d}.campaign_id, ${typeId}, CASE WHEN ${isStage(d)} THEN ${d}.leg ELSE 'snooze' END, CASE WHEN ${d}.campaign_id IS NOT NULL THEN ${d}.route_id END`;

const openProperties =
  "NULL::channel, NULL::priority, NULL::text, 'pending'::delivery_status, NULL::text";

const grouped = `GROUP BY ${[...cellProperties.keys(), cellProperties.length + 2].map((place) => place + 1).join(", ")}`;

/**
 * The changes for rows `from` that were written to `open_deliveries`: a table expression with the columns `created_at`, `campaign_id`,
 * `notification_id`, `leg` and `route_id`.
 */
export const changesOfCreated = (from: string, typeId = typeOfNotification("c")) =>
  `SELECT ${intervalOf(1, "c.created_at")}, NULL::timestamptz, ${sourceOf("c", typeId)}, ${openProperties}, count(*)::int, 0, NULL::uuid FROM ${from} AS c ${grouped}`;

/** The changes for rows `from` that have ended, are reopened, or are removed; `from` has the columns of `ended_deliveries` that are properties. */
export const changesOfEnded = (
  from: string,
  {
    count = "count(*)::int",
    removed = "0",
    status = "e.status",
  }: { count?: string; removed?: string; status?: string } = {},
) =>
  `SELECT ${intervalOf(1, "e.created_at")}, ${intervalOf(1, "e.finished_at")}, ${sourceOf("e", typeOfNotification("e"))}, e.channel, e.priority, e.provider, ${status}, e.reason,
    ${count}, ${removed}, ${templateOfNotification("e")} FROM ${from} AS e ${grouped}`;

/** The SQL that appends changes. It is a common table expression of the statement that makes them. */
export const countChanges = (...changes: string[]) =>
  `INSERT INTO delivery_count_changes (${appendedColumns}) ${changes.join(" UNION ALL ")}`;

/**
 * A table expression with all numbers at the snapshot of the statement: the cells, the changes that are not added yet, and the opposite changes of
 * open deliveries. `changes` names where the changes are; `cells` is false to leave out the cells. The condition on `width`, which every cell fulfils, lets an
 * index be used.
 */
export const allCounts = ({ changes = "delivery_count_changes", cells = true } = {}) => `(
    ${cells ? `SELECT ${changeColumns} FROM delivery_counts WHERE width IN (${intervals.map(({ width }) => width).join(", ")}) UNION ALL` : ""}
    SELECT ${changeColumns} FROM ${changes}
    UNION ALL
    SELECT created_at, NULL, campaign_id, type_id, leg, route_id, ${openProperties}, -count, 0 FROM ${changes} WHERE status <> 'pending' AND count <> 0
  )`;

/** A cell whose number differs from the ledger. */
export interface CountDifference {
  createdAt: Date;
  finishedAt: Date | null;
  campaignId: string | null;
  status: string;
  /** How many more deliveries the cells count than the ledger has. */
  difference: number;
}

const differencesStatement = defineStatement<object, CountDifference>(`
  SELECT created_at AS "createdAt", finished_at AS "finishedAt", campaign_id AS "campaignId", status, sum(count)::int AS difference
  FROM (
    SELECT ${intervalOf(60, "created_at")} AS created_at, ${intervalOf(60, "finished_at")} AS finished_at, ${cellProperties.slice(2).join(", ")}, count
    FROM (
      SELECT ${cellProperties.join(", ")}, count - removed AS count FROM ${allCounts()} AS counts
      UNION ALL SELECT ${cellProperties.join(", ")}, -1 FROM counted_deliveries
    ) AS both_sides
  ) AS binned
  GROUP BY ${cellProperties.join(", ")} HAVING sum(count) <> 0`);

/**
 * Compares the cells with the ledger in one snapshot, hour by hour, which is the longest interval of cells. Reads the whole ledger. Without a fault
 * there are no differences at any instant.
 */
export const findCountDifferences = (execute: Execute): Promise<CountDifference[]> =>
  execute(differencesStatement, {});
