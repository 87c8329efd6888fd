import type { Pool } from "pg";
import type { ReadRulebook } from "./rulebook.ts";
import { withTimeout } from "../lib/timeout.ts";
import type { CampaignStatus } from "../domain/campaign.ts";
import type { Measured } from "../domain/health.ts";
import { outsideLanes, sourceRuns } from "./conditions.ts";
import type { Policy } from "../domain/policy/policy.ts";
import { priorities, type Priority } from "../domain/priority.ts";
import { limitReasons, type Reason, reasons, reasonStatuses } from "../domain/delivery/reasons.ts";
import { countWaiting } from "./waiting-counts.ts";
import { readNewestRelease } from "./time-zone-releases.ts";
import { createWriteProbe } from "./write-probe.ts";
import { cachedRead } from "../lib/cached-read.ts";

/** How long a caller waits for the figures. Prometheus gives up after 10 s; figures that come later are used for the next request. */
const patienceMs = 5_000;
const probeMs = 2_000;

/** The kinds of queues: the first part of their names. */
export const queueKinds = ["mailbox", "critical", "campaign", "digest"] as const;
type QueueKind = (typeof queueKinds)[number];

interface OpenRow {
  kind: QueueKind;
  priority: Priority;
  open: number;
  due: number;
  overdueSeconds: number | null;
}

/** The figures that are read from the ledger. */
export interface LedgerReading {
  at: Date;
  open: readonly OpenRow[];
  /** The open deliveries of notifications: the backlog and the scheduled ones, each of which has a limit. */
  unsent: number;
  scheduled: number;
  campaigns: readonly { status: CampaignStatus; count: number }[];
  /** The attempts of each provider that had any, in the same time as the other rates. */
  byProvider: ReadonlyMap<string, { attempts: number; failed: number }>;
  /** The measurements, without those of the process itself. */
  measured: Omit<Measured, "memory" | "timeZoneData">;
  /** The size of the database on its disk. */
  databaseBytes: number;
  /** The current policy. */
  policy: Policy;
}

export interface LedgerReader {
  /** `reading` is null where the ledger cannot be read. `up`: whether the database answered last time; `takesWrites`: whether it accepts writes. */
  (): Promise<{ up: boolean; takesWrites: boolean; reading: LedgerReading | null }>;
}

/**
 * Counts open rows by queue and priority, from an index only, with the one that has been due for the longest. Rows of campaigns that are not
 * running do not count as due. Outside of lanes such rows are few, and are found by an index of their own.
 */
const openSql = `
  WITH clock AS MATERIALIZED (SELECT ledger_now() AS now),
  open AS (
    SELECT queue, priority, count(*) AS count, count(*) FILTER (WHERE due_at <= clock.now) AS due, min(due_at) AS due_at
    FROM open_deliveries, clock GROUP BY queue, priority
  ),
  standing AS (
    SELECT d.queue, d.priority, count(*) AS count FROM open_deliveries d, clock
    WHERE d.campaign_id IS NOT NULL AND ${outsideLanes("d")} AND d.due_at <= clock.now AND NOT ${sourceRuns("d")} GROUP BY d.queue, d.priority
  ),
  judged AS (
    SELECT split_part(queue, '/', 1) AS kind, priority, open.count, due - coalesce(standing.count, 0) AS due,
      CASE WHEN standing.count IS NULL THEN open.due_at ELSE (
        SELECT d.due_at FROM open_deliveries d WHERE d.queue = open.queue AND d.priority = open.priority AND ${sourceRuns("d")}
        ORDER BY d.due_at LIMIT 1
      ) END AS due_at,
      due > coalesce(standing.count, 0) AND (queue NOT LIKE 'campaign/%' OR EXISTS (
        SELECT FROM campaigns c WHERE c.status = 'running' AND c.id = (
          SELECT d.campaign_id FROM open_deliveries d WHERE d.queue = open.queue AND d.priority = open.priority AND d.due_at = open.due_at LIMIT 1
        )
      )) AS runs
    FROM open LEFT JOIN standing USING (queue, priority)
  )
  SELECT kind, priority, sum(count)::float8 AS open, coalesce(sum(due) FILTER (WHERE runs), 0)::float8 AS due,
    (max(extract(epoch FROM clock.now - due_at)) FILTER (WHERE runs))::float8 AS "overdueSeconds"
  FROM judged, clock GROUP BY kind, priority`;

