import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Pool } from "pg";
import { withTimeout } from "../lib/timeout.ts";
import type { WatchedWorker, WorkerMetrics } from "./metrics.ts";

const databaseProbeMs = 2_000;

/** What a worker says of itself: `/healthz` that it is alive, `/readyz` whether it works, `/metrics` for Prometheus. */
export function createWorkerApp({
  metrics,
  pool,
  workers,
}: {
  metrics: WorkerMetrics;
  pool: Pick<Pool, "query">;
  /** None while it starts. */
  workers: () => readonly WatchedWorker[];
}): Hono {
  metrics.watchWorkers(workers);
  return new Hono()
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/readyz", async (c) => {
      const states = workers().map((worker) => [worker.options.taskQueue, worker.getState()]);
      const running = states.length > 0 && states.every(([, state]) => state === "RUNNING");
      const database = (await answers(pool)) ? "up" : "down";
      const ready = running && database === "up";
      return c.json(
        {
          status: ready ? "ready" : "unready",
          database,
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

const answers = (pool: Pick<Pool, "query">): Promise<boolean> =>
  withTimeout(databaseProbeMs, pool.query("SELECT 1")).then(
    () => true,
    () => false,
  );

/** Resolves when it listens, with where; rejects if it cannot. `close` hangs up on who is still connected. */
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
