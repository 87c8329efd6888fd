import type { Logger } from "pino";
import { addHits, type TrackedHit } from "../../ledger/tracking-hits.ts";
import type { Execute } from "../../ledger/sql.ts";
import type { ApiMetrics } from "../http/metrics.ts";

/** Hits are written after this time at the latest: as much is lost if the process is killed. */
const writeAfterMs = 50;
/** Hits are written sooner once there are this many; one statement writes no more. */
const writtenTogether = 500;
/** The hits that are kept while the database does not answer, in about 20 MB. */
const mostKept = 100_000;
/** How many are dropped at once, the oldest first. */
const droppedTogether = 1_000;
const retryMs = 1_000;

/** Gathers hits and writes them, so that no answer waits for the database. */
export interface HitBuffer {
  add(hit: TrackedHit): void;
  /** Writes what there is. Resolves also if the database does not answer. */
  flush(): Promise<void>;
}

export function createHitBuffer({
  execute,
  metrics,
  logger,
}: {
  execute: Execute;
  metrics: Pick<ApiMetrics, "recordHits">;
  logger: Pick<Logger, "warn">;
}): HitBuffer {
  const kept: TrackedHit[] = [];
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<boolean> | null = null;

  /** Resolves with whether everything was written. */
  async function write(): Promise<boolean> {
    while (kept.length > 0) {
      const hits = kept.splice(0, writtenTogether);
      try {
        await addHits(execute, hits);
        metrics.recordHits("written", hits.length);
      } catch (error) {
        kept.unshift(...hits);
        logger.warn(
          { hits: kept.length, error: (error as Error).message },
          "hits of tracking wait for the database",
        );
        return false;
      }
    }
    return true;
  }

  function writeAll(): Promise<boolean> {
    writing ??= write().finally(() => (writing = null));
    return writing;
  }

  function schedule(afterMs: number): void {
    timer ??= setTimeout(() => void begin(), afterMs).unref();
  }

  async function begin(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const isWritten = await writeAll();
    if (kept.length > 0) schedule(isWritten ? writeAfterMs : retryMs);
  }

  return {
    add(hit) {
      if (kept.length >= mostKept) {
        kept.splice(0, droppedTogether);
        metrics.recordHits("dropped", droppedTogether);
        logger.warn({ hits: droppedTogether }, "dropped the oldest hits of tracking");
      }
      kept.push(hit);
      if (kept.length === writtenTogether && writing === null && timer !== null) void begin();
      else if (writing === null) schedule(writeAfterMs);
    },
    async flush() {
      await begin();
    },
  };
}