const campaignsSql = "SELECT status, count(*)::int AS count FROM campaigns GROUP BY status";

/** The reasons that only open rows have, so that the index by reason is enough. */
const openReasons = reasons.filter((reason) => reasonStatuses[reason].includes("pending"));
const waitingSql =
  "SELECT reason, count(*)::float8 AS count FROM open_deliveries WHERE reason = ANY($1::text[]) GROUP BY reason";

/** The maximum of recently ended rows that are read. */
const sampleRows = 10_000;

const recipientsAtLimitSql = `
  SELECT count(DISTINCT recipient_id)::int AS count
  FROM (SELECT recipient_id FROM open_deliveries WHERE reason = ANY($1::text[]) LIMIT ${sampleRows}) AS held`;

/** PostgreSQL adds up the sizes of all files of the database, which takes a few milliseconds for some thousand files. */
const sizeSql = "SELECT pg_database_size(current_database())::float8 AS bytes";

const breakersSql = "SELECT provider, state FROM breakers ORDER BY provider";
const stopsSql =
  "SELECT key AS gate, shut_until AS until FROM gates WHERE shut_by IS NOT NULL AND shut_until > ledger_now() ORDER BY key";

/**
 * Computes rates from the last deliveries that ended within the window and from those that wait for a retry. If more have ended than are read,
 * the window is shortened to the time that they took. Rows that policy held, and those that an operator retried, do not count towards the
 * latency.
 */
const endedSql = `
  WITH clock AS MATERIALIZED (SELECT now, now - $1::int * interval '1 minute' AS since FROM ledger_now() AS now),
  ended AS MATERIALIZED (
    SELECT d.id, d.status, d.notification_id, d.group_id, d.hold_count, d.forgiven_count, d.finished_at
    FROM ended_deliveries d WHERE d.finished_at > (SELECT since FROM clock) ORDER BY d.finished_at DESC LIMIT ${sampleRows}
  ),
  span AS MATERIALIZED (
    SELECT CASE WHEN (SELECT count(*) FROM ended) = ${sampleRows} THEN (SELECT min(finished_at) FROM ended) ELSE clock.since END AS since FROM clock
  ),
  tried AS MATERIALIZED (SELECT id FROM open_deliveries WHERE reason = 'retry' ORDER BY id DESC LIMIT ${sampleRows}),
  made AS MATERIALIZED (
    SELECT a.outcome, a.provider FROM (SELECT id FROM ended UNION ALL SELECT id FROM tried) d JOIN attempts a ON a.delivery_id = d.id, span
    WHERE a.finished_at >= span.since
  ),
  latencies AS (
    SELECT extract(epoch FROM d.finished_at - greatest(n.send_at, n.created_at)) * 1000 AS ms
    FROM ended d JOIN notifications n ON n.id = d.notification_id
    WHERE d.status IN ('sent', 'delivered') AND d.group_id IS NULL AND d.hold_count = 0 AND d.forgiven_count = 0 AND d.finished_at >= n.send_at
  )
  SELECT extract(epoch FROM clock.now - span.since)::float8 AS seconds,
    (SELECT count(*) FROM ended WHERE status IN ('sent', 'delivered'))::int AS sent,
    (SELECT count(DISTINCT coalesce(group_id, id)) FROM ended WHERE status IN ('sent', 'delivered'))::int AS messages,
    (SELECT count(*) FROM ended WHERE status = 'failed')::int AS failed,
    (SELECT count(*) FROM made)::int AS attempts,
    (SELECT count(*) FROM made WHERE outcome <> 'sent')::int AS "failedAttempts",
    (SELECT coalesce(jsonb_agg(p), '[]') FROM (
      SELECT provider, count(*) AS attempts, count(*) FILTER (WHERE outcome <> 'sent') AS failed FROM made WHERE provider IS NOT NULL GROUP BY provider
    ) AS p) AS "byProvider",
    (SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY ms) FROM latencies)::float8[] AS latencies
  FROM clock, span`;

