import type { Client } from "@temporalio/client";
import { Worker, type NativeConnection, type WorkerOptions } from "@temporalio/worker";
import type { Pool } from "pg";
import { createAdvanceCampaign } from "../activities/advance-campaign.ts";
import type { Channels } from "../activities/channels/channels.ts";
import type { GateCache } from "../activities/channels/gate-cache.ts";
import type { DispatchInput } from "../activities/dispatch/loop.ts";
import { createDispatcher } from "../activities/dispatch/index.ts";
import { createPublishEvents } from "../activities/publish-events.ts";
import type { EventReceiver } from "../activities/publishing/publisher.ts";
import { createGates } from "../ledger/gates.ts";
import type { Activities } from "../activities/index.ts";
import type { LedgerClock } from "../ledger/clock.ts";
import { createLedger } from "../ledger/ledger.ts";
import type { OutboundClient } from "../lib/outbound/client.ts";
import type { KeptSealer } from "../ledger/sealer.ts";
import { type QueueListener, notifyListener } from "../ledger/queue-listener.ts";
import { createRemoveExpired } from "../activities/remove-expired.ts";
import { createResealValues } from "../activities/reseal-values.ts";
import { createRelayOverdue } from "../activities/relay-overdue.ts";
import { createSweepDigests } from "../activities/sweep-digests.ts";
import type { ActionLinks } from "../domain/action-links.ts";
import type { Retention } from "../domain/retention.ts";
import type { Logger } from "../config/logger.ts";
import { publicId } from "../domain/ids.ts";
import { noSinks, type Tracing } from "../config/tracing.ts";
import type { RetryPolicy } from "../domain/delivery/settle.ts";
import { taskQueues } from "../workflows/names.ts";
import { wakeCampaign, wakeQueue } from "../workflows/client.ts";
import type { Attention } from "./attention.ts";
import { createWakeQueue } from "./wake-queue.ts";
import {
  instrumentAdvance,
  createDeliveryCounter,
  instrumentChannels,
  instrumentDispatch,
  instrumentLedger,
  instrumentRemoval,
  observeActivities,
} from "./instrumentation.ts";
import type { Traffic, WorkerMetrics } from "./metrics.ts";
import type { workflowSource } from "./workflow-source.ts";

/**
 * The maximum number of emails that a crash of one worker may repeat, by traffic class. It is logged at start. The inbox repeats none.
 */
export const inFlightBound = { delivery: 96, critical: 4 } as const;

/** The maximum number of items that are on their way to inboxes, by traffic class. */
export const inboxBound = { delivery: 200, critical: 20 } as const;

/**
 * The maximum number of push messages that a crash of one worker may repeat. A device that took a message before a crash, while others of its
 * recipient had not answered, is not asked again.
 */
export const pushInFlightBound = { delivery: 48, critical: 8 } as const;

export interface WorkerDeps {
  connection: NativeConnection;
  client: Client;
  pool: Pool;
  clock: LedgerClock;
  sealer: KeptSealer;
  attention: Pick<Attention, "during" | "whileResting">;
  /** Without a listener, each notification that comes alone needs a dispatch of its own. */
  listener?: Pick<QueueListener, "listen">;
  /** The channels of each traffic class, which have their own connections, so that no message queues before a critical one. */
  channels: { delivery: Channels; critical: Channels };
  /** The gates of campaigns and releases are watched while they are needed. */
  gates: Pick<GateCache, "watch">;
  retry: RetryPolicy;
  retention: Retention;
  /** The receiver at `EVENTS_URL`; null without one. */
  events: EventReceiver | null;
  /** The way to webhook endpoints. */
  outbound: Pick<OutboundClient, "send">;
  mailboxShards: number;
  /** The links by which recipients act. */
  links: ActionLinks;
  workflows: ReturnType<typeof workflowSource>;
  metrics: WorkerMetrics;
  logger: Pick<Logger, "debug" | "warn">;
  /** Null if traces are not exported. */
  tracing: Pick<Tracing, "activity" | "sinks"> | null;
}

