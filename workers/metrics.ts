import type { Worker } from "@temporalio/worker";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { createPoolGauge, durationBuckets } from "../config/metrics.ts";
import { breakerStates, type BreakerState } from "../ledger/breakers.ts";
import { attemptOutcomes } from "../domain/webhook-endpoint.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { gateKinds } from "../domain/delivery/gates.ts";
import { deliveryStatuses } from "../domain/delivery/status.ts";
import { retentionTables } from "../domain/retention.ts";

/** The traffic classes. Ordinary and critical messages have their own task queues, channels and bounds. */
export const traffics = ["delivery", "critical"] as const;
export type Traffic = (typeof traffics)[number];

export type WatchedWorker = Pick<Worker, "getState" | "options">;

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>;

/** The activities whose metrics exist from the start; others appear with their first run. */
const knownActivities = [
  "dispatch",
  "advanceCampaign",
  "relayOverdue",
  "removeExpired",
  "publishEvents",
];

/**
 * Creates the metrics of a worker process. Labels are names of this project and of configured providers, never of recipients or
 * campaigns.
 */
export function createWorkerMetrics(registry = new Registry()) {
  const registers = [registry];
  const inFlight = new Map<Traffic, { count: number }>();
  const unwritten = new Map<Traffic, () => number>();

  const metrics = {
    registry,
    pools: createPoolGauge(registry),
    handOvers: new Counter({
      name: "tidings_handovers_total",
      help: "Messages handed over to providers, by outcome. Unsendable and held messages were handed to no provider",
      labelNames: ["channel", "provider", "outcome"],
      registers,
    }),
    handOverSeconds: new Histogram({
      name: "tidings_handover_duration_seconds",
      help: "Time from the hand-over of a message to its outcome",
      labelNames: ["channel", "provider"],
      buckets: durationBuckets,
      registers,
    }),
    inFlightBound: new Gauge({
      name: "tidings_messages_in_flight_bound",
      help: "Maximum number of messages that are handed over without a committed outcome",
      labelNames: ["traffic"],
      registers,
    }),
    /** The count of messages in flight. It is plain data that is read at each scrape, since it changes twice for each message. */
    inFlight(traffic: Traffic) {
      let counted = inFlight.get(traffic);
      if (!counted) inFlight.set(traffic, (counted = { count: 0 }));
      return counted;
    },
    ledgerSeconds: new Histogram({
      name: "tidings_ledger_duration_seconds",
      help: "Duration of the ledger’s statements. A `turn` settles messages that ended and claims the next ones",
      labelNames: ["operation"],
      buckets: durationBuckets,
      registers,
    }),
    ledgerFailures: new Counter({
      name: "tidings_ledger_failures_total",
      help: "Statements of the ledger that failed. They are repeated",
      labelNames: ["operation"],
      registers,
    }),
    ledgerRows: new Counter({
      name: "tidings_ledger_rows_total",
      help: "Rows of the ledger that were claimed, and rows that were settled by their new status",
      labelNames: ["change"],
      registers,
    }),
    activitySeconds: new Histogram({
      name: "tidings_activity_duration_seconds",
      help: "Duration of activities, by how they ended. One run of dispatch is a round of a queue",
      labelNames: ["activity", "outcome"],
      buckets: [...durationBuckets, 60, 300, 900],
      registers,
    }),
    activitiesRunning: new Gauge({
      name: "tidings_activities_running",
      help: "Activities that are running. Of relayOverdue, one runs over all workers",
      labelNames: ["activity"],
      registers,
    }),
    dispatched: new Counter({
      name: "tidings_dispatched_deliveries_total",
      help: "Deliveries that dispatches processed, by the kind of their queue and their outcome",
      labelNames: ["queue", "outcome"],
      registers,
    }),
    removed: new Counter({
      name: "tidings_maintenance_removed_rows_total",
      help: "Rows that were removed because their retention had ended",
      labelNames: ["table"],
      registers,
    }),
    published: new Counter({
      name: "tidings_events_total",
      help: "Events that were sent to their receiver, by its answer. Events that it did not accept are sent again",
      labelNames: ["outcome"],
      registers,
    }),
    relayWakes: new Counter({
      name: "tidings_relay_wakes_total",
      help: "Workflows that the relay had to wake because an earlier wake was lost",
      labelNames: ["workflow"],
      registers,
    }),
    gateWaits: new Counter({
      name: "tidings_gate_waits_total",
      help: "Number of times that a gate had no slot to grant, by the kind of gate",
      labelNames: ["gate"],
      registers,
    }),
    /** Sets the source of the number of unwritten outcomes of one traffic class. */
    watchUnwritten(traffic: Traffic, count: () => number) {
      unwritten.set(traffic, count);
    },
    /** The number of unwritten outcomes over all traffic classes. */
    unwritten: () => [...unwritten.values()].reduce((sum, count) => sum + count(), 0),
    /** Sets the source of the breakers' states, which is empty during the start. */
    watchBreakers(states: () => ReadonlyMap<string, BreakerState>) {
      breakers = states;
    },
    watchClock(watched: Pick<LedgerClock, "localAheadMs">) {
      clock = watched;
    },
    /** Sets the source of the workers of this process, which is empty during the start. */
    watchWorkers(watched: () => readonly WatchedWorker[]) {
      workers = watched;
    },
  };

  let breakers: () => ReadonlyMap<string, BreakerState> = () => new Map();
  const breakersGauge = new Gauge({
    name: "tidings_breaker_state",
    help: "1 for the current state of a provider’s breaker, which all workers share, and 0 for its other states",
    labelNames: ["provider", "state"],
    registers,
    collect() {
      for (const [provider, state] of breakers())
        for (const other of breakerStates)
          breakersGauge.set({ provider, state: other }, other === state ? 1 : 0);
    },
  });

  let clock: Pick<LedgerClock, "localAheadMs"> | undefined;
  const clockGauge = new Gauge({
    name: "tidings_clock_ahead_seconds",
    help: "How far this worker’s clock was ahead of the database’s at the last comparison. Negative if it was behind",
    registers,
    collect() {
      if (clock) clockGauge.set(clock.localAheadMs / 1_000);
    },
  });

  let workers: () => readonly WatchedWorker[] = () => [];
  const workersGauge = new Gauge({
    name: "tidings_workers_running",
    help: "1 for each task queue whose worker is running in this process",
    labelNames: ["task_queue"],
    registers,
    collect() {
      for (const worker of workers())
        workersGauge.set(
          { task_queue: worker.options.taskQueue },
          worker.getState() === "RUNNING" ? 1 : 0,
        );
    },
  });

  const inFlightGauge = new Gauge({
    name: "tidings_messages_in_flight",
    help: "Messages that are handed over and not answered. Together with those whose outcome is not committed, they stay within the bound",
    labelNames: ["traffic"],
    registers,
    collect() {
      for (const [traffic, { count }] of inFlight) inFlightGauge.set({ traffic }, count);
    },
  });

  const unwrittenGauge = new Gauge({
    name: "tidings_outcomes_unwritten",
    help: "Messages that were handed over and whose outcome could not be written yet. While there are any, nothing more is handed over",
    labelNames: ["traffic"],
    registers,
    collect() {
      for (const [traffic, count] of unwritten) unwrittenGauge.set({ traffic }, count());
    },
  });

  // Series start at zero, so that a rate includes the first event.
  for (const activity of knownActivities) {
    metrics.activitiesRunning.set({ activity }, 0);
    for (const outcome of ["completed", "failed"])
      metrics.activitySeconds.zero({ activity, outcome });
  }
  for (const gate of gateKinds) metrics.gateWaits.inc({ gate }, 0);
  for (const queue of ["mailbox", "critical", "campaign"])
    metrics.dispatched.inc({ queue, outcome: "sent" }, 0);
  for (const change of ["claimed", ...deliveryStatuses]) metrics.ledgerRows.inc({ change }, 0);
  for (const workflow of ["deliveryQueue", "campaign"]) metrics.relayWakes.inc({ workflow }, 0);
  for (const outcome of attemptOutcomes) metrics.published.inc({ outcome }, 0);
  for (const table of retentionTables) metrics.removed.inc({ table }, 0);
  return metrics;
}
