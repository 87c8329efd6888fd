import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@temporalio/client";
import { SdkComponent } from "@temporalio/common";
import {
  NativeConnection,
  Runtime,
  type LogLevel,
  type LogMetadata,
  type Worker,
} from "@temporalio/worker";
import { createBreakers } from "../activities/channels/breakers.ts";
import { type Channels, createChannels } from "../activities/channels/channels.ts";
import { createDkimSigner } from "../activities/channels/email/dkim.ts";
import { createEmailChannel, emailGates } from "../activities/channels/email/email.ts";
import { createReturnPath } from "../activities/channels/email/return-path.ts";
import { createInAppChannel, inAppGates } from "../activities/channels/in-app/in-app.ts";
import { createPushChannel, pushGates } from "../activities/channels/push/push.ts";
import { createLedgerClock } from "../ledger/clock.ts";
import { createGates } from "../ledger/gates.ts";
import { createGateCache } from "../activities/channels/gate-cache.ts";
import {
  ConfigurationError,
  type Environment,
  readEnvironment,
  workerVariables,
} from "../config/environment.ts";
import { outboundRules, type OutboundSettings, receiverFaults } from "../config/outbound.ts";
import { createLogger, type Logger } from "../config/logger.ts";
import { channelOfKind } from "../config/providers.ts";
import { readVapid } from "../config/vapid.ts";
import { readProviders } from "../config/worker-providers.ts";
import { processRegistry } from "../config/metrics.ts";
import { createOutboundClient } from "../lib/outbound/client.ts";
import { withTimeout } from "../lib/timeout.ts";
import { openAttachment } from "../ledger/attachments.ts";
import { SharedFiles } from "../activities/channels/email/shared-files.ts";
import { createSealer, reportSealing } from "../ledger/sealer.ts";
import { configureProviders, type ProviderConfiguration } from "../ledger/providers.ts";
import { createDeviceLedger } from "../ledger/push-devices.ts";
import { createRulebookReader } from "../ledger/rulebook.ts";
import { registerSearchAttributes, temporalClient, temporalSettings } from "../config/temporal.ts";
import { zoneFolders } from "../config/system-clocks.ts";
import { startTracing } from "../config/tracing.ts";
import { createActionLinks } from "../domain/action-links.ts";
import { createReturnAddresses } from "../domain/return-addresses.ts";
import { Attention } from "./attention.ts";
import { setReportZone } from "../ledger/folding-analytics.ts";
import { foldCountsRegularly } from "../ledger/folding-counts.ts";
import { startHeartbeat } from "../ledger/heartbeat.ts";
import { watchClock } from "./clock-watch.ts";
import { watchLedger } from "./ledger-watch.ts";
import { createWorkerApp, isWorking, listen } from "./http.ts";
import { instrumentGates } from "./instrumentation.ts";
import { createWorkerMetrics, type Traffic, traffics } from "./metrics.ts";
import { createQueueListener } from "../ledger/queue-listener.ts";
import { executeOn } from "../ledger/sql.ts";
import { createPool } from "../ledger/worker-pool.ts";
import { createWriteProbe } from "../ledger/write-probe.ts";
import { ensureDigests, ensureMaintenance } from "./schedules.ts";
import { followTimeZoneChanges } from "./time-zone-changes.ts";
import {
  createWorkers,
  inboxBound,
  inFlightBound,
  pushInFlightBound,
  shutdownForceMs,
  type WorkerSet,
} from "./worker.ts";
import { workflowSource } from "./workflow-source.ts";
import { wakeCampaign } from "../workflows/client.ts";
import { createWakeQueue } from "./wake-queue.ts";
import { ensureEvents } from "./singletons.ts";
import { ensureRelay } from "./singletons.ts";

// Dates without an offset are in UTC, whatever the time zone of the host.
process.env.TZ = "UTC";

/** How often an unreachable server is tried again. */
const retryMs = 1_000;
const checkSingletonsMs = 60_000;

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    if (signal.aborted) reject(signal.reason as Error);
  });
}

/** Calls `reach` until it succeeds. Temporal may start after the worker, or disappear for a while, and neither ends a worker. */
async function untilReached<Result>(
  name: string,
  logger: Logger,
  stopping: AbortSignal,
  reach: () => Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await Promise.race([reach(), aborted(stopping)]);
    } catch (error) {
      stopping.throwIfAborted();
      logger.warn(
        { error: error instanceof Error ? error.message : String(error) },
        `${name} cannot be reached and is tried again`,
      );
      await sleep(retryMs, undefined, { signal: stopping });
    }
  }
}

