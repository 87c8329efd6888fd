import type { CampaignStatus } from "../domain/campaign.ts";
import { type DeliveryStatus, deliveryStatuses } from "../domain/delivery/status.ts";
import { type Stage, stageLeg, stageOfLeg } from "../domain/policy/route.ts";
import { isStage } from "./conditions.ts";
import { defineStatement, type Execute } from "./sql.ts";

type StatusCounts = Record<DeliveryStatus, number>;

/** The deliveries of a later stage of the routes of a campaign. */
interface StageAccount {
  /** The number of the stage, from 1. */
  stage: number;
  /** When the stage begins; null if it begins at once. Recipients may have different routes, and so a stage number may have several. */
  after: NonNullable<Stage["after"]> | null;
  counts: StatusCounts;
}

/** The account of a campaign: its deliveries by status, counted in one snapshot. */
export interface CampaignAccount {
  status: CampaignStatus;
  /** The number of recipients; null until the audience is frozen. */
  audience: number | null;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** Messages of the first stage that were sent within the last ten seconds. */
  recent: number;
  /** Rows beyond one per recipient and stage. They are counted only on request, because counting sorts all rows. */
  duplicates: number;
  /** The deliveries of the first stage. */
  counts: StatusCounts;
  /** The deliveries of each later stage that has any, in the order of the stages. */
  stages: StageAccount[];
  /** Whether the stages that begin at once have a delivery for each recipient whose route has them. */
  hasAllStages: boolean;
}

/** The deliveries of one leg with one route. All but the columns of the campaign are null where it has no deliveries. */
type AccountRow = Pick<CampaignAccount, "status" | "audience" | "startedAt" | "finishedAt"> &
  StatusCounts & {
    leg: string | null;
    routeId: number | null;
    /** The stages of the route; null for deliveries without one. */
    stages: Stage[] | null;
    recent: number | null;
    duplicates: number | null;
  };

const columns = (column: (status: DeliveryStatus) => string) =>
  deliveryStatuses.map((status) => `${column(status)} AS "${status}"`).join(", ");

/**
 * Deliveries that retention has removed still count with the status in which they ended. A snoozed message has further rows, which do not
 * count. All deliveries are read once, whatever the number of stages.
 */
const accountWith = ({ duplicates }: { duplicates: boolean }) =>
  defineStatement<{ id: string; now: Date }, AccountRow>(`
  SELECT c.status, c.audience_count AS audience, c.frozen_at AS "startedAt", c.finished_at AS "finishedAt",
    s.leg, s.route_id AS "routeId", o.document -> 'stages' AS stages, s.recent, s.duplicates, ${columns((status) => `coalesce(s."${status}", 0)`)}
  FROM campaigns c LEFT JOIN LATERAL (
    SELECT leg, route_id, sum(recent)::int AS recent, sum(duplicates)::int AS duplicates, ${columns((status) => `sum("${status}")::int`)}
    FROM (
      SELECT d.leg, coalesce(d.route_id, 0) AS route_id, ${columns((status) => `count(*) FILTER (WHERE d.status = '${status}')`)},
        count(*) FILTER (WHERE d.status IN ('sent', 'delivered') AND d.finished_at > :now::timestamptz - interval '10 seconds') AS recent,
        ${duplicates ? "count(*) - count(DISTINCT d.recipient_id)" : "0"} AS duplicates
      FROM deliveries d WHERE d.campaign_id = c.id AND ${isStage("d")} GROUP BY 1, 2
      UNION ALL
      SELECT leg, route_id, ${columns((status) => `coalesce(sum(count) FILTER (WHERE status = '${status}'), 0)`)}, 0, 0
      FROM archived_deliveries WHERE campaign_id = c.id GROUP BY 1, 2
    ) AS counted GROUP BY leg, route_id
  ) s ON true LEFT JOIN routes o ON o.id = s.route_id
  WHERE c.id = :id::uuid`);

const account = accountWith({ duplicates: false });
const accountWithDuplicates = accountWith({ duplicates: true });

/** Reads the account of a campaign; null if it does not exist. Duplicates, which a unique index forbids, are counted only on request. */
export async function readCampaignAccount(
  execute: Execute,
  id: string,
  { now, duplicates }: { now: Date; duplicates: boolean },
): Promise<CampaignAccount | null> {
  const rows = await execute(duplicates ? accountWithDuplicates : account, { id, now });
  const [first] = rows;
  if (!first) return null;
  const primary = rows.filter(({ leg }) => leg === stageLeg(0));
  return {
    status: first.status,
    audience: first.audience,
    startedAt: first.startedAt,
    finishedAt: first.finishedAt,
    recent: primary.reduce((sum, { recent }) => sum + recent!, 0),
    duplicates: rows.reduce((sum, row) => sum + (row.duplicates ?? 0), 0),
    counts: addCounts(primary),
    stages: accountStages(rows),
    hasAllStages: primary.every((row) => isAccompanied(row, rows)),
  };
}

/** Counts the deliveries of a campaign's first stage by status, including those that retention has removed. */
export async function readCampaignCounts(execute: Execute, id: string): Promise<StatusCounts> {
  const found = await readCampaignAccount(execute, id, { now: new Date(), duplicates: false });
  if (!found) throw new Error(`there is no campaign ${id} to count`);
  return found.counts;
}

const addCounts = (rows: readonly StatusCounts[]) =>
  Object.fromEntries(
    deliveryStatuses.map((status) => [status, rows.reduce((sum, row) => sum + row[status], 0)]),
  ) as StatusCounts;

const totalOf = (row: StatusCounts) =>
  deliveryStatuses.reduce((sum, status) => sum + row[status], 0);

/** Adds up the later stages that have the same number and begin at the same time. */
function accountStages(rows: readonly AccountRow[]): StageAccount[] {
  const found = new Map<
    string,
    { stage: number; after: StageAccount["after"]; rows: AccountRow[] }
  >();
  for (const row of rows) {
    const stage = row.leg === null ? null : stageOfLeg(row.leg);
    if (stage === null || stage === 0) continue;
    const after = row.stages?.[stage]?.after ?? null;
    const key = `${stage} ${after?.minutes} ${after?.unless}`;
    const same = found.get(key);
    if (same) same.rows.push(row);
    else found.set(key, { stage, after, rows: [row] });
  }
  return [...found]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { rows: same, ...stage }]) => ({ ...stage, counts: addCounts(same) }));
}

/** Whether every stage that begins together with the first one has as many deliveries of the same route. */
function isAccompanied(first: AccountRow, rows: readonly AccountRow[]): boolean {
  return (first.stages ?? []).every(({ after }, number) => {
    if (number === 0 || after !== undefined) return true;
    const row = rows.find(
      ({ leg, routeId }) => leg === stageLeg(number) && routeId === first.routeId,
    );
    return row !== undefined && totalOf(row) === totalOf(first);
  });
}
