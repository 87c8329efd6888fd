import type { CampaignStatus } from "../domain/campaign.ts";
import {
  type CountedStatus,
  countedStatuses,
  type DeliveryStatus,
  deliveryStatuses,
} from "../domain/delivery/status.ts";
import { type Stage, stageLeg, stageOfLeg } from "../domain/policy/route.ts";
import { queueName } from "../domain/delivery/queues.ts";
import { publicId } from "../domain/ids.ts";
import { isStage, outsideLanes } from "./conditions.ts";
import { allCounts } from "./delivery-counts.ts";
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
 * count. `counted` selects numbers for each leg and route.
 */
const accountOf = <Parameters extends { id: string; now: Date }>(counted: string) =>
  defineStatement<Parameters, AccountRow>(`
  SELECT c.status, c.audience_count AS audience, c.frozen_at AS "startedAt", c.finished_at AS "finishedAt",
    s.leg, s.route_id AS "routeId", o.document -> 'stages' AS stages, s.recent, s.duplicates, ${columns((status) => `coalesce(s."${status}", 0)`)}
  FROM campaigns c LEFT JOIN LATERAL (
    SELECT leg, route_id, sum(recent)::int AS recent, sum(duplicates)::int AS duplicates, ${columns((status) => `sum("${status}")::int`)}
    FROM (${counted}) AS counted GROUP BY leg, route_id
  ) s ON true LEFT JOIN routes o ON o.id = s.route_id
  WHERE c.id = :id::uuid`);

/** The rows of the ledger, and what retention has removed. All deliveries are read once, whatever the number of stages. */
const countedRows = ({ duplicates }: { duplicates: boolean }) => `
  SELECT d.leg, coalesce(d.route_id, 0) AS route_id, ${columns((status) => `count(*) FILTER (WHERE d.status = '${status}')`)},
    count(*) FILTER (WHERE d.status IN ('sent', 'delivered') AND d.finished_at > :now::timestamptz - interval '10 seconds') AS recent,
    ${duplicates ? "count(*) - count(DISTINCT d.recipient_id)" : "0"} AS duplicates
  FROM deliveries d WHERE d.campaign_id = c.id AND ${isStage("d")} GROUP BY 1, 2
  UNION ALL
  SELECT leg, route_id, ${columns((status) => `coalesce(sum(count) FILTER (WHERE status = '${status}'), 0)`)}, 0, 0
  FROM archived_deliveries WHERE campaign_id = c.id GROUP BY 1, 2`;

/** How many of the next rows of a queue are looked at for claims. Workers claim the first ones. */
const claimedLook = 2_000;
/** How many recently ended rows are looked at for the rate. */
const recentLook = 100_000;

/** The claimed rows of campaign `c`: among the next ones of its lanes, and outside of them. Few rows are claimed, and no index finds them. */
const claimedRows = `
  SELECT o.leg, o.route_id, o.lease_token FROM generate_series(0, c.lane_count - 1) AS l(lane), unnest(enum_range(NULL::channel)) AS h(channel), unnest(enum_range(NULL::priority)) AS p(priority),
  LATERAL (
    SELECT d.leg, d.route_id, d.lease_token FROM open_deliveries d
    WHERE d.queue = :lanes::text || l.lane AND d.channel = h.channel AND d.priority = p.priority AND d.due_at <= ledger_now() ORDER BY d.due_at LIMIT ${claimedLook}
  ) AS o
  UNION ALL
  SELECT * FROM (SELECT d.leg, d.route_id, d.lease_token FROM open_deliveries d WHERE d.campaign_id = c.id AND ${outsideLanes("d")} AND ${isStage("d")} LIMIT ${claimedLook}) AS o`;

/** The cells of the campaign, whose number does not depend on that of its deliveries. The claimed ones of the open deliveries are looked up. */
const countedCells = `
  SELECT d.leg, coalesce(d.route_id, 0) AS route_id, ${columns((status) => `coalesce(sum(d.count) FILTER (WHERE d.status = '${status}'), 0)`)}, 0 AS recent, 0 AS duplicates
  FROM ${allCounts()} d WHERE d.campaign_id = c.id AND ${isStage("d")} GROUP BY 1, 2
  UNION ALL
  SELECT leg, coalesce(route_id, 0), ${columns((status) => (status === "pending" ? "-count(*)" : status === "sending" ? "count(*)" : "0"))}, 0, 0
  FROM (${claimedRows}) AS o WHERE o.lease_token IS NOT NULL GROUP BY 1, 2
  UNION ALL
  SELECT leg, coalesce(route_id, 0), ${columns(() => "0")}, count(*), 0
  FROM (SELECT d.leg, d.route_id, d.campaign_id, d.status FROM ended_deliveries d WHERE d.finished_at > :now::timestamptz - interval '10 seconds' ORDER BY d.finished_at DESC LIMIT ${recentLook}) AS e
  WHERE e.campaign_id = c.id AND e.status IN ('sent', 'delivered') AND ${isStage("e")} GROUP BY 1, 2`;

const rowAccount = accountOf(countedRows({ duplicates: false }));
const rowAccountWithDuplicates = accountOf(countedRows({ duplicates: true }));
const cellAccount = accountOf<{ id: string; now: Date; lanes: string }>(countedCells);

/**
 * Counts the rows of a campaign for its account; null if it does not exist. Duplicates, which a unique index forbids, are counted only on
 * request.
 */
export async function readCampaignAccount(
  execute: Execute,
  id: string,
  { now, duplicates }: { now: Date; duplicates: boolean },
): Promise<CampaignAccount | null> {
  return toAccount(await execute(duplicates ? rowAccountWithDuplicates : rowAccount, { id, now }));
}

/**
 * Reads the same account from the cells, at a cost that does not depend on the number of deliveries. Its numbers are exact; only how the open
 * deliveries divide into `pending` and `sending` is counted among the next ones of each lane, of which workers claim the first.
 */
export async function readCampaignProgress(
  execute: Execute,
  id: string,
  now: Date,
): Promise<CampaignAccount | null> {
  const lanes = queueName({ kind: "lane", campaignId: publicId("campaign", id), lane: 0 });
  return toAccount(await execute(cellAccount, { id, now, lanes: lanes.replace(/0$/, "") }));
}

function toAccount(rows: readonly AccountRow[]): CampaignAccount | null {
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

/** How many deliveries of the first stage are open, and how many ended with each status. */
export type OutcomeCounts = Record<CountedStatus, number>;

const outcomesStatement = defineStatement<
  { ids: readonly string[] },
  { id: string; status: DeliveryStatus; count: number }
>(`
  SELECT d.campaign_id AS id, d.status, sum(d.count)::float8 AS count FROM ${allCounts()} d
  WHERE d.campaign_id = ANY(:ids::uuid[]) AND d.leg = '${stageLeg(0)}' GROUP BY 1, 2`);

/** Reads the counts of campaigns from the cells, at a cost that does not depend on the number of deliveries. Campaigns without deliveries are missing. */
export async function readOutcomeCounts(
  execute: Execute,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OutcomeCounts>> {
  const found = new Map<string, OutcomeCounts>();
  for (const { id, status, count } of await execute(outcomesStatement, { ids })) {
    const counts = found.get(id) ?? noOutcomes();
    found.set(id, counts);
    if (status === "sending") throw new Error("cells count open deliveries as pending");
    counts[status === "pending" ? "open" : status] += count;
  }
  return found;
}

const noOutcomes = () =>
  Object.fromEntries(countedStatuses.map((status) => [status, 0])) as OutcomeCounts;