function createActivities({
  client,
  pool,
  clock,
  sealer,
  attention,
  listener,
  channels,
  gates,
  retry,
  retention,
  events,
  outbound,
  mailboxShards,
  links,
  metrics,
  logger,
}: WorkerDeps): {
  orchestration: Omit<Activities, "dispatch">;
  delivery: Pick<Activities, "dispatch">;
  critical: Pick<Activities, "dispatch">;
  drain: () => Promise<void>;
} {
  const ledger = instrumentLedger(createLedger(pool), metrics);
  const wake = createWakeQueue(pool, client);
  const count = createDeliveryCounter(metrics);
  const createTraffic = (traffic: Traffic) => {
    const { dispatch, sender } = createDispatcher({
      pool,
      clock,
      ledger,
      gates,
      channels: instrumentChannels(channels[traffic], traffic, metrics),
      retry,
      mailboxShards,
      links,
      wake,
      listener,
      whileResting: (wait) => attention.whileResting(wait),
      onCampaignPaused: async (id) => {
        const campaign = publicId("campaign", id);
        logger.warn(
          { campaign },
          "the campaign was paused, because providers permanently refuse its messages",
        );
        await wakeCampaign(client, campaign);
      },
      count,
      onHeld: (failure) =>
        failure
          ? logger.warn(
              failure,
              "outcomes cannot be written, so that no more messages are handed over for now",
            )
          : logger.warn({}, "outcomes can be written again, and messages are handed over again"),
    });
    metrics.watchUnwritten(traffic, () => sender.unwritten);
    metrics.inFlightBound.set({ traffic }, sender.inFlightBound);
    const logged = instrumentDispatch(dispatch, logger);
    return {
      sender,
      activities: { dispatch: (input: DispatchInput) => attention.during(() => logged(input)) },
    };
  };
  const [delivery, critical] = [createTraffic("delivery"), createTraffic("critical")];
  return {
    orchestration: {
      advanceCampaign: instrumentAdvance(
        createAdvanceCampaign({ pool, mailboxShards, wake }),
        logger,
      ),
      relayOverdue: createRelayOverdue({
        pool,
        channels: channels.delivery,
        wakeQueue: async (queue) => {
          // Both ways, since it is unknown why the overdue rows were not noticed.
          await Promise.all([notifyListener(pool, queue), wakeQueue(client, queue)]);
          metrics.relayWakes.inc({ workflow: "deliveryQueue" });
        },
        wakeCampaign: async (campaignId) => {
          await wakeCampaign(client, campaignId);
          metrics.relayWakes.inc({ workflow: "campaign" });
        },
      }),
      sweepDigests: createSweepDigests({ pool, wake }),
      publishEvents: createPublishEvents({
        pool,
        gates: createGates(pool),
        receiver: events,
        http: outbound,
        sealer,
        retry,
        count: (outcome, published) => metrics.published.inc({ outcome }, published),
      }),
      resealValues: createResealValues({ pool, sealer, logger }),
      removeExpired: instrumentRemoval(createRemoveExpired({ pool, retention, clock }), metrics),
    },
    delivery: delivery.activities,
    critical: critical.activities,
    drain: async () => {
      await Promise.all([delivery.sender.drain(), critical.sender.drain()]);
    },
  };
}

/** The workers of a process: one for each task queue, over shared connections. */
export interface WorkerSet {
  workers: Worker[];
  /** To be called once the workers have ended. Resolves when the messages that had begun are settled. */
  drain: () => Promise<void>;
}

/** How long a worker may take to stop, whatever its servers do. */
export const shutdownForceMs = 25_000;

export async function createWorkers(deps: WorkerDeps): Promise<WorkerSet> {
  const { connection, client, tracing } = deps;
  const activities = createActivities(deps);
  const shared: Pick<
    WorkerOptions,
    | "connection"
    | "namespace"
    | "shutdownGraceTime"
    | "shutdownForceTime"
    | "maxHeartbeatThrottleInterval"
    | "defaultHeartbeatThrottleInterval"
    | "interceptors"
  > = {
    connection,
    namespace: client.options.namespace,
    // No grace time is needed: a dispatch ends within moments of its cancellation. Rows that it had not begun are free at once, and the
    // sender settles the others.
    shutdownGraceTime: 0,
    shutdownForceTime: shutdownForceMs,
    maxHeartbeatThrottleInterval: "2 seconds",
    defaultHeartbeatThrottleInterval: "2 seconds",
    interceptors: {
      activity: [...(tracing ? [tracing.activity] : []), observeActivities(deps.metrics)],
    },
  };
  // A dispatch mostly waits, and all of them share one sender. Slots are cheap, and too few would let campaigns hold up mailboxes.
  const delivering: Partial<WorkerOptions> = {
    maxConcurrentActivityTaskExecutions: 200,
    activityTaskPollerBehavior: { type: "simple-maximum", maximum: 4 },
  };
  const workers = await Promise.all([
    Worker.create({
      ...shared,
      ...deps.workflows,
      interceptors: { ...shared.interceptors, ...deps.workflows.interceptors },
      sinks: tracing?.sinks ?? noSinks,
      taskQueue: taskQueues.orchestration,
      activities: activities.orchestration,
      // There are only a few dozen open workflows: queues, and running campaigns.
      maxCachedWorkflows: 500,
      maxConcurrentWorkflowTaskExecutions: 40,
      workflowTaskPollerBehavior: { type: "simple-maximum", maximum: 8 },
      maxConcurrentActivityTaskExecutions: 50,
      activityTaskPollerBehavior: { type: "simple-maximum", maximum: 4 },
    }),
    Worker.create({
      ...shared,
      ...delivering,
      taskQueue: taskQueues.delivery,
      activities: activities.delivery,
    }),
    Worker.create({
      ...shared,
      ...delivering,
      taskQueue: taskQueues.deliveryCritical,
      activities: activities.critical,
    }),
  ]);
  return { workers, drain: activities.drain };
}
