import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { publicId } from "../domain/ids.ts";
import { openIn, outsideLanes, owedOutside, sourceRuns } from "../ledger/conditions.ts";
import { ageingMs, priorities } from "../domain/priority.ts";
import { laneNames, waitingDigests } from "../domain/delivery/queues.ts";
import type { Channel } from "./channels/channel.ts";

/** How often the ledger is asked, and how long something must be overdue before it counts as forgotten. */
const sweepMs = 3_000;
const graceMs = 5_000;
/** One activity, many sweeps: an idle system costs few events. */
const roundMs = 600_000;

/** Rows looked at a queue: claimed ones are the oldest, so the first tell whether somebody is at work. */
const lookRows = 500;

/**
 * Queues with rows that are overdue and that nobody is working on: none of the oldest is under a live lease, their
 * campaign runs, and no gate has been asked for permits of late (a lane that waits at a gate holds no lease). All rows of a
 * lane are of one campaign; elsewhere those of campaigns that do not run are passed over. Not the one that no workflow
 * drains ($2).
 * The queues are found by a loose index scan (https://wiki.postgresql.org/wiki/Loose_indexscan).
 */
const overdueQueuesSql = `
  WITH RECURSIVE queues(queue) AS (
    (SELECT queue FROM deliveries WHERE due_at IS NOT NULL ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT d.queue FROM deliveries d WHERE d.due_at IS NOT NULL AND d.queue > queues.queue ORDER BY d.queue LIMIT 1)
    FROM queues WHERE queues.queue IS NOT NULL
  )
  SELECT queues.queue FROM queues, LATERAL (
    SELECT count(*) AS overdue, coalesce(bool_or(lease_until > clock_timestamp() - $1 * interval '1 millisecond'), false) AS busy,
      (array_agg(campaign_id))[1] AS campaign_id
    FROM (
      SELECT d.lease_until, d.campaign_id FROM (VALUES ${priorities.map((priority) => `('${priority}'::priority, ${ageingMs[priority]})`).join(", ")}) AS p(priority, ageing),
      LATERAL (
        SELECT lease_until, campaign_id FROM deliveries o
        WHERE o.queue = queues.queue AND o.priority = p.priority AND o.due_at <= clock_timestamp() - $1 * interval '1 millisecond'
          AND (queues.queue LIKE 'campaign/%' OR ${sourceRuns("o")})
        ORDER BY o.due_at LIMIT ${lookRows}
      ) d
    ) oldest
  ) state
  WHERE queues.queue <> $2 AND state.overdue > 0 AND NOT state.busy
    AND (queues.queue NOT LIKE 'campaign/%' OR EXISTS (SELECT FROM campaigns c WHERE c.id = state.campaign_id AND c.status = 'running'))
    AND NOT EXISTS (
      SELECT FROM gates g WHERE g.key = 'campaign/' || split_part(queues.queue, '/', 2)
        AND g.refilled_at + greatest($1 * interval '1 millisecond', interval '1 second' / g.permits_per_second) > clock_timestamp() - $1 * interval '1 millisecond'
    )`;

interface Unfinished {
  id: string;
  /** Of one that runs; null of one that should have been moved on: its time has come, or it is to be wound up. */
  laneCount: number | null;
}

const unfinishedCampaignsSql = `
  SELECT id, CASE WHEN status = 'running' THEN lane_count END AS "laneCount" FROM campaigns c
  WHERE updated_at < clock_timestamp() - $1 * interval '1 millisecond' AND (
    finished_at IS NULL AND (
      status = 'scheduled' AND start_at <= clock_timestamp() - $1 * interval '1 millisecond'
      OR status IN ('running', 'cancelled')
    )
    OR recalled_at IS NOT NULL AND finished_at IS NOT NULL
      AND (SELECT true FROM deliveries d WHERE d.campaign_id = c.id AND ${outsideLanes("d")} AND d.due_at IS NOT NULL ORDER BY d.priority, d.due_at LIMIT 1)
  )`;

/** Of campaigns that run, with their lanes, those of which nothing is open that they owe. No row of theirs is looked at that is not open. */
const drainedCampaignsSql = `
  SELECT c.id FROM unnest($1::uuid[]) AS c(id)
  WHERE NOT EXISTS (SELECT FROM unnest($2::uuid[], $3::text[]) AS l(campaign_id, queue) WHERE l.campaign_id = c.id AND ${openIn("l.queue")})
    AND ${owedOutside("c.id")} IS NULL`;

/** Campaigns that should have been moved on. */
async function stalledCampaigns(pool: Pool): Promise<string[]> {
  const { rows: unfinished } = await pool.query<Unfinished>({
    name: "unfinished-campaigns",
    text: unfinishedCampaignsSql,
    values: [graceMs],
  });
  const stalled = unfinished.filter(({ laneCount }) => laneCount === null).map(({ id }) => id);
  const running = unfinished.flatMap(({ id, laneCount }) =>
    laneCount === null ? [] : [{ id, lanes: laneNames(publicId("campaign", id), laneCount) }],
  );
  if (running.length === 0) return stalled;
  const { rows: drained } = await pool.query<{ id: string }>({
    name: "drained-campaigns",
    text: drainedCampaignsSql,
    values: [
      running.map(({ id }) => id),
      running.flatMap(({ id, lanes }) => lanes.map(() => id)),
      running.flatMap(({ lanes }) => lanes),
    ],
  });
  return [...stalled, ...drained.map(({ id }) => id)];
}

/** Wakes what the ledger says should be running and is not. Never asks Temporal what runs. */
export function createRelayOverdue({
  pool,
  channel,
  wakeQueue,
  wakeCampaign,
}: {
  pool: Pool;
  /** While it takes nothing, every queue waits for it, and would only look again. */
  channel: Pick<Channel, "opensAt">;
  /** Starts the workflow of a queue, or has it look again. */
  wakeQueue: (queue: string) => Promise<void>;
  /** Starts the workflow of a campaign, or has it look again. `campaignId` is the public id. */
  wakeCampaign: (campaignId: string) => Promise<void>;
}) {
  return async function relayOverdue(): Promise<void> {
    const { cancellationSignal: signal } = Context.current();
    const endsAt = Date.now() + roundMs;
    while (!signal.aborted && Date.now() < endsAt) {
      const queues = await pool.query<{ queue: string }>({
        name: "overdue-queues",
        text: overdueQueuesSql,
        values: [graceMs, waitingDigests],
      });
      const campaigns = await stalledCampaigns(pool);
      if (channel.opensAt(new Date()) === null)
        for (const { queue } of queues.rows) await wakeQueue(queue);
      for (const id of campaigns) await wakeCampaign(publicId("campaign", id));
      Context.current().heartbeat();
      await sleep(sweepMs, undefined, { signal }).catch(() => {});
    }
  };
}
