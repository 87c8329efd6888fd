import type { Pool } from "pg";
import { digestLaneNames, waitingDigests } from "../domain/delivery/queues.ts";
import { priorities } from "../domain/priority.ts";
import { ownQueue } from "./conditions.ts";
import { defineStatement, executeOn } from "./sql.ts";

/* Members of digests wait where no workflow drains them, and are moved to lanes when their time has come. */

const batchRows = 2_000;

const clock = "SELECT ledger_now() AS now";
/** In the order of the index of what is due, of which a queue, a channel and a priority are the beginning. */
const byChannel = "unnest(enum_range(NULL::channel)) AS c(channel)";
const byPriority = `(VALUES ${priorities.map((priority) => `('${priority}'::priority)`).join(", ")}) AS p(priority)`;

/** Whoever holds a row is about to move it, to release it, or to end it: either way it need not be waited for. */
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

/** Moves a batch of the members whose time has come to the lanes that they are sent from; resolves with their recipients. */
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

/** Those of the queues in which something is due, in their order. */
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

/** How long until the next member's time has come, in milliseconds, negative if it has; null where none waits. */
export async function readNextDigestInMs(pool: Pick<Pool, "query">): Promise<number | null> {
  return (await executeOn(pool)(nextStatement, { waiting: waitingDigests }))[0]!.inMs;
}
