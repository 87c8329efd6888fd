import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { droppedLogLines } from "./logger.ts";

/** Of a pool of connections, as `pg` counts them. */
export interface ConnectionCounts {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/** Seconds. From what a statement takes to what a deadline of a message may be. */
export const durationBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** A registry with the metrics of the process: CPU, memory, the event loop's lag, garbage collection, its log. One a process. */
export function processRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const dropped = new Counter({
    name: "tidings_log_entries_dropped_total",
    help: "Entries of the log that could not be written, most likely since a disk is full",
    registers: [registry],
    collect() {
      dropped.reset();
      dropped.inc(droppedLogLines());
    },
  });
  return registry;
}

/**
 * The connections to the database: `total` are open, `idle` of them unused, and `waiting` are those who wait for one.
 * `watch` adds a pool under a name.
 */
export function createPoolGauge(registry: Registry) {
  const pools = new Map<string, ConnectionCounts>();
  const gauge = new Gauge({
    name: "tidings_database_pool_connections",
    help: "Connections to the database that are open (total) or unused (idle), and who waits for one (waiting)",
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
