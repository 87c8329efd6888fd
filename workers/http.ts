import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Pool } from "pg";
import { isClockOff } from "../domain/processes.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { type KeptSealer, probeSealing } from "../ledger/sealer.ts";
import { createWriteProbe, type WriteFault } from "../ledger/write-probe.ts";
import { withTimeout } from "../lib/timeout.ts";
import type { WatchedWorker, WorkerMetrics } from "./metrics.ts";

const databaseProbeMs = 2_000;

/** Whether a worker takes work from all its task queues, has written what it has done, and has a clock that does not mislead. */
export const isWorking = (
  workers: readonly WatchedWorker[],
  metrics: Pick<WorkerMetrics, "unwritten">,
  clock: Pick<LedgerClock, "localAheadMs">,
): boolean =>
  workers.length > 0 &&
  workers.every((worker) => worker.getState() === "RUNNING") &&
  metrics.unwritten() === 0 &&
  !isClockOff(clock.localAheadMs);

/** A worker's HTTP endpoints: `/healthz` shows that it is alive, `/readyz` whether it works, and `/metrics` is for Prometheus. */
export function createWorkerApp({
  metrics,
  pool,
  clock,
  sealer,
  workers,
}: {
  metrics: WorkerMetrics;
  pool: Pool;
  clock: Pick<LedgerClock, "localAheadMs" | "refresh">;
  sealer: Pick<KeptSealer, "check">;
  /** Returns no workers during the start. */
  workers: () => readonly WatchedWorker[];
}): Hono {
  metrics.watchWorkers(workers);
  metrics.watchClock(clock);
  const probeWrites = createWriteProbe(pool);
  return new Hono()
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/readyz", async (c) => {
      const states = workers().map((worker) => [worker.options.taskQueue, worker.getState()]);
      const [writes, sealing] = await Promise.all([
        stateOf(Promise.all([probeWrites(), clock.refresh()])),
        probeSealing(sealer, databaseProbeMs),
      ]);
      const database = writes === "unknown" ? "down" : "up";
      const ready = isWorking(workers(), metrics, clock) && writes === "accepted";
      return c.json(
        {
          // Without keys, messages that need no sealed address are sent as always.
          status: !ready ? "unready" : sealing === "failing" ? "degraded" : "ready",
          database,
          writes,
          outcomesUnwritten: metrics.unwritten(),
          sealing,
          clockAheadMs: Math.round(clock.localAheadMs),
          workers: Object.fromEntries(states) as Record<string, string>,
        },
        ready ? 200 : 503,
      );
    })
    .get("/metrics", async (c) =>
      c.body(await metrics.registry.metrics(), 200, {
        "content-type": metrics.registry.contentType,
      }),
    );
}

/** Whether the database accepts writes; `unknown` if it does not answer in time. */
const stateOf = (
  probe: Promise<readonly [WriteFault | null, unknown]>,
): Promise<WriteFault | "accepted" | "unknown"> =>
  withTimeout(databaseProbeMs, probe).then(
    ([fault]) => fault ?? "accepted",
    () => "unknown",
  );

/** Starts to listen, and resolves with the port; rejects if it cannot. `close` also closes open connections. */
export async function listen(
  app: Hono,
  { host, port }: { host: string; port: number },
): Promise<{ port: number; close: () => void }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address) =>
      resolve({
        port: address.port,
        close: () => {
          server.close();
          if ("closeAllConnections" in server) server.closeAllConnections();
        },
      }),
    );
    server.once("error", reject);
  });
}
