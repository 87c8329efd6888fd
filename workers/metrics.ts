import type { Worker } from "@temporalio/worker";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { createPoolGauge, durationBuckets } from "../config/metrics.ts";
import { breakerStates, type BreakerState } from "../ledger/breakers.ts";
import { publishOutcomes } from "../activities/publish-events.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { gateKinds } from "../domain/delivery/gates.ts";
import { deliveryStatuses } from "../domain/delivery/status.ts";
import { retentionTables } from "../domain/retention.ts";

/** Ordinary and critical messages have task queues, channels and bounds of their own. */
export const traffics = ["delivery", "critical"] as const;
export type Traffic = (typeof traffics)[number];

export type WatchedWorker = Pick<Worker, "getState" | "options">;

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>;

/** Whose workers somebody watches; others are added as they are met. */
const knownActivities = [
  "dispatch",
  "advanceCampaign",
  "relayOverdue",
  "removeExpired",
  "publishEvents",
];

/** What a worker process counts. Labels are names of ours and of configured providers: never of people, nor of campaigns. */
export function createWorkerMetrics(registry = new Registry()) {
  const registers = [registry];
  const inFlight = new Map<Traffic, { count: number }>();
  const unwritten = new Map<Traffic, () => number>();

  const metrics = {
    registry,
    pools: createPoolGauge(registry),
    handOvers: new Counter({
      name: "tidings_handovers_total",
      help: "Hand-overs of messages to providers, by outcome; unsendable ones and held ones were handed to none",
      labelNames: ["channel", "provider", "outcome"],
      registers,
    }),
    handOverSeconds: new Histogram({
      name: "tidings_handover_duration_seconds",
      help: "Time from a hand-over to its outcome",
      labelNames: ["channel", "provider"],
      buckets: durationBuckets,
      registers,
    }),
    inFlightBound: new Gauge({
      name: "tidings_messages_in_flight_bound",
      help: "Messages that may be handed over without their outcome committed",
      labelNames: ["traffic"],
      registers,
    }),
    /** Counted by hand, and told when asked for: it changes twice a message. */
    inFlight(traffic: Traffic) {
      let counted = inFlight.get(traffic);
      if (!counted) inFlight.set(traffic, (counted = { count: 0 }));
      return counted;
    },
    ledgerSeconds: new Histogram({
      name: "tidings_ledger_duration_seconds",
      help: "Time of the ledger’s statements; a turn settles what ended and claims what is next",
      labelNames: ["operation"],
      buckets: durationBuckets,
      registers,
    }),
    ledgerFailures: new Counter({
      name: "tidings_ledger_failures_total",
      help: "Statements of the ledger that failed; they are repeated",
      labelNames: ["operation"],
      registers,
    }),
    ledgerRows: new Counter({
      name: "tidings_ledger_rows_total",
      help: "Rows of the ledger that were claimed, and settled, by what became of them",
      labelNames: ["change"],
      registers,
    }),
    activitySeconds: new Histogram({
      name: "tidings_activity_duration_seconds",
      help: "Time of activities, by how they ended; one of dispatch is a round of a queue",
      labelNames: ["activity", "outcome"],
      buckets: [...durationBuckets, 60, 300, 900],
      registers,
    }),
    activitiesRunning: new Gauge({
      name: "tidings_activities_running",
      help: "Activities that are running; of relayOverdue one in all workers together",
      labelNames: ["activity"],
      registers,
    }),
    dispatched: new Counter({
      name: "tidings_dispatched_deliveries_total",
      help: "Deliveries that dispatches dealt with, by kind of queue and what became of them",
      labelNames: ["queue", "outcome"],
      registers,
    }),
    removed: new Counter({
      name: "tidings_maintenance_removed_rows_total",
      help: "Rows that were removed past their retention",
      labelNames: ["table"],
      registers,
    }),
    published: new Counter({
      name: "tidings_events_total",
      help: "Events that were handed to their receiver, by what it said; what it did not take is handed to it again",
      labelNames: ["outcome"],
      registers,
    }),
    relayWakes: new Counter({
      name: "tidings_relay_wakes_total",
      help: "Workflows that the relay woke, which nobody else had",
      labelNames: ["workflow"],
      registers,
    }),
    gateWaits: new Counter({
      name: "tidings_gate_waits_total",
      help: "Times that a gate had no slot to grant, by what it stands before",
      labelNames: ["gate"],
      registers,
    }),
    /** Of one traffic class: messages whose outcome could not be written yet. */
    watchUnwritten(traffic: Traffic, count: () => number) {
      unwritten.set(traffic, count);
    },
    /** Of all of them. */
    unwritten: () => [...unwritten.values()].reduce((sum, count) => sum + count(), 0),
    /** Of this process's providers; none while it starts. */
    watchBreakers(states: () => ReadonlyMap<string, BreakerState>) {
      breakers = states;
    },
    watchClock(watched: Pick<LedgerClock, "localAheadMs">) {
      clock = watched;
    },
    /** Of which process; none while it starts. */
    watchWorkers(watched: () => readonly WatchedWorker[]) {
      workers = watched;
    },
  };

  let breakers: () => ReadonlyMap<string, BreakerState> = () => new Map();
  const breakersGauge = new Gauge({
    name: "tidings_breaker_state",
    help: "1 for the state that the breaker of a provider is in, shared by all workers; 0 for the others",
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
    help: "By how much this worker’s own clock is ahead of the database’s, as last compared; below zero if it is behind",
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
    help: "Messages that are handed over and not answered; with those whose outcome is not committed they stay under the bound",
    labelNames: ["traffic"],
    registers,
    collect() {
      for (const [traffic, { count }] of inFlight) inFlightGauge.set({ traffic }, count);
    },
  });

  const unwrittenGauge = new Gauge({
    name: "tidings_outcomes_unwritten",
    help: "Messages that were handed over and whose outcome the database did not take yet; while there are any, nothing more is handed over",
    labelNames: ["traffic"],
    registers,
    collect() {
      for (const [traffic, count] of unwritten) unwrittenGauge.set({ traffic }, count());
    },
  });

  // A rate needs to know of the time before the first one.
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
  for (const outcome of publishOutcomes) metrics.published.inc({ outcome }, 0);
  for (const table of retentionTables) metrics.removed.inc({ table }, 0);
  return metrics;
}
