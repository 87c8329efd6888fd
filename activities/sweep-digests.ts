import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { digestLaneNames } from "../domain/delivery/queues.ts";
import { moveDueDigests, readDueQueues, readNextDigestInMs } from "../ledger/digests.ts";

/** The rows that were moved. An interrupted run may have moved a few more, which are not counted. */
export interface Sweep {
  deliveries: number;
  recipients: number;
  /** The lanes that have due rows now, whichever run moved them. */
  lanes: string[];
}

/** How long to wait for rows that another transaction has locked. */
const busyMs = 100;
/**
 * Digests that are due this soon are waited for. Temporal starts a run by its own clock at the instant at which digests are due,
 * and the ledger's clock may be a little behind.
 */
const soonMs = 5_000;

/**
 * Moves the members of due digests from the queue in which they wait to the lanes that send them, and wakes these. Each batch is
 * a statement that finds the rows that are left, so that the activity may be interrupted anywhere or run twice at once: the next
 * attempt, the next run or the other one does the rest. A lost wake is made up for by the relay.
 */
export function createSweepDigests({
  pool,
  wake,
}: {
  pool: Pick<Pool, "query">;
  /** Starts the workflow of a queue, or makes it look again. */
  wake: (queue: string) => Promise<void>;
}) {
  return async function sweepDigests(): Promise<Sweep> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    let deliveries = 0;
    const recipients = new Set<string>();
    for (;;) {
      // End as cancelled, so that the next attempt moves the rest.
      if (signal.aborted) await context.cancelled;
      const moved = await moveDueDigests(pool);
      deliveries += moved.length;
      for (const recipientId of moved) recipients.add(recipientId);
      context.heartbeat();
      if (moved.length > 0) continue;
      const inMs = await readNextDigestInMs(pool);
      if (inMs === null || inMs > soonMs) break;
      await sleep(Math.max(busyMs, Math.ceil(inMs)), undefined, { signal }).catch(() => {});
    }

    const lanes = await readDueQueues(pool, digestLaneNames);
    for (const lane of lanes) await wake(lane);
    return { deliveries, recipients: recipients.size, lanes };
  };
}
