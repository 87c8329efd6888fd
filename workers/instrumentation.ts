import type { Context } from "@temporalio/activity";
import type { ActivityInterceptors } from "@temporalio/worker";
import type { createAdvanceCampaign } from "../activities/advance-campaign.ts";
import type { Channel, SendResult } from "../activities/channels/channel.ts";
import { type Channels, createChannels } from "../activities/channels/channels.ts";
import type { DispatchOutcome } from "../activities/dispatch/page.ts";
import type { createDispatch } from "../activities/dispatch/loop.ts";
import { redactFailure } from "../activities/failures.ts";
import { parseGateKey } from "../domain/delivery/gates.ts";
import type { Gates } from "../ledger/gates.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { createRemoveExpired } from "../activities/remove-expired.ts";
import type { Logger } from "../config/logger.ts";
import type { Traffic, WorkerMetrics } from "./metrics.ts";

/** Wraps channels so that their messages are counted. */
export const instrumentChannels = (
  channels: Channels,
  traffic: Traffic,
  metrics: WorkerMetrics,
): Channels =>
  createChannels(channels.all.map((channel) => instrumentChannel(channel, traffic, metrics)));

/** Wraps a channel so that its messages are counted. Labels are prepared once, since thousands of messages pass each second. */
function instrumentChannel(channel: Channel, traffic: Traffic, metrics: WorkerMetrics): Channel {
  const { name } = channel;
  const inFlight = metrics.inFlight(traffic);
  const counters = new Map<string, () => void>();
  const durations = new Map<string, (seconds: number) => void>();

  const countOf = (provider: string, outcome: string) => {
    const key = `${provider} ${outcome}`;
    let count = counters.get(key);
    if (!count) {
      const child = metrics.handOvers.labels({ channel: name, provider, outcome });
      counters.set(key, (count = () => child.inc()));
    }
    return count;
  };
  const durationOf = (provider: string) => {
    let observe = durations.get(provider);
    if (!observe) {
      const child = metrics.handOverSeconds.labels({ channel: name, provider });
      durations.set(provider, (observe = (seconds) => child.observe(seconds)));
    }
    return observe;
  };

  const countResult = (result: SendResult) => {
    inFlight.count -= 1;
    if (result.kind !== "attempted") countOf("none", result.kind)();
    else
      for (const { provider, outcome, startedAt, finishedAt } of result.attempts) {
        countOf(provider ?? "none", outcome)();
        durationOf(provider ?? "none")((finishedAt.getTime() - startedAt.getTime()) / 1_000);
      }
    return result;
  };
  const countFailure = (error: unknown): never => {
    inFlight.count -= 1;
    throw error;
  };

  return {
    ...channel,
    send(request) {
      inFlight.count += 1;
      return channel.send(request).then(countResult, countFailure);
    },
  };
}

/** Wraps gates so that the metrics show how often each kind had no slot to grant. */
export function instrumentGates(gates: Gates, metrics: WorkerMetrics): Gates {
  return {
    ...gates,
    async grant(input) {
      const grant = await gates.grant(input);
      if (grant?.granted === 0) metrics.gateWaits.inc({ gate: parseGateKey(input.key).kind });
      return grant;
    },
  };
}

