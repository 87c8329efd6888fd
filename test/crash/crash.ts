import { setTimeout as sleep } from "node:timers/promises";
import { leaseMs } from "../../activities/dispatch/leases.ts";
import { type Sink, startSink } from "../../bench/sink-process.ts";
import { startProgress } from "../../cli/demo/progress.ts";
import { createService, type Service } from "../../cli/demo/service.ts";
import { poll } from "../../lib/polling.ts";
import { inFlightBound } from "../../workers/worker.ts";
import {
  type AskedCampaign,
  type AskedNotification,
  gatherPeople,
  messagesOf,
  notifyMeanwhile,
  postForLater,
  startCampaigns,
  type StartedCampaign,
} from "./asked.ts";
import {
  connections,
  type CrashStack,
  membersOf,
  startCrashStack,
  workers,
} from "./crash-stack.ts";
import { frozenMs, stepsOf, times, type Until, whileFrozen } from "./steps.ts";
import { judge, type Verdict } from "./verdict.ts";

/** What makes it harder, alone, together, or with kills. */
export interface Variants {
  /** The mail server takes up to five seconds over a message. */
  slowServer: boolean;
  /** The wall clock of one of the two workers is an hour ahead. */
  clockAhead: boolean;
  /** A worker and the mail server stand still for longer than a lease, and go on. */
  freeze: boolean;
  /** Sends SIGTERM to each worker while it is sending, and starts it again. */
  sigterm: boolean;
  /** The disk that all of the stack is on is full for longer than a lease, twice. */
  diskFull: boolean;
  /** The launcher and all its processes are killed, and it is started in the next instant, twice. */
  restartAtOnce: boolean;
}

