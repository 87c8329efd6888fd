import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../cli/demo/service.ts";
import { startProgress } from "../cli/demo/progress.ts";
import { startTemporaryStack } from "../cli/demo/temporary-stack.ts";
import { withTimeout } from "../lib/timeout.ts";
import { type DatabaseMeter, meterDatabase } from "./database-work.ts";
import { type Hops, startHops } from "./hop-process.ts";
import { type SingleTimes, sendBesideCampaign } from "./beside-campaign.ts";
import { data, person } from "./message.ts";
import { prepareService } from "./prepare-service.ts";
import { percentile } from "./percentile.ts";
import { createRandom } from "./random.ts";
import { type Sink, startSink } from "./sink-process.ts";

export interface LatencyBench {
  /** The number of notifications of each priority. */
  sends: number;
  rests: number;
  restSeconds: number;
  /** The size of a campaign beside which single notifications are measured too. */
  besideCampaign?: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

/** Times are milliseconds from the request to the arrival at the sink. */
export interface LatencyResult {
  bench: "latency";
  sends: number;
  p50Ms: number;
  p99Ms: number;
  criticalP50Ms: number;
  criticalP99Ms: number;
  /** The latency of notifications that are sent after a rest. */
  restMedianMs: number;
  restMaxMs: number;
  /** The limit: the time from a signal to a workflow until its activity runs. */
  hopP99Ms: number;
  /** Statements that PostgreSQL executed during the rests, of all clients. */
  idleQueriesPerSecond: number;
  /** The 95th percentile beside a campaign on the same worker, as a multiple of the one without it; null if it was not measured. */
  besideCampaignRatio: number | null;
  criticalBesideCampaignRatio: number | null;
}

/** Figures that are printed but not stored. */
export interface LatencyDetails {
  rests: number;
  restSeconds: number;
  hopP50Ms: number;
  p95Ms: number;
  criticalP95Ms: number;
  besideCampaign: SingleTimes | null;
}

const recipients = 2_000;
const warmUp = 50;
const longestPauseMs = 100;
/** The length of each rest, in which the work after the last message is finished. */
const settlingShare = 0.1;
const patienceMs = 60_000;

/**
 * Measures single notifications: the next one is posted a moment after the last one arrived. Normal and critical notifications and Temporal's
 * hops alternate, so that all see the same load. Then one is sent after each of many rests.
 */
export async function benchLatency({
  sends,
  rests,
  restSeconds,
  besideCampaign,
  environment,
  say,
}: LatencyBench): Promise<LatencyResult & { details: LatencyDetails }> {
  const sink = await startSink();
  try {
    say("starting the stack");
    const stack = await startTemporaryStack({ environment, say, smtpUrl: sink.url });
    try {
      const service = await prepareService(stack, recipients);
      const database = await meterDatabase(stack);
      const hops = await startHops(stack.temporalAddress);
      try {
        const send = createSingleSender(service, sink);
        say("warming up");
        await takeTurns({ turns: warmUp, send, hops });
        say(`sending ${sends} normal and ${sends} critical notifications, one at a time`);
        const turns = await takeTurns({ turns: sends, send, hops });
        say(`sending one after each of ${rests} rests of ${restSeconds} s`);
        const rested = await sendAfterRests({ rests, restSeconds, send, database });
        await failOverCopies(sink);
        let beside: SingleTimes | null = null;
        if (besideCampaign !== undefined) {
          say(`sending beside a campaign to ${besideCampaign}`);
          await sink.reset();
          beside = await sendBesideCampaign(service, sink, besideCampaign);
          await failOverCopies(sink);
        }
        const [p95Ms, criticalP95Ms] = [turns.normal, turns.critical].map((ms) =>
          percentile(ms, 0.95),
        ) as [number, number];
        return {
          bench: "latency",
          sends,
          p50Ms: percentile(turns.normal, 0.5),
          p99Ms: percentile(turns.normal, 0.99),
          criticalP50Ms: percentile(turns.critical, 0.5),
          criticalP99Ms: percentile(turns.critical, 0.99),
          restMedianMs: percentile(rested.ms, 0.5),
          restMaxMs: Math.max(...rested.ms),
          hopP99Ms: percentile(turns.hop, 0.99),
          idleQueriesPerSecond: rested.queriesPerSecond,
          besideCampaignRatio: beside && percentile(beside.normal, 0.95) / p95Ms,
          criticalBesideCampaignRatio: beside && percentile(beside.critical, 0.95) / criticalP95Ms,
          details: {
            rests,
            restSeconds,
            hopP50Ms: percentile(turns.hop, 0.5),
            p95Ms,
            criticalP95Ms,
            besideCampaign: beside,
          },
        };
      } finally {
        await hops.stop();
      }
    } finally {
      await stack.stop();
    }
  } finally {
    await sink.stop();
  }
}

/** Posts a notification, and resolves with the milliseconds until it arrived. */
type Send = (priority: "normal" | "critical") => Promise<number>;

function createSingleSender(service: Service, sink: Sink): Send {
  let sent = 0;
  return async (priority) => {
    const { externalId } = person((sent * 977) % recipients);
    sent += 1;
    const arrived = withTimeout(patienceMs, sink.reached(sent));
    const sentAt = Date.now();
    const accepted = service.notify({
      recipients: [externalId],
      template: { key: "weekly" },
      data,
      priority,
    });
    const [arrivedAt] = await Promise.all([arrived, accepted]);
    return arrivedAt - sentAt;
  };
}

async function takeTurns({ turns, send, hops }: { turns: number; send: Send; hops: Hops }) {
  const random = createRandom(1);
  const pause = () => sleep(random() * longestPauseMs);
  const ms = { normal: [] as number[], critical: [] as number[], hop: [] as number[] };
  const progress = startProgress("sent", turns);
  try {
    for (let turn = 0; turn < turns; turn++) {
      await pause();
      ms.normal.push(await send("normal"));
      await pause();
      ms.critical.push(await send("critical"));
      await pause();
      ms.hop.push(await hops.measure());
      progress.update(turn + 1);
    }
  } finally {
    progress.stop();
  }
  return ms;
}

async function sendAfterRests({
  rests,
  restSeconds,
  send,
  database,
}: {
  rests: number;
  restSeconds: number;
  send: Send;
  database: DatabaseMeter;
}) {
  const ms: number[] = [];
  let queries = 0;
  let seconds = 0;
  for (let rest = 0; rest < rests; rest++) {
    await sleep(restSeconds * 1_000 * settlingShare);
    const before = { queries: await database.countStatements(), at: performance.now() };
    await sleep(restSeconds * 1_000 * (1 - settlingShare));
    queries += (await database.countStatements()) - before.queries;
    seconds += (performance.now() - before.at) / 1_000;
    ms.push(await send("normal"));
  }
  return { ms, queriesPerSecond: queries / seconds };
}

/** Fails if a message arrived twice: it would have been counted as the next one. */
async function failOverCopies(sink: Sink): Promise<void> {
  const { messages, deliveries } = await sink.report();
  if (messages !== deliveries)
    throw new Error(`${messages} messages came of ${deliveries} deliveries`);
}
