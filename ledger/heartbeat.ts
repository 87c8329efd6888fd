import { hostname } from "node:os";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Pool } from "pg";
import { describeError } from "../config/describe-error.ts";
import type { Logger } from "../config/logger.ts";
import { memoryShare } from "../config/memory.ts";
import { version } from "../config/version.ts";
import { newUuid } from "../domain/ids.ts";
import type { ProcessKind } from "../domain/processes.ts";
import { poll } from "../lib/polling.ts";
import { withTimeout } from "../lib/timeout.ts";
import type { LedgerClock } from "./clock.ts";
import { removeProcess, reportProcess } from "./processes.ts";
import { executeOn } from "./sql.ts";

const reportMs = 10_000;
/** How long a process that stops waits for its row to be removed. */
const removeMs = 2_000;
/** How often the delay of the event loop is measured. Node.js counts this time as a part of each delay. */
const samplingMs = 20;

/** What a process reports of its work. */
interface WorkState {
  /** The task queues from which it takes work. */
  taskQueues: readonly string[];
  isReady: boolean;
}

/**
 * Writes the row of this process, by which operators see it, now and every ten seconds. Where that fails, it is tried again ten seconds later.
 * `stop` removes the row: a process that ends without it counts as gone after a minute.
 */
export function startHeartbeat({
  kind,
  pool,
  clock,
  state,
  logger,
  everyMs = reportMs,
}: {
  kind: ProcessKind;
  pool: Pick<Pool, "query">;
  clock: Pick<LedgerClock, "localAheadMs" | "refresh">;
  state: () => WorkState;
  logger: Pick<Logger, "warn">;
  everyMs?: number;
}): { stop(): Promise<void> } {
  const id = newUuid();
  const execute = executeOn(pool);
  const delays = monitorEventLoopDelay({ resolution: samplingMs });
  delays.enable();
  let isFailing = false;

  const report = async () => {
    const eventLoopDelayMs = Math.max(0, delays.percentile(99) / 1e6 - samplingMs);
    delays.reset();
    await clock.refresh();
    await execute(reportProcess, {
      id,
      kind,
      host: hostname(),
      pid: process.pid,
      version,
      upMs: performance.now(),
      clockAheadMs: clock.localAheadMs,
      memoryBytes: process.memoryUsage.rss(),
      memoryShare: memoryShare(),
      eventLoopDelayMs,
      ...state(),
    });
    isFailing = false;
  };
  const tryToReport = async () => {
    try {
      await report();
    } catch (error) {
      if (!isFailing)
        logger.warn(
          { error: describeError(error) },
          "this process cannot report itself to operators, and tries again every ten seconds",
        );
      isFailing = true;
    }
  };

  let reporting = tryToReport();
  const polling = poll(() => (reporting = tryToReport()), everyMs);
  return {
    async stop() {
      polling.stop();
      delays.disable();
      // A report that is under way would write the row again.
      const removing = reporting.then(() => execute(removeProcess, { id }));
      await withTimeout(removeMs, removing).catch(() => {});
    },
  };
}
