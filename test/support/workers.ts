import { join } from "node:path";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  type WorkflowBundle,
} from "@temporalio/worker";
import type { Pool } from "pg";
import { createChannels } from "../../activities/channels/channels.ts";
import { createGateCache } from "../../activities/channels/gate-cache.ts";
import { createLogger } from "../../config/logger.ts";
import { noSinks } from "../../config/tracing.ts";
import { packageRoot } from "../../config/package-root.ts";
import { createLedgerClock } from "../../ledger/clock.ts";
import { createGates } from "../../ledger/gates.ts";
import { notSent } from "../../lib/outbound/outcome.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { createWorkerMetrics } from "../../workers/metrics.ts";
import { createWorkers, type WorkerDeps } from "../../workers/worker.ts";
import { advanceLedgerTime, createUncachedClock } from "./ledger-time.ts";
import { testLinks } from "./links.ts";
import { masterKey } from "./sealing.ts";
import { createRecordingChannel, type Answer } from "./recording-channel.ts";

const logger = new DefaultLogger("ERROR");

Runtime.install({
  logger,
  // The test server reports an old version, about which each worker would log a warning.
  telemetryOptions: {
    logging: { filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }) },
  },
});

let bundle: Promise<WorkflowBundle> | undefined;

/** Bundles the workflows from the sources, once for each test file. */
export function workflowBundle(): Promise<WorkflowBundle> {
  bundle ??= bundleWorkflowCode({
    workflowsPath: join(packageRoot, "workflows/index.ts"),
    workflowInterceptorModules: [join(packageRoot, "workflows/tracing.ts")],
    logger,
  });
  return bundle;
}

/** Keeps the ledger's clock at least as late as the clock of a server that skips time, whenever an activity begins. */
const followSkippedTime = (pool: Pool): WorkerDeps["tracing"] => ({
  sinks: noSinks,
  activity: ({ info }) => ({
    inbound: {
      async execute(input, next) {
        await advanceLedgerTime(pool, new Date(info.currentAttemptScheduledTimestampMs));
        return next(input);
      },
    },
  }),
});

/** Starts the real workers on a test server, over a channel that records requests and returns `answer`; `stop` drains them. */
export async function startWorkers(
  environment: TestWorkflowEnvironment,
  pool: Pool,
  answer?: Answer,
  tracing: WorkerDeps["tracing"] = null,
  events: WorkerDeps["events"] = null,
  listener?: NonNullable<WorkerDeps["listener"]>,
) {
  const recording = createRecordingChannel(answer);
  const channels = createChannels([recording.channel]);
  const metrics = createWorkerMetrics();
  const clock = environment.supportsTimeSkipping
    ? createUncachedClock(pool)
    : createLedgerClock(pool);
  const logged: string[] = [];
  const { workers, drain } = await createWorkers({
    connection: environment.nativeConnection,
    client: environment.client,
    pool,
    clock,
    sealer: createSealer({ pool, masterKeys: [masterKey("k1")] }),
    attention: { during: (dispatch) => dispatch(), whileResting: (wait) => wait() },
    ...(listener && { listener }),
    channels: { delivery: channels, critical: channels },
    gates: createGateCache({ gates: createGates(pool) }),
    retry: { baseMs: 60_000, capMs: 6 * 3_600_000, attempts: 20 },
    retention: { deliveriesDays: 90, auditDays: 365, idempotencyDays: 3, inboxDays: 90 },
    events,
    outbound: events?.http ?? { send: async () => notSent("closed") },
    mailboxShards: 1,
    links: testLinks,
    workflows: { workflowBundle: await workflowBundle() },
    metrics,
    tracing: environment.supportsTimeSkipping ? followSkippedTime(pool) : tracing,
    logger: createLogger("worker", "debug", { write: (line) => void logged.push(line) }),
  });
  const running = Promise.all(workers.map((worker) => worker.run()));
  return {
    ...recording,
    workers,
    metrics,
    clock,
    /** Log entries, each a line of JSON. */
    logged,
    async stop() {
      for (const worker of workers) worker.shutdown();
      await running;
      await drain();
    },
  };
}
