import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import type { Channel as ChannelName } from "../domain/channel.ts";
import { publicId } from "../domain/ids.ts";
import { openIn, outsideLanes, owedOutside, sourceRuns } from "../ledger/conditions.ts";
import { defineStatement, type Execute, executeOn } from "../ledger/sql.ts";
import { ageingMs, priorities } from "../domain/priority.ts";
import { drainedQueues, laneNames } from "../domain/delivery/queues.ts";
import type { Channels } from "./channels/channels.ts";

/** How often the ledger is asked, and how long work must be overdue before it counts as forgotten. */
const sweepMs = 3_000;
const graceMs = 5_000;
/**
 * The rest after a sweep lasts at least this many times as long as the sweep: where many dead rows cannot be removed, each sweep
 * takes long.
 */
const restTimes = 20;
const longestRestMs = 60_000;
/** The time of one activity, which makes many sweeps, so that an idle system costs few events. */
const roundMs = 600_000;

/** The number of rows that are read of each queue. Claimed rows are the oldest, so the first rows show whether a worker is active. */
const lookRows = 500;

/** An older claim does not show that a worker is active. */
const recentMs = 15_000;

/**
 * Queues that have overdue rows on an open channel, whose campaign runs, and that no worker is draining. A worker counts as
 * draining a queue if one of the oldest rows was claimed recently and is under a live lease (one answer may take minutes, during
 * which nobody reads the other rows), or if a gate has granted a slot recently (a lane that waits at a gate holds no lease). All
 * rows of a lane belong to one campaign; in other queues, rows of campaigns that do not run are skipped.
 *
 * The queues are named rather than found in the table, because the lanes of ended campaigns are full of dead rows that cannot be
 * removed while an old transaction is open.
 */
const overdueQueues = `
  WITH queues AS MATERIALIZED (
    SELECT q.queue FROM unnest(:queues::text[]) AS q(queue) WHERE q.queue LIKE 'campaign/%' OR ${openIn("q.queue")}
  ),
  clock AS MATERIALIZED (
    SELECT ledger_now() - :graceMs::float8 * interval '1 millisecond' AS due, ledger_now() - :recentMs::float8 * interval '1 millisecond' AS recent
  )
  SELECT queues.queue FROM clock, queues, LATERAL (
    SELECT count(*) FILTER (WHERE lease_until IS NULL OR lease_until <= clock.due) AS overdue,
      coalesce(bool_or(lease_until > clock.due AND decided_at > clock.recent), false) AS busy, (array_agg(campaign_id))[1] AS campaign_id
    FROM (
      SELECT d.lease_until, d.decided_at, d.campaign_id FROM unnest(:channels::channel[]) AS c(channel),
      (VALUES ${priorities.map((priority) => `('${priority}'::priority, ${ageingMs[priority]})`).join(", ")}) AS p(priority, ageing),
      LATERAL (
        SELECT lease_until, decided_at, campaign_id FROM open_deliveries o
        WHERE o.queue = queues.queue AND o.channel = c.channel AND o.priority = p.priority AND o.due_at <= clock.due
          AND (queues.queue LIKE 'campaign/%' OR ${sourceRuns("o")})
        ORDER BY o.due_at LIMIT ${lookRows}
      ) d
    ) oldest
  ) state
  WHERE state.overdue > 0 AND NOT state.busy
    AND (queues.queue NOT LIKE 'campaign/%' OR EXISTS (SELECT FROM campaigns c WHERE c.id = state.campaign_id AND c.status = 'running'))
    AND NOT EXISTS (
      SELECT FROM gates g WHERE g.key = 'campaign/' || split_part(queues.queue, '/', 2)
        AND g.next_slot_at + :graceMs::float8 * interval '1 millisecond' > clock.due
    )`;

interface Unfinished {
  id: string;
  /**
   * The number of lanes of a running campaign. Null for a campaign that should have been advanced, because its time has come or
   * it has to be wound up.
   */
  laneCount: number | null;
}

const unfinishedCampaigns = `
  SELECT id, CASE WHEN status = 'running' THEN lane_count END AS "laneCount" FROM campaigns c
  WHERE updated_at < ledger_now() - :graceMs::float8 * interval '1 millisecond' AND (
    finished_at IS NULL AND (
      status = 'scheduled' AND start_at <= ledger_now() - :graceMs::float8 * interval '1 millisecond'
      OR status IN ('running', 'cancelled')
    )
    OR recalled_at IS NOT NULL AND finished_at IS NOT NULL
      AND (SELECT true FROM open_deliveries d WHERE d.campaign_id = c.id AND ${outsideLanes("d")} ORDER BY d.priority, d.due_at LIMIT 1)
  )`;

interface Running {
  id: string;
  laneCount: number;
}

const runningCampaigns = `SELECT id, lane_count AS "laneCount" FROM campaigns WHERE status = 'running' AND finished_at IS NULL`;