/** Removes this process from those that operators see. */
let endHeartbeat = () => Promise.resolve();

async function main(): Promise<void> {
  const environment = readEnvironment(workerVariables, process.env);
  const vapid = readVapid(environment);
  const providers = readProviders(environment, { sendsPush: vapid !== null });
  const logger = createLogger("worker", environment.LOG_LEVEL);
  const settings = temporalSettings(process.env);
  const stop = new AbortController();
  for (const event of ["SIGINT", "SIGTERM", "disconnect"] as const)
    process.once(event, () => stop.abort());

  Runtime.install({
    logger: {
      log: (level: LogLevel, message: string, meta?: LogMetadata) =>
        logger[level.toLowerCase() as "info"]({ ...meta }, message),
      trace: (message, meta) => logger.trace({ ...meta }, message),
      debug: (message, meta) => logger.debug({ ...meta }, message),
      // The SDK logs a lot of its own state as info; workflows log their wakes.
      info: (message, meta) =>
        logger[meta?.sdkComponent === SdkComponent.workflow ? "info" : "debug"](
          { ...meta },
          message,
        ),
      // Two of the three workers of a process intentionally run activities only.
      warn: (message, meta) =>
        logger[message.startsWith("No workflows registered") ? "debug" : "warn"](
          { ...meta },
          message,
        ),
      error: (message, meta) => logger.error({ ...meta }, message),
    },
    shutdownSignals: [],
  });

  const metrics = createWorkerMetrics(processRegistry());
  const pool = createPool({
    url: environment.DATABASE_URL,
    connections: environment.DATABASE_CONNECTIONS,
    logger,
  });
  metrics.pools.watch("worker", pool);
  const clock = createLedgerClock(pool);
  const sealer = createSealer({ pool, masterKeys: environment.SEALING_KEYS });
  const outbound = createOutboundClient({ rules: outboundRules(environment) });
  void warnOfReceiver(environment, logger);
  let workers: Worker[] = [];
  let stoppingSince = 0;
  const { WORKER_HOST: host, WORKER_PORT: port } = environment;
  const listener =
    port === 0
      ? null
      : await listen(createWorkerApp({ metrics, pool, clock, sealer, workers: () => workers }), {
          host,
          port,
        });

  const heartbeat = startHeartbeat({
    kind: "worker",
    pool,
    clock,
    state: () => ({
      taskQueues: workers
        .filter((worker) => worker.getState() === "RUNNING")
        .map((worker) => worker.options.taskQueue),
      isReady: isWorking(workers, metrics, clock),
    }),
    logger,
  });
  endHeartbeat = () => heartbeat.stop();
  const tracing = await startTracing("worker", environment, logger);
  const client = temporalClient(settings, tracing ? [tracing.client] : []);
  const connection = await untilReached("Temporal", logger, stop.signal, () =>
    NativeConnection.connect(settings.connectionOptions),
  );
  await untilReached("Temporal", logger, stop.signal, () => registerSearchAttributes(client));
  const readRulebook = createRulebookReader(pool);
  const attention: Attention = new Attention(
    () => traffics.some((traffic) => metrics.inFlight(traffic).count > 0),
    () => Promise.all([breakers.refresh(), gates.refresh()]),
  );
  const isResting = () => attention.rests;
  const breakers = createBreakers({
    pool,
    providers: [...providers.smtp, ...providers.webPush].map(({ kind, name }) => ({
      name,
      channel: channelOfKind[kind],
    })),
    settings: async () => (await readRulebook()).policy.breaker,
    logger,
    rests: isResting,
  });
  const gates = createGateCache({
    gates: instrumentGates(createGates(pool), metrics),
    keys: [...emailGates(providers.smtp), ...inAppGates, ...(vapid ? pushGates : [])],
    rests: isResting,
  });
  await reportSealing(sealer, logger);
  metrics.watchBreakers(() => breakers.states());
  await untilReached("the database", logger, stop.signal, async () => {
    await configureProviders(pool, configurationsOf(providers));
    await Promise.all([breakers.refresh(), gates.refresh()]);
  });
  const attachments = new SharedFiles({
    read: (id) => openAttachment(executeOn(pool), sealer, id),
  });
  const email = (traffic: Traffic, connections?: number) =>
    createEmailChannel({
      providers: providers.smtp.map((provider) =>
        connections === undefined ? provider : { ...provider, connections },
      ),
      sender: environment.MAIL_FROM,
      links: {
        secrets: environment.TOKEN_SECRET,
        publicUrl: environment.PUBLIC_URL,
        trackingUrl: environment.TRACKING_URL ?? environment.PUBLIC_URL,
      },
      sendDeadlineMs: environment.SEND_DEADLINE_MS,
      answerDeadlineMs: environment.ANSWER_DEADLINE_MS,
      inFlightBound: inFlightBound[traffic],
      breakers,
      gates,
      ...(environment.DKIM_KEYS.length > 0 && {
        signer: createDkimSigner(environment.DKIM_KEYS),
      }),
      ...(environment.BOUNCE_DOMAIN !== undefined && {
        returnPath: createReturnPath(
          createReturnAddresses(environment.TOKEN_SECRET, environment.BOUNCE_DOMAIN),
        ),
      }),
      attachments,
      logger,
    });
  const inApp = (traffic: Traffic) =>
    createInAppChannel({ execute: executeOn(pool), gates, inFlightBound: inboxBound[traffic] });
  const devices = createDeviceLedger(pool);
  const push = (traffic: Traffic) =>
    vapid
      ? [
          createPushChannel({
            vapid,
            devices,
            sealer,
            http: createOutboundClient({
              rules: outboundRules(environment),
              connections: pushConnections[traffic],
            }),
            inFlightBound: pushInFlightBound[traffic],
            breakers,
            gates,
            logger,
          }),
        ]
      : [];
  const channels = {
    delivery: createChannels([email("delivery"), inApp("delivery"), ...push("delivery")]),
    critical: createChannels([
      email("critical", criticalConnections),
      inApp("critical"),
      ...push("critical"),
    ]),
  };
  // With tracing, wakes go through Temporal, which carries the context of a trace from its caller to the dispatch.
  const queueListener = tracing
    ? null
    : createQueueListener({ url: environment.DATABASE_URL, logger });
  const set = await createWorkers({
    connection,
    client,
    pool,
    clock,
    sealer,
    attention,
    ...(queueListener && { listener: queueListener }),
    channels,
    gates,
    retry: {
      baseMs: environment.RETRY_BASE_MS,
      capMs: environment.RETRY_CAP_MS,
      attempts: environment.RETRY_ATTEMPTS,
    },
    retention: {
      deliveriesDays: environment.RETENTION_DELIVERIES_DAYS,
      auditDays: environment.RETENTION_AUDIT_DAYS,
      idempotencyDays: environment.RETENTION_IDEMPOTENCY_DAYS,
      inboxDays: environment.INBOX_DAYS,
    },
    events:
      environment.EVENTS_URL !== undefined && environment.EVENTS_SECRET !== undefined
        ? { url: environment.EVENTS_URL, secrets: environment.EVENTS_SECRET, http: outbound }
        : null,
    outbound,
    mailboxShards: environment.MAILBOX_SHARDS,
    links: createActionLinks({
      secrets: environment.TOKEN_SECRET,
      publicUrl: environment.PUBLIC_URL,
      bounceDomain: environment.BOUNCE_DOMAIN,
    }),
    workflows: workflowSource(),
    metrics,
    logger,
    tracing,
  });
  ({ workers } = set);
  const timeZones = followTimeZoneChanges({
    pool,
    folders: zoneFolders(environment.TZDIR),
    mailboxShards: environment.MAILBOX_SHARDS,
    wakeQueue: createWakeQueue(pool, client),
    wakeCampaign: (campaignId) => wakeCampaign(client, campaignId),
    logger,
  });
  const clockWatch = watchClock({ clock, logger });
  const ledgerWatch = watchLedger({
    probeWrites: createWriteProbe(pool),
    providers: providers.smtp,
    from: environment.MAIL_FROM,
    to: environment.ALERT_EMAILS,
    consoleUrl: `${environment.PUBLIC_URL}/console`,
    logger,
  });
  await setReportZone(pool, environment.REPORT_ZONE).catch((error: unknown) =>
    logger.warn(
      { error: error instanceof Error ? error.message : String(error) },
      "the zone of reports could not be set",
    ),
  );
  const countFolding = foldCountsRegularly(pool);
  const drain = () => {
    stoppingSince = performance.now();
    logger.info("draining");
    for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
  };
  const running = Promise.all(workers.map((worker) => worker.run()));
  stop.signal.addEventListener("abort", drain, { once: true });
  if (stop.signal.aborted) drain();
  const bounds = [...channels.delivery.all, ...channels.critical.all];
  logger.info(
    { inFlightBound: bounds.reduce((sum, channel) => sum + channel.inFlightBound, 0) },
    "ready",
  );
  process.send?.({ ready: true });

  await Promise.all([running, ensureSingletons(client, logger, stop.signal)]);
  // A change of clocks that is under way ends with the pool, and the next worker continues it.
  void timeZones.stop();
  clockWatch.stop();
  ledgerWatch.stop();
  countFolding.stop();
  // A server that has not answered by then loses its connection. The messages that it was handed are found again when their leases run out.
  await withTimeout(
    Math.max(0, stoppingSince + shutdownForceMs - performance.now()),
    Promise.all([settleAndClose(set, channels), outbound.close()]),
  ).catch(() => logger.warn("stopping although not every server has answered"));
  await Promise.all([breakers.close(), gates.close(), queueListener?.close()]);
  await endHeartbeat();
  await pool.end();
  await connection.close();
  await tracing?.stop();
  listener?.close();
  logger.info("stopped");
}

