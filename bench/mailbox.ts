import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../cli/demo/service.ts";
import { startProgress } from "../cli/demo/progress.ts";
import { type DatabaseWork, meterDatabase } from "./database-work.ts";
import { judgeAccount } from "./judge-account.ts";
import { data, person } from "./message.ts";
import { prepareService } from "./prepare-service.ts";
import { percentile } from "./percentile.ts";
import { type Sink, startSink } from "./sink-process.ts";
import { meterProcesses } from "./processes.ts";
import { startTemporaryStack, type TemporaryStack } from "../cli/demo/temporary-stack.ts";

/** The figures of work are per notification that is posted by itself. */
export interface MailboxResult extends DatabaseWork {
  bench: "mailbox";
  notifications: number;
  /** The rate from the first request to the last arrival at the sink. */
  perSecond: number;
  cpuSecondsPerThousand: Record<"api" | "worker" | "temporal" | "postgres", number>;
  lost: number;
  duplicated: number;
  /** Messages on which the ledger and the sink differ. */
  discrepancies: number;
  /** From the request to the arrival at the sink. */
  criticalP50Ms: number;
  criticalP99Ms: number;
}

/** Figures that are printed but not stored. */
export interface MailboxDetails {
  recipients: number;
  acceptedPerSecond: number;
  criticals: number;
  leastWaiting: number;
}

const recipients = 2_000;
const notifications = 10_000;
/** The number of concurrent requests. */
const callers = 16;

const criticals = 100;
const criticalEveryMs = 150;
/** The number of normal deliveries that wait while critical ones are sent; it is kept constant. */
const waiting = 10_000;
const topUp = 1_000;

const patienceMs = 120_000;

export async function benchMailbox({
  environment,
  say,
}: {
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}): Promise<MailboxResult & { details: MailboxDetails }> {
  const sink = await startSink();
  try {
    say("starting the stack");
    const stack = await startTemporaryStack({
      // More deliveries wait here than the default limits allow.
      environment: { ...environment, MAX_UNSENT: "100000" },
      say,
      smtpUrl: sink.url,
    });
    try {
      const service = await prepareService(stack, recipients);

      const startedAt = new Date();
      const one = await measureWork(stack, async () => {
        say(`posting ${notifications} notifications one by one`);
        await sink.reset();
        return postOneByOne(service, sink);
      });
      say(`posting ${criticals} critical ones while ${waiting} normal ones wait`);
      const two = await postCriticals(service, sink);
      // The ledger is read at the end, because reading it slows the others down.
      const discrepancies = await judgeAccount({
        databaseUrl: stack.databaseUrl,
        received: () => sink.received(),
        audience: Array.from({ length: recipients }, (_, n) => person(n).email),
        since: startedAt,
        say,
      });
      return {
        bench: "mailbox",
        notifications,
        perSecond: one.perSecond,
        ...one.work,
        lost: two.lost,
        duplicated: two.duplicated,
        discrepancies: discrepancies.length,
        criticalP50Ms: percentile(two.latenciesMs, 0.5),
        criticalP99Ms: percentile(two.latenciesMs, 0.99),
        details: {
          recipients,
          acceptedPerSecond: one.acceptedPerSecond,
          criticals,
          leastWaiting: two.leastWaiting,
        },
      };
    } finally {
      await stack.stop();
    }
  } finally {
    await sink.stop();
  }
}

/** Measures the cost of `post` for the stack. */
async function measureWork<T>(stack: TemporaryStack, post: () => Promise<T>) {
  const database = await meterDatabase(stack);
  await database.reset();
  const { api, worker, temporal, postgres } = stack.pids();
  const meter = meterProcesses({ api, worker, temporal, postgres });
  const posted = await post();
  const cpu = meter.cpuSeconds();
  const perThousand = (seconds: number) => (seconds * 1_000) / notifications;
  const work = {
    ...(await database.read(notifications)),
    cpuSecondsPerThousand: {
      api: perThousand(cpu.api),
      worker: perThousand(cpu.worker),
      temporal: perThousand(cpu.temporal),
      postgres: perThousand(cpu.postgres),
    },
  };
  return { ...posted, work };
}

const toPerson = (n: number) => ({
  recipients: [person(n % recipients).externalId],
  template: { key: "weekly" },
  data,
});

async function postOneByOne(service: Service, sink: Sink) {
  let next = 0;
  const startedAt = Date.now();
  const caller = async () => {
    while (next < notifications) await service.notify(toPerson(next++));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const acceptedAt = Date.now();
  const seen = await untilArrived(sink, notifications);
  return {
    perSecond: (notifications * 1_000) / (seen.lastAt! - startedAt),
    acceptedPerSecond: (notifications * 1_000) / (acceptedAt - startedAt),
  };
}

/** The sink already has the notifications that were posted one by one; lost and duplicated messages are counted over all. */
async function postCriticals(service: Service, sink: Sink) {
  let posted = 0;
  let leastWaiting = Infinity;
  let done = false;

  /** Posts many recipients per request, so that the backlog loads the workers and not the API. */
  const keepWaiting = async () => {
    while (!done) {
      const left = notifications + posted - (await sink.progress());
      if (posted >= waiting) leastWaiting = Math.min(leastWaiting, left);
      if (left >= waiting + topUp) {
        await sleep(10);
        continue;
      }
      const from = posted % recipients;
      await service.notify({
        recipients: Array.from(
          { length: topUp },
          (_, n) => person((from + n) % recipients).externalId,
        ),
        template: { key: "weekly" },
        data,
      });
      posted += topUp;
    }
  };
  const waitingOnes = keepWaiting();

  const sentAt: number[] = [];
  const ids: Promise<string>[] = [];
  while (posted < waiting) await sleep(10);
  for (let n = 0; n < criticals; n++) {
    sentAt.push(Date.now());
    ids.push(service.notify({ ...toPerson(n * 17), priority: "critical" }));
    await sleep(criticalEveryMs);
  }
  const notificationIds = await Promise.all(ids);
  done = true;
  await waitingOnes;

  const accepted = posted + criticals;
  const seen = await untilArrived(sink, notifications + accepted);
  const deliveryIds = await Promise.all(
    notificationIds.map(async (id) => (await service.notification(id)).deliveries[0]!.id),
  );
  const arrivedAt = await sink.arrivals(deliveryIds);
  return {
    latenciesMs: arrivedAt.flatMap((at, n) => (at === null ? [] : [at - sentAt[n]!])),
    leastWaiting,
    lost: notifications + accepted - seen.deliveries,
    duplicated: seen.duplicated,
  };
}

/** Waits until as many messages have arrived, or until no more arrive for a long time. */
async function untilArrived(sink: Sink, count: number) {
  const progress = startProgress("arrived", count);
  const deadline = Date.now() + patienceMs;
  try {
    while (Date.now() < deadline) {
      const arrived = await sink.progress();
      progress.update(arrived);
      if (arrived >= count) break;
      await sleep(20);
    }
  } finally {
    progress.stop();
  }
  return sink.report();
}