interface Overdue {
  queues: string[];
  running: Running[];
  campaigns: Unfinished[];
}

/** Reads everything in one statement, so that an idle system sends few. */
const readOverdue = defineStatement<
  {
    graceMs: number;
    recentMs: number;
    queues: readonly string[];
    channels: readonly ChannelName[];
  },
  Overdue
>(
  `
  SELECT ARRAY(${overdueQueues}) AS queues,
    (SELECT coalesce(jsonb_agg(running), '[]') FROM (${runningCampaigns}) AS running) AS running,
    (SELECT coalesce(jsonb_agg(unfinished), '[]') FROM (${unfinishedCampaigns}) AS unfinished) AS campaigns`,
  "overdue",
);

/** The running campaigns, given with their lanes, that have no open row left to send. Only open rows are read. */
const readDrainedCampaigns = defineStatement<
  { ids: readonly string[]; laneCampaigns: readonly string[]; lanes: readonly string[] },
  { id: string }
>(
  `
  SELECT c.id FROM unnest(:ids::uuid[]) AS c(id)
  WHERE NOT EXISTS (SELECT FROM unnest(:laneCampaigns::uuid[], :lanes::text[]) AS l(campaign_id, queue) WHERE l.campaign_id = c.id AND ${openIn("l.queue")})
    AND ${owedOutside("c.id")} IS NULL`,
  "drained-campaigns",
);

const lanesOf = ({ id, laneCount }: Running) => laneNames(publicId("campaign", id), laneCount);

/** The ids of campaigns that should have been advanced. */
async function findStalledCampaigns(
  execute: Execute,
  unfinished: readonly Unfinished[],
): Promise<string[]> {
  const stalled = unfinished.filter(({ laneCount }) => laneCount === null).map(({ id }) => id);
  const running = unfinished.flatMap(({ id, laneCount }) =>
    laneCount === null ? [] : [{ id, lanes: lanesOf({ id, laneCount }) }],
  );
  if (running.length === 0) return stalled;
  const drained = await execute(readDrainedCampaigns, {
    ids: running.map(({ id }) => id),
    laneCampaigns: running.flatMap(({ id, lanes }) => lanes.map(() => id)),
    lanes: running.flatMap(({ lanes }) => lanes),
  });
  return [...stalled, ...drained.map(({ id }) => id)];
}

/** Wakes the workflows that should run by the ledger and do not. It never asks Temporal which workflows run. */
export function createRelayOverdue({
  pool,
  channels,
  wakeQueue,
  wakeCampaign,
}: {
  pool: Pool;
  /** Rows that are overdue on a closed channel wait for it, and their queue would only look again. */
  channels: Pick<Channels, "open">;
  /** Starts the workflow of a queue, or makes it look again. */
  wakeQueue: (queue: string) => Promise<void>;
  /** Starts the workflow of a campaign, or makes it look again. `campaignId` is the public id. */
  wakeCampaign: (campaignId: string) => Promise<void>;
}) {
  const execute = executeOn(pool);
  /** The lanes of the campaigns that ran at the last look. */
  let lanes: readonly string[] = [];

  async function findOverdue(): Promise<Overdue> {
    const look = async () => {
      const [overdue] = await execute(readOverdue, {
        graceMs,
        recentMs,
        queues: [...drainedQueues, ...lanes],
        channels: channels.open(new Date()),
      });
      return overdue!;
    };
    const overdue = await look();
    const known = new Set(lanes);
    lanes = overdue.running.flatMap(lanesOf);
    // The first look did not include the lanes of a campaign that has started since.
    return lanes.every((lane) => known.has(lane)) ? overdue : look();
  }

  /** Rests until the next sweep, or until the activity is cancelled. A long rest heartbeats, so that Temporal does not take the activity for dead. */
  async function rest(ms: number): Promise<void> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    for (let left = ms; left > 0 && !signal.aborted; left -= sweepMs) {
      await sleep(Math.min(left, sweepMs), undefined, { signal }).catch(() => {});
      if (left > sweepMs) context.heartbeat();
    }
  }

  return async function relayOverdue(): Promise<void> {
    const { cancellationSignal: signal } = Context.current();
    const endsAt = Date.now() + roundMs;
    while (!signal.aborted && Date.now() < endsAt) {
      const beganAtMs = performance.now();
      const overdue = await findOverdue();
      const campaigns = await findStalledCampaigns(execute, overdue.campaigns);
      const tookMs = performance.now() - beganAtMs;
      for (const queue of overdue.queues) await wakeQueue(queue);
      for (const id of campaigns) await wakeCampaign(publicId("campaign", id));
      Context.current().heartbeat();
      await rest(Math.max(sweepMs, Math.min(tookMs * restTimes, longestRestMs)));
    }
  };
}