/**
 * Creates what exists in Temporal and not in the ledger: search attributes, the relay, the events, and the schedules of
 * maintenance and digests. These may be terminated, or lost with a server, and are back within a minute. Schedules are updated
 * once; later changes of an operator hold until a worker starts.
 */
async function ensureSingletons(
  client: Client,
  logger: Logger,
  stopping: AbortSignal,
): Promise<void> {
  let schedules: "update" | "keep" = "update";
  while (!stopping.aborted) {
    try {
      await registerSearchAttributes(client);
      await ensureRelay(client);
      await ensureEvents(client);
      await ensureMaintenance(client, schedules);
      await ensureDigests(client, schedules);
      schedules = "keep";
    } catch (error) {
      logger.warn(
        { error: String(error) },
        "cannot make sure that the relay, the events and the schedules exist, and will try again",
      );
    }
    await sleep(checkSingletonsMs, undefined, { signal: stopping }).catch(() => {});
  }
}

/** Warns at start about settings that `EVENTS_URL` lacks, which would otherwise show only at the first event. */
async function warnOfReceiver(
  environment: OutboundSettings & Environment<"EVENTS_URL">,
  logger: Logger,
): Promise<void> {
  if (environment.EVENTS_URL === undefined) return;
  for (const { found, remedy } of await receiverFaults(environment.EVENTS_URL, environment))
    logger.warn({ remedy }, `events cannot be published: ${found}`);
}