export interface CrashOptions extends Variants {
  recipients: number;
  /** How many times a worker is killed; after that, if it was any, Temporal and PostgreSQL are killed once each. */
  kills: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

export interface CrashResult extends Verdict, Variants {
  recipients: number;
  kills: number;
  /** Of one worker: what its death or its standing still may repeat. The deaths of Temporal and PostgreSQL may repeat nothing. */
  inFlightBound: number;
  /** How often a worker was killed, suspended or terminated: each time it may repeat its messages in flight. */
  disturbances: number;
  /** Workers that had not ended by themselves within the time that they promise. */
  drainsCutOff: number;
  /** The API's account of each campaign is exact, and the mail server agrees with the ledger. */
  reconciled: boolean;
  seconds: number;
  /** Notifications accepted beside the campaigns. */
  notifications: number;
}

/** How long the campaigns would take undisturbed, for each thing that is done to them: enough to see it come back. */
const secondsPerStep = 6;
const longestDelayMs = 5_000;
const slowServerMs = [0, 5_000] as const;

/** Of a campaign, when it is stopped. */
const stoppedAtPart = 1 / 3;
/** Longer than a lease: what is taken up again by mistake is seen. */
const pausedMs = leaseMs + 2_000;
/** Beyond what it would take undisturbed, several times over. */
const patienceMs = 120_000;
const progressMs = 200;

/** Nothing was lost, owed twice, early, begun after a stop or counted wrongly, and no more was sent twice than was promised. */
export function passes(result: CrashResult): boolean {
  const { deliveredTwice, disturbances, discrepancies, countDifferences, reconciled } = result;
  return (
    result.lost === 0 &&
    result.early === 0 &&
    result.begunAfterStop === 0 &&
    result.ledgerDuplicates === 0 &&
    result.drainsCutOff === 0 &&
    reconciled &&
    discrepancies.length === 0 &&
    countDifferences.length === 0 &&
    deliveredTwice <= disturbances * result.inFlightBound
  );
}

/**
 * Runs campaigns on the real stack, stops two of them, and does to it what the options say: workers are killed with SIGKILL, then
 * Temporal and PostgreSQL, at moments set by the progress. Notifications are posted all the while. What does not end is judged as it
 * is after a while. Throws if the campaigns were over before the last of what is done to them: it proves nothing then.
 */
export async function crash(options: CrashOptions): Promise<CrashResult> {
  const messageDelayMs = delayOf(options);
  // Nothing kills it: what it has seen is beyond doubt.
  const server = await startSink({ messageDelayMs });
  const undisturbedMs =
    (messagesOf(options.recipients) * (messageDelayMs[0] + messageDelayMs[1])) /
    (2 * workers * connections);
  const until = patientlyUntil(patienceMs + 2 * undisturbedMs, options.say);
  try {
    return await crashOver(server, options, until);
  } finally {
    await server.stop();
  }
}

function delayOf(options: CrashOptions) {
  const { recipients, kills, freeze, sigterm, slowServer, diskFull, restartAtOnce } = options;
  if (slowServer) return slowServerMs;
  const steps =
    kills +
    2 +
    (sigterm ? workers : 0) +
    (freeze ? 1 : 0) +
    (diskFull ? times : 0) +
    (restartAtOnce ? times : 0);
  const seconds = secondsPerStep * steps + (freeze ? (2 * frozenMs + pausedMs) / 1_000 : 0);
  const undisturbedMs = (seconds * 1_000 * workers * connections) / messagesOf(recipients);
  const delayMs = Math.min(longestDelayMs, Math.ceil(undisturbedMs));
  return [delayMs, delayMs] as const;
}

async function crashOver(server: Sink, options: CrashOptions, until: Until): Promise<CrashResult> {
  const { recipients, kills, slowServer, clockAhead, freeze, sigterm, say } = options;
  const { diskFull, restartAtOnce } = options;
  const startedAt = Date.now();
  say("starting the stack");
  let proven = false;
  const stack = await startCrashStack(server, options);
  try {
    const service = createService({ url: stack.urls.api, apiKey: stack.apiKey });
    const people = gatherPeople(recipients);
    await people.import(service);
    const forLater = await postForLater(service, people);
    const started = await startCampaigns(service, people);
    say(`sending to ${recipients} recipients`);
    const beside = notifyMeanwhile(service, people);
    const progress = startProgress("sent", Math.ceil(messagesOf(recipients)));
    const watch = poll(async () => progress.update(await server.progress()), progressMs);
    let campaigns: AskedCampaign[];
    let drainsCutOff = 0;
    try {
      const stopping = stopCampaigns({ service, stack, started, options, until });
      stopping.catch(() => {});
      // While a worker stands still for the cancelled one, nothing else is done to it.
      if (freeze) await stopping;
      const steps = stepsOf({ stack, server, options, until, cutOff: () => drainsCutOff++ });
      for (const [index, { what, run }] of steps.entries()) {
        const wanted = Math.ceil((recipients * (index + 0.5)) / steps.length);
        await until(
          `${wanted} messages at the mail server`,
          async () => (await server.progress()) >= wanted,
        );
        if ((await service.campaign(started.kept.id)).finishedAt !== null)
          throw new Error(`the campaign was over before "${what}": nothing is proven`);
        const at = Date.now();
        const before = await server.progress();
        await run();
        const tookSeconds = ((Date.now() - at) / 1_000).toFixed(1);
        say(`${what} after ${before} messages; back after ${tookSeconds} s`);
      }
      campaigns = await stopping;
      await until("the campaigns to end", async () => {
        const now = await Promise.all(campaigns.map(({ id }) => service.campaign(id)));
        return now.every(({ finishedAt }) => finishedAt !== null);
      });
    } finally {
      watch.stop();
      progress.stop();
    }
    const notifications = [...forLater, ...(await beside.stop())];
    await until("the notifications to end", () => allEnded(service, notifications));

    const verdict = await judge({
      databaseUrl: stack.databaseUrl,
      server,
      asked: { campaigns, notifications, quiet: people.quiet },
      addresses: people.addresses,
      say,
    });
    const accounts = await Promise.all(campaigns.map(({ id }) => service.reconciliation(id)));
    const result = {
      ...verdict,
      recipients,
      kills,
      slowServer,
      clockAhead,
      freeze,
      sigterm,
      diskFull,
      restartAtOnce,
      inFlightBound: inFlightBound.delivery + inFlightBound.critical,
      disturbances:
        kills +
        (freeze ? 1 : 0) +
        (sigterm ? workers : 0) +
        (diskFull ? workers : 0) +
        (restartAtOnce ? times * workers : 0),
      drainsCutOff,
      reconciled:
        accounts.every(
          (account, n) => account.reconciled && account.audience === campaigns[n]!.audience,
        ) && verdict.discrepancies.length === 0,
      seconds: (Date.now() - startedAt) / 1_000,
      notifications: notifications.length,
    };
    proven = passes(result);
    return result;
  } finally {
    if (!proven) say(`what is left of it: ${stack.dataDir}`);
    await stack.stop({ keepData: !proven });
  }
}

/**
 * Cancels one campaign and pauses another, each in the middle of its work, and lets the second one go on after a while. With
 * `freeze`, a worker stands still while the first is cancelled, and goes on when its leases have long run out.
 */
async function stopCampaigns({
  service,
  stack,
  started: { kept, cancelled, paused },
  options: { freeze, say },
  until,
}: {
  service: Service;
  stack: CrashStack;
  started: Record<"kept" | "cancelled" | "paused", StartedCampaign>;
  options: CrashOptions;
  until: Until;
}): Promise<AskedCampaign[]> {
  const inTheMiddle = ({ id, audience }: StartedCampaign) =>
    until(
      "a campaign to be in the middle of its work",
      async () => (await service.reconciliation(id)).sent >= audience * stoppedAtPart,
    );
  const cancel = async () => {
    await inTheMiddle(cancelled);
    let cancelledAt = Infinity;
    const request = async () => {
      await service.cancelCampaign(cancelled.id);
      cancelledAt = Date.now();
    };
    if (freeze) {
      await whileFrozen(membersOf(stack).pids().worker[0]!, request);
      say(`a worker stood still for ${frozenMs / 1_000} s, and a campaign was cancelled meanwhile`);
    } else await request();
    return cancelledAt;
  };
  const pause = async () => {
    await inTheMiddle(paused);
    await service.pauseCampaign(paused.id);
    const pausedAt = Date.now();
    await sleep(pausedMs);
    const resumedAt = Date.now();
    await service.resumeCampaign(paused.id);
    return { pausedAt, resumedAt };
  };
  // Each is watched by itself: while one is waited for, the other may come to its end.
  const [cancelledAt, { pausedAt, resumedAt }] = await Promise.all([cancel(), pause()]);
  return [
    { ...kept, isCancelled: false, stopped: null },
    { ...cancelled, isCancelled: true, stopped: { from: cancelledAt, until: Infinity } },
    { ...paused, isCancelled: false, stopped: { from: pausedAt, until: resumedAt } },
  ];
}

async function allEnded(
  service: Service,
  notifications: readonly AskedNotification[],
): Promise<boolean> {
  for (const { id, waits } of notifications) {
    if (waits) continue;
    const { pending, sending } = (await service.notification(id)).counts;
    if (pending + sending > 0) return false;
  }
  return true;
}

function patientlyUntil(forMs: number, say: (line: string) => void): Until {
  return async (what, ask) => {
    const deadline = Date.now() + forMs;
    while (!(await ask())) {
      if (Date.now() > deadline)
        return say(`waited ${Math.round(forMs / 1_000)} s in vain for ${what}`);
      await sleep(100);
    }
  };
}
