import type { Pool } from "pg";
import { drainedQueues } from "../domain/delivery/queues.ts";
import { reasons, reasonStatuses, recipientReasons } from "../domain/delivery/reasons.ts";
import { dueSoon, waitsForItsTime } from "./conditions.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** Why open deliveries are in the backlog, whenever they are due: they wait for their turn, a limit or another try. */
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
 * Deliveries of notifications that wait for their time, of which `due` is asked. Each part of the index of what is due is entered by
 * itself, so that nothing is read of what is not asked for, however much there is of it.
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

/** What `MAX_UNSENT` bounds, and what `MAX_SCHEDULED` does. */
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

/** How much waits of both kinds, for people. */
export async function countWaiting(
  pool: Pick<Pool, "query">,
): Promise<{ unsent: number; scheduled: number }> {
  const [counts] = await executeOn(pool)(countBoth, { queues: drainedQueues });
  return counts!;
}

/**
 * The key that asked for it. To look that up for each delivery takes several times as long as to count them: where it is not needed, all
 * are counted as those of one key without a name.
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

/** What ended within so long tells how fast the backlog drains. */
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
  /** Deliveries that are counted, at most. */
  limit: number;
  /** Those of each API key by themselves. */
  byKey: boolean;
}

/** Counts of deliveries, of each API key that asked for them, or of all together under no name. */
export interface CountedByKey<Kind extends string> {
  byKey: Map<string, Record<Kind, number>>;
  /** False where there are more than were counted. */
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

/** Counts what is for later, and says how many of that a second are due in the next hour. */
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

/** How many deliveries of notifications ended a second, of late. */
export async function readDrainRate(pool: Pick<Pool, "query">): Promise<number> {
  const [rate] = await executeOn(pool)(readRateStatement, {});
  return rate!.perSecond;
}