/**
 * Settles the messages that have begun, and closes the connections. Messages that are under way have a limited time, and those
 * that end with their connections are settled too.
 */
async function settleAndClose(
  { drain }: WorkerSet,
  { delivery, critical }: Record<Traffic, Channels>,
): Promise<void> {
  await Promise.all([drain(), delivery.close(), critical.close()]);
}

/** Connections to each provider that only critical messages use. */
const criticalConnections = 2;

/** What operators see of the configured providers. A message has no choice of push services, so that these have no order. */
const configurationsOf = ({
  smtp,
  webPush,
}: ReturnType<typeof readProviders>): ProviderConfiguration[] => [
  ...smtp.map(({ kind, name, connections, limits, domains }, index) => ({
    name,
    channel: channelOfKind[kind],
    kind,
    position: index + 1,
    connections,
    limits,
    domains,
  })),
  ...webPush.map(({ kind, name, limits }) => ({
    name,
    channel: channelOfKind[kind],
    kind,
    position: null,
    connections: pushConnections.delivery,
    limits,
  })),
];

/** Connections to each host of a push service, each of which carries one request at a time. */
const pushConnections = { delivery: 16, critical: 4 } as const;

main().then(
  () => process.exit(0),
  async (error: unknown) => {
    if (error instanceof Error && error.name === "AbortError") {
      // The process was stopped during its start.
      await endHeartbeat();
      process.exit(0);
    }
    if (error instanceof ConfigurationError) process.stderr.write(`${error.message}\n`);
    else process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
