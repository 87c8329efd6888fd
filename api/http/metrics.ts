import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type ConnectionCounts, createPoolGauge, durationBuckets } from "../../config/metrics.ts";
import type { ProblemKind } from "./problem-kinds.ts";
import type { RouteClassName } from "./route-classes.ts";
import type { WakeTarget } from "../wakes.ts";

/** The metrics of the API. No label has a value that a caller chooses: the values of all labels are fixed, and few. */
export interface ApiMetrics {
  readonly registry: Registry;
  /** Counts an answer and records its duration. `route` is the pattern of the route. */
  recordAnswer(request: { method: string; route: string; status: number; seconds: number }): void;
  /** Counts an answer that is a problem. */
  recordProblem(kind: ProblemKind): void;
  /** Counts requests for images and links of emails, by whether they were written or dropped. */
  recordHits(outcome: "written" | "dropped", count: number): void;
  recordWake(target: WakeTarget, outcome: "sent" | "failed"): void;
  watchPool(name: string, pool: ConnectionCounts): void;
  /** Shows how many requests of a class are in progress, and how many wait for their turn. */
  watchTurns(name: RouteClassName, turns: { underWay: number; waiting: number }): void;
  /** Sets the limits of deliveries that are due and unsent, or for later, so that they can be compared with the actual numbers. */
  setLimits(limits: { maxUnsent: number; maxScheduled: number }): void;
}

/** The kinds of problem that mean a limit was reached, with the name of the limit. */
const limits: Partial<Record<ProblemKind, string>> = {
  "too-many-requests": "requests",
  "too-many-unsent": "unsent",
  "too-many-scheduled": "scheduled",
  "body-too-large": "body",
  "too-slow": "time",
  overloaded: "under_way",
};

export function createApiMetrics(registry = new Registry()): ApiMetrics {
  const registers = [registry];
  const request = ["method", "route", "status"] as const;
  const requests = new Counter({
    name: "tidings_http_requests_total",
    help: "Requests that were answered, by method, pattern of the route and status",
    labelNames: request,
    registers,
  });
  const durations = new Histogram({
    name: "tidings_http_request_duration_seconds",
    help: "Time from a request's arrival to its answer",
    labelNames: request,
    buckets: durationBuckets,
    registers,
  });
  const problems = new Counter({
    name: "tidings_http_problems_total",
    help: "Answers that were problems, by kind",
    labelNames: ["kind"],
    registers,
  });
  const refusals = new Counter({
    name: "tidings_requests_refused_total",
    help: "Requests refused by a limit: on requests (per minute, or of one caller at once), unsent or scheduled deliveries, body size, time to receive the body, or requests under way",
    labelNames: ["limit"],
    registers,
  });
  for (const limit of Object.values(limits)) refusals.inc({ limit }, 0);
  const wakes = new Counter({
    name: "tidings_wakes_total",
    help: "Wakes of workflows, by target and outcome; the relay makes up for failed ones",
    labelNames: ["target", "outcome"],
    registers,
  });
  for (const target of ["mailbox", "critical", "campaign", "digest"] satisfies WakeTarget[])
    for (const outcome of ["sent", "failed"]) wakes.inc({ target, outcome }, 0);
  const hits = new Counter({
    name: "tidings_tracking_hits_total",
    help: "Requests for images and links of emails, by outcome: written to the database, or dropped because it did not answer for long",
    labelNames: ["outcome"],
    registers,
  });
  for (const outcome of ["written", "dropped"]) hits.inc({ outcome }, 0);
  const unsent = new Gauge({
    name: "tidings_unsent_limit",
    help: "Deliveries of notifications that may be due and unsent at once (MAX_UNSENT)",
    registers,
  });
  const scheduled = new Gauge({
    name: "tidings_scheduled_limit",
    help: "Deliveries of notifications that may be scheduled or held for later at once (MAX_SCHEDULED)",
    registers,
  });
  const pools = createPoolGauge(registry);
  const watched = new Map<RouteClassName, { underWay: number; waiting: number }>();
  new Gauge({
    name: "tidings_http_requests_open",
    help: "Requests that are in progress or wait for their turn, by class of route",
    labelNames: ["class", "state"],
    registers,
    collect() {
      for (const [name, { underWay, waiting }] of watched) {
        this.set({ class: name, state: "under_way" }, underWay);
        this.set({ class: name, state: "waiting" }, waiting);
      }
    },
  });

  return {
    registry,
    recordAnswer({ method, route, status, seconds }) {
      const labels = { method, route, status };
      requests.inc(labels);
      durations.observe(labels, seconds);
    },
    recordProblem(kind) {
      problems.inc({ kind });
      const limit = limits[kind];
      if (limit !== undefined) refusals.inc({ limit });
    },
    recordHits: (outcome, count) => hits.inc({ outcome }, count),
    recordWake: (target, outcome) => wakes.inc({ target, outcome }),
    watchPool: (name, pool) => pools.watch(name, pool),
    setLimits({ maxUnsent, maxScheduled }) {
      unsent.set(maxUnsent);
      scheduled.set(maxScheduled);
    },
    watchTurns: (name, turns) => void watched.set(name, turns),
  };
}
