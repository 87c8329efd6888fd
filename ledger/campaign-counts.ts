import type { CampaignStatus } from "../domain/campaign.ts";
import { type DeliveryStatus, deliveryStatuses } from "../domain/delivery/status.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** The account of a campaign: its deliveries by status, counted in one snapshot. */
export interface CampaignAccount {
  status: CampaignStatus;
  /** The number of recipients; null until the audience is frozen. */
  audience: number | null;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** Messages that were sent within the last ten seconds. */
  recent: number;
  /** Rows beyond one per recipient. They are counted only on request, because counting sorts all rows. */
  duplicates: number;
  counts: Record<DeliveryStatus, number>;
}

type AccountRow = Omit<CampaignAccount, "counts"> & Record<DeliveryStatus, number>;

const columns = (column: (status: DeliveryStatus) => string) =>
  deliveryStatuses.map((status) => `${column(status)} AS "${status}"`).join(", ");

/**
 * Deliveries that retention has removed still count with the status in which they ended. A snoozed message has further rows, which do not
 * count.
 */
const accountWith = ({ duplicates }: { duplicates: boolean }) =>
  defineStatement<{ id: string; now: Date }, AccountRow>(`
  SELECT c.status, c.audience_count AS audience, c.frozen_at AS "startedAt", c.finished_at AS "finishedAt", d.recent, d.duplicates,
    ${columns((status) => `d."${status}" + a."${status}"`)}
  FROM campaigns c, LATERAL (
    SELECT ${columns((status) => `count(*) FILTER (WHERE status = '${status}')::int`)},
      count(*) FILTER (WHERE status IN ('sent', 'delivered') AND finished_at > :now::timestamptz - interval '10 seconds')::int AS recent,
      ${duplicates ? "(count(*) - count(DISTINCT recipient_id))::int" : "0"} AS duplicates
    FROM deliveries WHERE campaign_id = c.id AND leg = 'primary'
  ) d, LATERAL (
    SELECT ${columns((status) => `coalesce(sum(count) FILTER (WHERE status = '${status}'), 0)::int`)}
    FROM archived_deliveries WHERE campaign_id = c.id
  ) a
  WHERE c.id = :id::uuid`);

const account = accountWith({ duplicates: false });
const accountWithDuplicates = accountWith({ duplicates: true });

/** Reads the account of a campaign; null if it does not exist. Duplicates, which a unique index forbids, are counted only on request. */
export async function readCampaignAccount(
  execute: Execute,
  id: string,
  { now, duplicates }: { now: Date; duplicates: boolean },
): Promise<CampaignAccount | null> {
  const [row] = await execute(duplicates ? accountWithDuplicates : account, { id, now });
  if (!row) return null;
  const counts = Object.fromEntries(
    deliveryStatuses.map((status) => [status, row[status]]),
  ) as Record<DeliveryStatus, number>;
  return {
    status: row.status,
    audience: row.audience,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    recent: row.recent,
    duplicates: row.duplicates,
    counts,
  };
}

/** Counts the deliveries of a campaign by status, including those that retention has removed. */
export async function readCampaignCounts(
  execute: Execute,
  id: string,
): Promise<Record<DeliveryStatus, number>> {
  const found = await readCampaignAccount(execute, id, { now: new Date(), duplicates: false });
  if (!found) throw new Error(`there is no campaign ${id} to count`);
  return found.counts;
}
