import { Hono } from "hono";
import type { Pool } from "pg";
import { createWriteProbe } from "../../ledger/write-probe.ts";
import { withTimeout } from "../../lib/timeout.ts";
import type { InboundMetrics } from "./metrics.ts";

const databaseProbeMs = 2_000;

/** The HTTP endpoints of the receiver: `/healthz` shows that it is alive, `/readyz` whether it can record what it is sent, and `/metrics` is for Prometheus. */
export function createInboundApp({
  metrics,
  pool,
  isStopping,
}: {
  metrics: InboundMetrics;
  pool: Pool;
  isStopping: () => boolean;
}): Hono {
  const probeWrites = createWriteProbe(pool);
  return new Hono()
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/readyz", async (c) => {
      const writes = await withTimeout(databaseProbeMs, probeWrites()).then(
        (fault) => fault ?? ("accepted" as const),
        () => "unknown" as const,
      );
      const isReady = writes === "accepted" && !isStopping();
      return c.json({ status: isReady ? "ready" : "unready", writes }, isReady ? 200 : 503);
    })
    .get("/metrics", async (c) =>
      c.body(await metrics.registry.metrics(), 200, {
        "content-type": metrics.registry.contentType,
      }),
    );
}