/** Wraps the ledger so that the time of its statements and the rows that they changed are counted. */
export function instrumentLedger(ledger: Ledger, metrics: WorkerMetrics): Ledger {
  const withTiming = <Input extends unknown[], Output>(
    operation: string,
    call: (...input: Input) => Promise<Output>,
  ) => {
    const duration = metrics.ledgerSeconds.labels({ operation });
    const failures = metrics.ledgerFailures.labels({ operation });
    failures.inc(0);
    return async (...input: Input): Promise<Output> => {
      const startedAt = performance.now();
      try {
        return await call(...input);
      } catch (error) {
        failures.inc();
        throw error;
      } finally {
        duration.observe((performance.now() - startedAt) / 1_000);
      }
    };
  };
  const countSettled = (settled: Parameters<Ledger["settle"]>[0]) => {
    for (const { settlement } of settled) metrics.ledgerRows.inc({ change: settlement.status });
  };
  const turn = withTiming("turn", (input: Parameters<Ledger["settleAndClaim"]>[0]) =>
    ledger.settleAndClaim(input),
  );
  const settle = withTiming("settle", (rows: Parameters<Ledger["settle"]>[0]) =>
    ledger.settle(rows),
  );

  return {
    due: withTiming("due", (input) => ledger.due(input)),
    async settleAndClaim(input) {
      const result = await turn(input);
      metrics.ledgerRows.inc({ change: "claimed" }, result.claimed.size);
      countSettled(input.settled);
      return result;
    },
    async settle(settled) {
      await settle(settled);
      countSettled(settled);
    },
    membersOf: withTiming("members", (input) => ledger.membersOf(input)),
    decided: withTiming("decided", (decisions) => ledger.decided(decisions)),
    confirm: withTiming("confirm", (rows) => ledger.confirm(rows)),
    giveBack: withTiming("give-back", (permits) => ledger.giveBack(permits)),
    renew: withTiming("renew", (input) => ledger.renew(input)),
    outlook: withTiming("outlook", (queue) => ledger.outlook(queue)),
  };
}

/** Counts deliveries by the kind of their queue and their outcome. Labels are prepared once. */
export function createDeliveryCounter(metrics: WorkerMetrics) {
  const counters = new Map<string, { inc(count: number): void }>();
  return (queue: string, outcome: DispatchOutcome, rows: number): void => {
    // The first part of a queue's name is its kind.
    const kind = queue.slice(0, queue.indexOf("/"));
    const key = `${kind} ${outcome}`;
    let counter = counters.get(key);
    if (!counter) {
      counter = metrics.dispatched.labels({ queue: kind, outcome });
      counters.set(key, counter);
    }
    counter.inc(rows);
  };
}

/** Wraps the dispatch so that its results are logged. */
export function instrumentDispatch(
  dispatch: ReturnType<typeof createDispatch>,
  logger: Pick<Logger, "debug">,
): typeof dispatch {
  return async (input) => {
    const result = await dispatch(input);
    const { counts, nextDueAt, open } = result;
    const { queue, requestId } = input;
    logger.debug({ queue, requestId, counts, nextDueAt, open }, "dispatched");
    return result;
  };
}

/** Wraps the activity so that a campaign's steps are logged. */
export function instrumentAdvance(
  advanceCampaign: ReturnType<typeof createAdvanceCampaign>,
  logger: Pick<Logger, "debug">,
): typeof advanceCampaign {
  return async (input) => {
    const { campaignId, requestId } = input;
    const step = await advanceCampaign(input);
    logger.debug({ campaignId, requestId, next: step.next }, "campaign advanced");
    return step;
  };
}

/** Wraps the activity so that removed rows are counted. A round that is repeated may count its rows again. */
export function instrumentRemoval(
  removeExpired: ReturnType<typeof createRemoveExpired>,
  metrics: WorkerMetrics,
): typeof removeExpired {
  return async (input) => {
    const result = await removeExpired(input);
    metrics.removed.inc({ table: input.table }, result.removed);
    return result;
  };
}

/** Counts every activity, and keeps out of histories what an error quotes. */
export function observeActivities(metrics: WorkerMetrics) {
  return ({ info }: Context): ActivityInterceptors => ({
    inbound: {
      async execute(input, next) {
        const activity = info.activityType;
        const running = metrics.activitiesRunning.labels({ activity });
        const startedAt = performance.now();
        let outcome = "failed";
        running.inc();
        try {
          const result = await next(input);
          outcome = "completed";
          return result;
        } catch (error) {
          throw redactFailure(error);
        } finally {
          running.dec();
          metrics.activitySeconds.observe(
            { activity, outcome },
            (performance.now() - startedAt) / 1_000,
          );
        }
      },
    },
  });
}
