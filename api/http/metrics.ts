import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type ConnectionCounts, createPoolGauge, durationBuckets } from "../../config/metrics.ts";
import type { ProblemKind } from "./problem-kinds.ts";
import type { RouteClassName } from "./route-classes.ts";
import type { WakeTarget } from "../wakes.ts";

/** The metrics of the API. No label can hold what a caller made up: their values are known beforehand, and few. */
export interface ApiMetrics {
  readonly registry: Registry;
  /** Counts and times an answer. `route` is the pattern of the route. */
  recordAnswer(request: { method: string; route: string; status: number; seconds: number }): void;
  /** Counts an answer that is a problem. */
  recordProblem(kind: ProblemKind): void;
  recordWake(target: WakeTarget, outcome: "sent" | "failed"): void;
  watchPool(name: string, pool: ConnectionCounts): void;
  /** Shows how many requests of a class are under way, and wait to be. */
  watchTurns(name: RouteClassName, turns: { underWay: number; waiting: number }): void;
  /** Sets how many deliveries may be due and unsent, and be for later, to be compared with those that are. */
  setLimits(limits: { maxUnsent: number; maxScheduled: number }): void;
}

/** The problems that stand for a limit that was reached, and the name of that limit. */
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
    help: "Requests refused by a limit: of requests a minute or of one caller's under way, of unsent deliveries, of scheduled ones, of the body's size, of the time it takes, of what is under way",
    labelNames: ["limit"],
    registers,
  });
  for (const limit of Object.values(limits)) refusals.inc({ limit }, 0);
  const wakes = new Counter({
    name: "tidings_wakes_total",
    help: "Wakes of workflows; the relay makes good for those that failed",
    labelNames: ["target", "outcome"],
    registers,
  });
  for (const target of ["mailbox", "critical", "campaign", "digest"] satisfies WakeTarget[])
    for (const outcome of ["sent", "failed"]) wakes.inc({ target, outcome }, 0);
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
    help: "Requests by the class of their route that are under way, or wait for their turn",
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
    recordWake: (target, outcome) => wakes.inc({ target, outcome }),
    watchPool: (name, pool) => pools.watch(name, pool),
    setLimits({ maxUnsent, maxScheduled }) {
      unsent.set(maxUnsent);
      scheduled.set(maxScheduled);
    },
    watchTurns: (name, turns) => void watched.set(name, turns),
  };
}
