import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import type { Logger } from "../config/logger.ts";
import { createResealing, type ResealCursor, type ResealedPage } from "../ledger/reseal.ts";
import type { KeptSealer } from "../ledger/sealer.ts";

export interface ResealValuesInput {
  /** Where the last round ended; null for the first round, which also wraps data keys with a new master key. */
  after: ResealCursor | null;
}

export interface ResealRound extends ResealedPage {
  /** The number of data keys that were wrapped with another master key. */
  rewrapped: number;
}

/** The shortest pause between pages. A pause is as long as the page before it, as in remove-expired.ts. */
const pauseMs = 20;

const nothing: ResealRound = { rewrapped: 0, resealed: 0, unopened: 0, next: null };

/**
 * Wraps data keys with the newest master key, and seals values with the newest data key, in pages, until no row is left to look at or the round is
 * over. Without the right keys it does nothing: maintenance does not wait for them. After a crash, the next attempt continues from the last heartbeat.
 */
export function createResealValues({
  pool,
  sealer,
  logger,
  roundMs = 60_000,
}: {
  pool: Pick<Pool, "query">;
  sealer: KeptSealer;
  logger: Pick<Logger, "warn">;
  /** The time of one activity, which reads many pages. */
  roundMs?: number;
}) {
  const resealing = createResealing({ pool, sealer });

  return async function resealValues({ after }: ResealValuesInput): Promise<ResealRound> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    const resumed = context.info.heartbeatDetails as ResealRound | undefined;
    if (resumed !== undefined && resumed.next === null) return resumed;
    const rewrapped = after === null && !resumed ? await sealer.rewrap() : 0;
    const { state, activeKey, fault } = await sealer.check("fresh");
    if (state === "failing") logger.warn({}, fault!);
    if (activeKey === null || (after === null && !(await resealing.isNeeded())))
      return { ...nothing, rewrapped };

    let done: ResealRound = resumed ?? {
      ...nothing,
      rewrapped,
      next: after ?? { column: 0, after: null },
    };
    const endsAt = performance.now() + roundMs;
    while (done.next !== null) {
      const startedAt = performance.now();
      const page = await resealing.resealPage(done.next, activeKey);
      done = {
        rewrapped: done.rewrapped,
        resealed: done.resealed + page.resealed,
        unopened: done.unopened + page.unopened,
        next: page.next,
      };
      if (done.next === null) await resealing.finish();
      context.heartbeat(done);
      const endedAt = performance.now();
      if (done.next === null || signal.aborted || endedAt >= endsAt) break;
      await sleep(Math.max(pauseMs, endedAt - startedAt), undefined, { signal }).catch(() => {});
    }
    if (done.unopened > 0)
      logger.warn(
        { values: done.unopened },
        "sealed values could not be opened, and were not sealed again",
      );
    return done;
  };
}
