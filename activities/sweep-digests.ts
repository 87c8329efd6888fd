import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { priorities } from "../domain/priority.ts";
import { digestLaneNames, waitingDigests } from "../domain/delivery/queues.ts";

export interface SweepInput {
  /** ISO 8601: what is due is so at this instant, or by the ledger's clock where that is later. */
  asOf: string;
}

/** What was moved. A run that was cut off may have moved a few more, which nobody counts. */
export interface Sweep {
  deliveries: number;
  recipients: number;
  /** Those that have something due now, whoever moved it. */
  lanes: string[];
}

const batchRows = 2_000;
/** How long rows that somebody else holds just now are left to them. */
const busyMs = 100;

const now = "SELECT greatest($1::timestamptz, clock_timestamp()) AS now";
/** In the order of the index of what is due, of which a queue, a channel and a priority are the beginning. */
const byChannel = "unnest(enum_range(NULL::channel)) AS c(channel)";
const byPriority = `(VALUES ${priorities.map((priority) => `('${priority}'::priority)`).join(", ")}) AS p(priority)`;

/** Whoever holds a row is about to move it, to release it, or to end it: either way it need not be waited for. */
const moveSql = `
  WITH clock AS MATERIALIZED (${now}),
  due AS (
    SELECT d.id FROM clock, ${byChannel}, ${byPriority},
    LATERAL (
      SELECT id, due_at FROM deliveries WHERE queue = $2 AND channel = c.channel AND priority = p.priority AND due_at <= clock.now
      ORDER BY due_at LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
    ) d
    LIMIT ${batchRows}
  )
  UPDATE deliveries d SET queue = ($3::text[])[get_byte(uuid_send(d.recipient_id), 15) % cardinality($3::text[]) + 1]
  FROM due WHERE d.id = due.id
  RETURNING d.recipient_id AS recipient`;

/** Which of the queues have something due. */
const dueSql = `
  WITH clock AS MATERIALIZED (${now})
  SELECT q.queue FROM clock, unnest($2::text[]) WITH ORDINALITY AS q(queue, place)
  WHERE EXISTS (SELECT FROM ${byChannel}, ${byPriority}, LATERAL (SELECT FROM deliveries WHERE queue = q.queue AND channel = c.channel AND priority = p.priority AND due_at <= clock.now LIMIT 1) d)
  ORDER BY q.place`;

/**
 * Moves the members of digests whose time has come from where they wait to the lanes that they are sent from, and wakes
 * these. Each batch is a statement that finds what is left, so that it may be cut off anywhere, and run twice at once:
 * the next attempt, the next run, or the other one does the rest. A wake that is lost is made up for by the relay.
 */
export function createSweepDigests({
  pool,
  wake,
}: {
  pool: Pick<Pool, "query">;
  /** Starts the workflow of a queue, or has it look again. */
  wake: (queue: string) => Promise<void>;
}) {
  return async function sweepDigests({ asOf }: SweepInput): Promise<Sweep> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    const dueIn = async (queues: readonly string[]) => {
      const { rows } = await pool.query<{ queue: string }>({
        name: "digests-due",
        text: dueSql,
        values: [asOf, queues],
      });
      return rows.map(({ queue }) => queue);
    };

    let deliveries = 0;
    const recipients = new Set<string>();
    for (;;) {
      // Not an end like another: what is left is for the next attempt.
      if (signal.aborted) await context.cancelled;
      const { rows } = await pool.query<{ recipient: string }>({
        name: "sweep-digests",
        text: moveSql,
        values: [asOf, waitingDigests, digestLaneNames],
      });
      deliveries += rows.length;
      for (const { recipient } of rows) recipients.add(recipient);
      context.heartbeat();
      if (rows.length > 0) continue;
      if ((await dueIn([waitingDigests])).length === 0) break;
      await sleep(busyMs, undefined, { signal }).catch(() => {});
    }

    const lanes = await dueIn(digestLaneNames);
    for (const lane of lanes) await wake(lane);
    return { deliveries, recipients: recipients.size, lanes };
  };
}
