import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { digestLaneNames } from "../domain/delivery/queues.ts";
import { moveDueDigests, readDueQueues, readNextDigestInMs } from "../ledger/digests.ts";

/** What was moved. A run that was cut off may have moved a few more, which nobody counts. */
export interface Sweep {
  deliveries: number;
  recipients: number;
  /** Those that have something due now, whoever moved it. */
  lanes: string[];
}

/** How long rows that somebody else holds just now are left to them. */
const busyMs = 100;
/**
 * What comes due so soon is waited for: Temporal starts a run by its own clock, at the instant at which digests are due by the
 * ledger's, which may be a little behind.
 */
const soonMs = 5_000;

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
  return async function sweepDigests(): Promise<Sweep> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    let deliveries = 0;
    const recipients = new Set<string>();
    for (;;) {
      // Not an end like another: what is left is for the next attempt.
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
