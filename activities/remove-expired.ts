import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import type { Retention, RetentionTable } from "../domain/retention.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { createExpired, type Removal } from "../ledger/retention.ts";

/** A round, and the instant of the ledger's clock that it used. */
export interface RemovalRound extends Removal {
  asOf: string;
}

export interface RemoveExpiredInput {
  table: RetentionTable;
  /**
   * The instant at which retention is judged, in ISO 8601. The ledger's clock is used if it is behind that instant, or if there
   * is none.
   */
  asOf?: string | undefined;
  /** Where the last round ended; null to begin at the oldest row. */
  after: string | null;
}

/** The shortest pause between batches. A pause is as long as the batch before it, so that removal uses half of one connection at most. */
const pauseMs = 20;

/**
 * Removes rows past their retention from one table, in batches (ledger/retention.ts), until no row is left to look at or the
 * round is over. After a crash, the next attempt continues from the last heartbeat. The interrupted attempt may have removed a
 * few rows that are not counted.
 */
export function createRemoveExpired({
  pool,
  retention,
  clock,
  roundMs = 60_000,
}: {
  pool: Pool;
  retention: Retention;
  clock: Pick<LedgerClock, "now" | "refresh">;
  /** The time of one activity, which removes many batches. The workflow then calls it again, and shows its progress. */
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
