import type { Pool } from "pg";
import { drainedQueues } from "../domain/delivery/queues.ts";
import { reasons, reasonStatuses, recipientReasons } from "../domain/delivery/reasons.ts";
import { dueSoon, waitsForItsTime } from "./conditions.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The reasons for which open deliveries count as backlog, whenever they are due: they wait for their turn, a limit or another attempt. */
const backlogReasons = reasons.filter(
  (reason) =>
    reasonStatuses[reason].includes("pending") &&
    reason !== "snoozed" &&
    !(recipientReasons as readonly string[]).includes(reason),
);

interface Queues {
  queues: readonly string[];
}

/**
 * Selects deliveries of notifications that wait only for their time and fulfil `due`. Each part of the index of due deliveries is searched
 * separately, so that no other rows are read.
 */
const byTime = (columns: string, due: string, limit: string) => `
  SELECT d.* FROM unnest(:queues::text[]) AS q(queue), unnest(enum_range(NULL::channel)) AS c(channel), unnest(enum_range(NULL::priority)) AS p(priority),
  LATERAL (
    SELECT ${columns} FROM open_deliveries AS o
    WHERE o.queue = q.queue AND o.channel = c.channel AND o.priority = p.priority AND o.due_at ${due}
      AND o.notification_id IS NOT NULL AND ${waitsForItsTime("o")} LIMIT ${limit}
  ) AS d
  WHERE EXISTS (SELECT FROM open_deliveries AS o WHERE o.queue = q.queue)`;

const byReason = (columns: string, reason: readonly string[]) => `
  SELECT ${columns} FROM open_deliveries AS o
  WHERE o.reason IN (${reason.map((name) => `'${name}'`).join(", ")}) AND o.notification_id IS NOT NULL`;

const soon = `soon AS MATERIALIZED (SELECT ${dueSoon} AS at)`;
const atSoon = "(SELECT at FROM soon)";

/** The deliveries that count towards `MAX_UNSENT` (`backlog`), and towards `MAX_SCHEDULED` (`later`). */
const backlog = (columns: string, limit: string) =>
  `${byTime(columns, `<= ${atSoon}`, limit)} UNION ALL ${byReason(columns, backlogReasons)}`;
const later = (columns: string, limit: string) =>
  `${byTime(columns, `> ${atSoon}`, limit)} UNION ALL ${byReason(columns, recipientReasons)}`;

const countBoth = defineStatement<Queues, { unsent: number; scheduled: number }>(
  `
  WITH ${soon}
  SELECT (SELECT count(*) FROM (${backlog("o.id", "ALL")}) AS b)::float8 AS unsent, (SELECT count(*) FROM (${later("o.id", "ALL")}) AS l)::float8 AS scheduled`,
  "count-waiting",
);

/** Counts the deliveries of both kinds, for display. */
export async function countWaiting(
  pool: Pick<Pool, "query">,
): Promise<{ unsent: number; scheduled: number }> {
  const [counts] = await executeOn(pool)(countBoth, { queues: drainedQueues });
  return counts!;
}

/**
 * The API key that requested the delivery. To look it up for each delivery takes several times as long as to count them, so without `byKey` all
 * are counted under one key with an empty name.
 */
const keyOf = (d: string, byKey: boolean) =>
  byKey ? `(SELECT n.created_by FROM notifications AS n WHERE n.id = ${d}.notification_id)` : "''";

const backlogStatement = (byKey: boolean) =>
  defineStatement<Queues & { limit: number }, { key: string; all: number; critical: number }>(
    `
  WITH ${soon}
  SELECT key, count(*)::int AS all, count(*) FILTER (WHERE priority = 'critical')::int AS critical
  FROM (
    SELECT ${keyOf("b", byKey)} AS key, priority
    FROM (${backlog("o.notification_id, o.priority", ":limit::int")} LIMIT :limit::int) AS b
  ) AS of_key GROUP BY key`,
    byKey ? "count-backlog-by-key" : "count-backlog",
  );

const laterStatement = (byKey: boolean) =>
  defineStatement<
    Queues & { limit: number },
    { key: string; all: number; held: number; dueWithinHour: number }
  >(
    `
  WITH ${soon}
  SELECT key, count(*)::int AS all, count(*) FILTER (WHERE held)::int AS held, count(*) FILTER (WHERE due_at <= ${atSoon} + interval '1 hour')::int AS "dueWithinHour"
  FROM (
    SELECT ${keyOf("l", byKey)} AS key, due_at, held
    FROM (${later(`o.notification_id, o.due_at, NOT ${waitsForItsTime("o")} AS held`, ":limit::int")} LIMIT :limit::int) AS l
  ) AS of_key GROUP BY key`,
    byKey ? "count-later-by-key" : "count-later",
  );

const statements = {
  backlog: { total: backlogStatement(false), byKey: backlogStatement(true) },
  later: { total: laterStatement(false), byKey: laterStatement(true) },
};

/** The period over which the drain rate of the backlog is measured. */
const rateSeconds = 10;
const rateRows = 100_000;

const readRateStatement = defineStatement<object, { perSecond: number }>(
  `
  WITH since AS MATERIALIZED (SELECT ledger_now() - interval '${rateSeconds} seconds' AS at)
  SELECT (count(*) / ${rateSeconds}.0)::float8 AS "perSecond" FROM (
    SELECT FROM ended_deliveries WHERE finished_at > (SELECT at FROM since) AND notification_id IS NOT NULL LIMIT ${rateRows}
  ) AS ended`,
  "drain-rate",
);

export interface Counting {
  /** The maximum of deliveries that are counted. */
  limit: number;
  /** Whether deliveries are counted for each API key. */
  byKey: boolean;
}

/** Counts of deliveries by the API key that requested them, or of all deliveries under an empty name. */
export interface CountedByKey<Kind extends string> {
  byKey: Map<string, Record<Kind, number>>;
  /** False where the limit was reached and not all deliveries were counted. */
  isComplete: boolean;
}

function countedBy<Kind extends string>(
  byKey: [string, Record<Kind | "all", number>][],
  limit: number,
): CountedByKey<Kind | "all"> {
  const total = byKey.reduce((sum, [, { all }]) => sum + all, 0);
  return { byKey: new Map(byKey), isComplete: total < limit };
}

export async function countBacklog(
  pool: Pick<Pool, "query">,
  { limit, byKey }: Counting,
): Promise<CountedByKey<"all" | "critical">> {
  const rows = await executeOn(pool)(statements.backlog[byKey ? "byKey" : "total"], {
    queues: drainedQueues,
    limit,
  });
  return countedBy(
    rows.map(({ key, all, critical }) => [key, { all, critical }]),
    limit,
  );
}

/** Counts the deliveries that wait for a later time, and computes how many of them per second become due in the next hour. */
export async function countLater(
  pool: Pick<Pool, "query">,
  { limit, byKey }: Counting,
): Promise<CountedByKey<"all" | "held"> & { duePerSecond: number }> {
  const rows = await executeOn(pool)(statements.later[byKey ? "byKey" : "total"], {
    queues: drainedQueues,
    limit,
  });
  const due = rows.reduce((sum, { dueWithinHour }) => sum + dueWithinHour, 0);
  const counted = countedBy(
    rows.map(({ key, all, held }) => [key, { all, held }]),
    limit,
  );
  return { ...counted, duePerSecond: due / 3_600 };
}

/** The recent rate of ended deliveries of notifications, per second. */
export async function readDrainRate(pool: Pick<Pool, "query">): Promise<number> {
  const [rate] = await executeOn(pool)(readRateStatement, {});
  return rate!.perSecond;
}
