import type { Pool } from "pg";
import { digestLaneNames, waitingDigests } from "../domain/delivery/queues.ts";
import { priorities } from "../domain/priority.ts";
import { ownQueue } from "./conditions.ts";
import { defineStatement, executeOn } from "./sql.ts";

// Members of digests wait in a queue that no workflow drains, and are moved to lanes when they are due.

const batchRows = 2_000;

const clock = "SELECT ledger_now() AS now";
/** Enumerates the channels: the index of due deliveries begins with queue, channel and priority. */
const byChannel = "unnest(enum_range(NULL::channel)) AS c(channel)";
const byPriority = `(VALUES ${priorities.map((priority) => `('${priority}'::priority)`).join(", ")}) AS p(priority)`;

/** Locked rows are skipped: their transaction moves, releases or ends them. */
const moveStatement = defineStatement<
  { waiting: string; lanes: readonly string[] },
  { recipientId: string }
>(
  `
  WITH clock AS MATERIALIZED (${clock}),
  due AS (
    SELECT d.id FROM clock, ${byChannel}, ${byPriority},
    LATERAL (
      SELECT id, due_at FROM open_deliveries WHERE queue = :waiting::text AND channel = c.channel AND priority = p.priority AND due_at <= clock.now
      ORDER BY due_at LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
    ) d
    LIMIT ${batchRows}
  )
  UPDATE open_deliveries d SET queue = ${ownQueue("d", ":lanes::text[]")}
  FROM due WHERE d.id = due.id
  RETURNING d.recipient_id AS "recipientId"`,
  "sweep-digests",
);

/** Moves a batch of due members to the lanes of digests. Resolves with their recipients. */
export async function moveDueDigests(pool: Pick<Pool, "query">): Promise<string[]> {
  const moved = await executeOn(pool)(moveStatement, {
    waiting: waitingDigests,
    lanes: digestLaneNames,
  });
  return moved.map(({ recipientId }) => recipientId);
}

const dueQueuesStatement = defineStatement<{ queues: readonly string[] }, { queue: string }>(
  `
  WITH clock AS MATERIALIZED (${clock})
  SELECT q.queue FROM clock, unnest(:queues::text[]) WITH ORDINALITY AS q(queue, place)
  WHERE EXISTS (SELECT FROM ${byChannel}, ${byPriority}, LATERAL (SELECT FROM open_deliveries WHERE queue = q.queue AND channel = c.channel AND priority = p.priority AND due_at <= clock.now LIMIT 1) d)
  ORDER BY q.place`,
  "digests-due",
);

/** The queues that have a due delivery, in the order in which they are given. */
export async function readDueQueues(
  pool: Pick<Pool, "query">,
  queues: readonly string[],
): Promise<string[]> {
  return (await executeOn(pool)(dueQueuesStatement, { queues })).map(({ queue }) => queue);
}

const nextStatement = defineStatement<{ waiting: string }, { inMs: number | null }>(
  `SELECT (extract(epoch FROM min(d.due_at) - ledger_now()) * 1000)::float8 AS "inMs"
   FROM ${byChannel}, ${byPriority},
   LATERAL (SELECT due_at FROM open_deliveries WHERE queue = :waiting::text AND channel = c.channel AND priority = p.priority ORDER BY due_at LIMIT 1) d`,
  "next-digest",
);

/** Milliseconds until the next member is due, negative if it is overdue; null where none waits. */
export async function readNextDigestInMs(pool: Pick<Pool, "query">): Promise<number | null> {
  return (await executeOn(pool)(nextStatement, { waiting: waitingDigests }))[0]!.inMs;
}