type EndedRow = Pick<
  Measured,
  "seconds" | "sent" | "messages" | "failed" | "attempts" | "failedAttempts"
> & {
  latencies: [number, number, number] | null;
  byProvider: { provider: string; attempts: number; failed: number }[];
};

/** Creates a function that reads the figures with a few statements, whose cost is bounded, and caches them for some seconds. */
export function createLedgerReader({
  pool,
  readRulebook,
}: {
  pool: Pool;
  readRulebook: ReadRulebook;
}): LedgerReader {
  const probeWrites = createWriteProbe(pool);
  let [up, takesWrites] = [false, false];

  const read = cachedRead(async (): Promise<LedgerReading> => {
    [up, takesWrites] = [false, false];
    takesWrites = (await withTimeout(probeMs, probeWrites())) === null;
    up = true;
    return readLedger(pool, readRulebook);
  }, patienceMs);

  return async () => {
    const reading = await read();
    return { up, takesWrites, reading };
  };
}

/** Reads the current figures, without a cache. */
export async function readLedger(
  pool: Pick<Pool, "query">,
  readRulebook: ReadRulebook,
): Promise<LedgerReading> {
  const at = new Date();
  const { policy } = await readRulebook();
  const rowsOf = async <Row extends object>(sql: string, values: unknown[] = []) =>
    (await pool.query<Row>(sql, values)).rows;
  // One statement after the other: the connections are needed for requests.
  const open = await rowsOf<OpenRow>(openSql);
  const waitingOutside = await countWaiting(pool);
  const campaigns = await rowsOf<LedgerReading["campaigns"][number]>(campaignsSql);
  const waiting = await rowsOf<{ reason: Reason; count: number }>(waitingSql, [openReasons]);
  const [atLimit] = await rowsOf<{ count: number }>(recipientsAtLimitSql, [limitReasons]);
  const breakers = await rowsOf<Measured["breakers"][number]>(breakersSql);
  const stops = await rowsOf<Measured["stops"][number]>(stopsSql);
  const [ended] = await rowsOf<EndedRow>(endedSql, [policy.health.windowMinutes]);
  const timeZoneDataOfWorkers = await readNewestRelease(pool);
  const [size] = await rowsOf<{ bytes: number }>(sizeSql);
  const { latencies, byProvider, ...rates } = ended!;
  return {
    at,
    open,
    ...waitingOutside,
    campaigns,
    databaseBytes: size!.bytes,
    policy,
    byProvider: new Map(
      byProvider.map(({ provider, attempts, failed }) => [provider, { attempts, failed }]),
    ),
    measured: {
      ...rates,
      depths: depthsOf(open),
      waiting: Object.fromEntries(waiting.map(({ reason, count }) => [reason, count])),
      recipientsAtLimit: atLimit!.count,
      breakers,
      stops,
      latencyMs: latencies && { p50: latencies[0], p95: latencies[1], p99: latencies[2] },
      timeZoneDataOfWorkers,
    },
  };
}

function depthsOf(open: readonly OpenRow[]): Measured["depths"] {
  return priorities.map((priority) => {
    const own = open.filter((row) => row.priority === priority);
    const outside = own.filter(({ kind }) => kind !== "campaign");
    const sum = (rows: readonly OpenRow[], of: "open" | "due") =>
      rows.reduce((total, row) => total + row[of], 0);
    const ages = outside.flatMap(({ overdueSeconds }) => overdueSeconds ?? []);
    const due = sum(outside, "due");
    return {
      priority,
      due,
      later: sum(outside, "open") - due,
      oldestDueSeconds: ages.length > 0 ? Math.max(...ages) : null,
      ofCampaigns: sum(own, "open") - sum(outside, "open"),
    };
  });
}
