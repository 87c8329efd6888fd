import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import type { RetryPolicy } from "../domain/delivery/settle.ts";
import type { Sealer } from "../domain/sealer.ts";
import type { AttemptOutcome } from "../domain/webhook-endpoint.ts";
import type { Gates } from "../ledger/gates.ts";
import { executeOn } from "../ledger/sql.ts";
import { findReadyEndpoints, removeOldAttempts } from "../ledger/webhook-endpoints.ts";
import type { OutboundClient } from "../lib/outbound/client.ts";
import {
  createConfiguredOutbox,
  forgetDueEvents,
  noteReceiver,
  type Write,
} from "./publishing/configured-outbox.ts";
import { createEndpointOutbox } from "./publishing/endpoint-outbox.ts";
import { createPublisher, type EventReceiver } from "./publishing/publisher.ts";

/** How often events are unmarked while there is no receiver, in milliseconds. Nobody waits for that. */
const forgetMs = 10_000;
/** How often old requests to endpoints are removed, in milliseconds. */
const removeOldMs = 60_000;

/**
 * Sends events to the receiver at `EVENTS_URL` and to the endpoints that callers registered, each by itself, so that one that is slow or away does not hold up
 * the others. Events are sent in the order in which they became due, up to a hundred in one signed POST, at least once: after a crash between the answer and our commit
 * they are sent again with the same ids.
 */
export function createPublishEvents({
  pool,
  gates,
  receiver,
  http,
  sealer,
  retry,
  count = () => {},
  clock = () => new Date(),
  random = Math.random,
  sweepMs = 1_000,
  roundMs = 600_000,
  timeoutMs = 10_000,
}: {
  pool: Pick<Pool, "query">;
  gates: Pick<Gates, "look" | "shut">;
  /** The receiver at `EVENTS_URL`; null without one. */
  receiver: EventReceiver | null;
  /** The way to the endpoints that callers registered. */
  http: Pick<OutboundClient, "send">;
  sealer: Pick<Sealer, "open">;
  retry: RetryPolicy;
  /** Called with the outcome of each request and the number of its events. */
  count?: (outcome: AttemptOutcome, events: number) => void;
  clock?: () => Date;
  random?: () => number;
  /** The wait between two looks at the tables while nothing is due, in milliseconds. */
  sweepMs?: number;
  /** Duration of one activity in milliseconds. It looks at the tables many times, so that an idle system costs Temporal few events. */
  roundMs?: number;
  /** Time for one request and its answer, in milliseconds. */
  timeoutMs?: number;
}) {
  return async function publishEvents(): Promise<void> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    const endsAt = performance.now() + roundMs;
    /** The first error of one of the loops ends all of them, and Temporal begins the activity again. */
    let failure: { error: unknown } | null = null;
    const isOver = () => signal.aborted || failure !== null || performance.now() >= endsAt;
    const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
    /** Repeats a statement until it succeeds: while outcomes cannot be written, further events would only be sent twice. */
    const write: Write = async (sql, values) => {
      for (;;) {
        try {
          return void (await pool.query(sql, values));
        } catch (error) {
          if (isOver()) throw error;
        }
        context.heartbeat();
        await pause(sweepMs);
      }
    };
    const publishing = { count, clock, timeoutMs };

    /** Sends what is due for `EVENTS_URL`, or unmarks it. */
    async function serveReceiver(): Promise<void> {
      await noteReceiver(pool, receiver !== null);
      const publish = receiver
        ? createPublisher({
            outbox: createConfiguredOutbox({ pool, gates, receiver, write, retry, random }),
            ...publishing,
          })
        : () => forgetDueEvents(pool);
      while (!isOver()) {
        const hasMore = await publish();
        context.heartbeat();
        if (!hasMore) await pause(receiver ? sweepMs : forgetMs);
      }
    }

    /** Sends all that is due for one endpoint. */
    async function serveEndpoint(id: string): Promise<void> {
      const publish = createPublisher({
        outbox: createEndpointOutbox({ id, pool, sealer, http, write, retry, random }),
        ...publishing,
      });
      while (!isOver() && (await publish())) context.heartbeat();
    }

    /** Begins to serve each endpoint for which something is due, and that is not being served. */
    async function serveEndpoints(): Promise<void> {
      const execute = executeOn(pool);
      const served = new Map<string, Promise<void>>();
      let removedAtMs = -Infinity;
      while (!isOver()) {
        for (const id of await findReadyEndpoints(execute)) {
          if (served.has(id)) continue;
          served.set(
            id,
            serveEndpoint(id)
              .catch((error: unknown) => void (failure ??= { error }))
              .finally(() => served.delete(id)),
          );
        }
        if (performance.now() - removedAtMs >= removeOldMs) {
          removedAtMs = performance.now();
          await removeOldAttempts(execute);
        }
        context.heartbeat();
        await pause(sweepMs);
      }
      await Promise.all(served.values());
    }

    const endOthers = (error: unknown) => void (failure ??= { error });
    await Promise.all([serveReceiver().catch(endOthers), serveEndpoints().catch(endOthers)]);
    if (failure) throw (failure as { error: unknown }).error;
  };
}
