import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import type { Retention, RetentionTable } from "../domain/retention.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { createExpired, type Removal } from "../ledger/retention.ts";

/** A round, and the instant of the ledger's clock that it went by. */
export interface RemovalRound extends Removal {
  asOf: string;
}

export interface RemoveExpiredInput {
  table: RetentionTable;
  /** ISO 8601: what is past its retention is so at this instant, or by the ledger's clock where that is behind, or none is named. */
  asOf?: string | undefined;
  /** Where the last round ended; null: at the oldest. */
  after: string | null;
}

/** Between batches as long as a batch took, and at least so long: removal takes half of one connection at most. */
const pauseMs = 20;

/**
 * Removes what is past its retention from one table, batch by batch (ledger/retention.ts), until nothing is left to look
 * at, or for a round. Whatever kills it, the next attempt goes on where the last heartbeat was; the cut-off one may have
 * removed a few rows that nobody counts.
 */
export function createRemoveExpired({
  pool,
  retention,
  clock,
  roundMs = 60_000,
}: {
  pool: Pick<Pool, "query">;
  retention: Retention;
  clock: Pick<LedgerClock, "now" | "refresh">;
  /** One activity, many batches; then the workflow calls again, and shows how far it is. */
  roundMs?: number;
}) {
  const expired = createExpired({ pool, retention });

  return async function removeExpired({
    table,
    asOf,
    after,
  }: RemoveExpiredInput): Promise<RemovalRound> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    await clock.refresh();
    const now = new Date(
      Math.min(asOf === undefined ? Infinity : Date.parse(asOf), clock.now().getTime()),
    );
    const roundOf = (removal: Removal): RemovalRound => ({ ...removal, asOf: now.toISOString() });
    let done = (context.info.heartbeatDetails as Removal | undefined) ?? { removed: 0, after };
    if (context.info.heartbeatDetails !== undefined && done.after === null) return roundOf(done);

    const endsAt = performance.now() + roundMs;
    for (;;) {
      const startedAt = performance.now();
      const batch = await expired.remove({ table, now, after: done.after });
      done = { removed: done.removed + batch.removed, after: batch.after };
      context.heartbeat(done);
      const endedAt = performance.now();
      if (done.after === null || signal.aborted || endedAt >= endsAt) return roundOf(done);
      await sleep(Math.max(pauseMs, endedAt - startedAt), undefined, { signal }).catch(() => {});
    }
  };
}
