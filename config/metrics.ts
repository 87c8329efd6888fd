import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { droppedLogLines } from "./logger.ts";

/** The counts of a connection pool of `pg`. */
export interface ConnectionCounts {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/** Histogram buckets in seconds, from the duration of a statement to the deadline of a message. */
export const durationBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Creates a registry with the metrics of this process: CPU, memory, event loop lag, garbage collection, log. Call it once per process. */
export function processRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const dropped = new Counter({
    name: "tidings_log_entries_dropped_total",
    help: "Log entries that could not be written, most likely because a disk is full",
    registers: [registry],
    collect() {
      dropped.reset();
      dropped.inc(droppedLogLines());
    },
  });
  return registry;
}

/**
 * Creates the gauge of database connections: `total` are open, `idle` of them are unused, and `waiting` counts the queries that wait for a
 * connection. `watch` adds a pool under a name.
 */
export function createPoolGauge(registry: Registry) {
  const pools = new Map<string, ConnectionCounts>();
  const gauge = new Gauge({
    name: "tidings_database_pool_connections",
    help: "Database connections that are open (total) or unused (idle), and queries that wait for one (waiting)",
    labelNames: ["pool", "state"],
    registers: [registry],
    collect() {
      for (const [pool, { totalCount, idleCount, waitingCount }] of pools) {
        gauge.set({ pool, state: "total" }, totalCount);
        gauge.set({ pool, state: "idle" }, idleCount);
        gauge.set({ pool, state: "waiting" }, waitingCount);
      }
    },
  });
  return { watch: (name: string, pool: ConnectionCounts) => void pools.set(name, pool) };
}
