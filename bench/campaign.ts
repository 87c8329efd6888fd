import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createService, type Service } from "../cli/demo/service.ts";
import { startProgress } from "../cli/demo/progress.ts";
import { type DatabaseWork, meterDatabase } from "./database-work.ts";
import { judgeAccount } from "./judge-account.ts";
import { audience, data, person, roomyLimits, template } from "./message.ts";
import type { PeerResult } from "./peer.ts";
import { ratePerSecond, runPeer } from "./peers.ts";
import { meterProcesses } from "./processes.ts";
import { type Sink, startSink } from "./sink-process.ts";
import { startTemporaryStack } from "../cli/demo/temporary-stack.ts";
import { countEvents } from "./temporal-events.ts";

export interface CampaignBench {
  recipients: number;
  workers: number;
  /** The latency of the sink: milliseconds from a command to its reply. */
  delay: number;
  /** A server to send to instead of the sink. Its messages cannot be counted, so the figures are the ledger's. */
  smtp?: URL;
  /** Sends the campaign once more while a transaction is open that began this many seconds before. */
  besideTransaction?: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

export interface CampaignResult extends DatabaseWork {
  bench: "campaign";
  recipients: number;
  workers: number;
  serverDelayMs: number;
  /** From the start request until the campaign is completed in the ledger. */
  messagesPerSecond: number;
  nodemailerPerSecond: number;
  smtpPerSecond: number;
  ratioToNodemailer: number;
  ratioToSmtp: number;
  cpuSecondsPerThousand: Record<"api" | "worker" | "temporal" | "postgres" | "sink", number>;
  /** The memory of the largest worker. */
  peakRssMb: number;
  /** Of a campaign beside a transaction that is as old as the campaign: the rate in its last tenth over that in its first; null where that was not asked for. */
  besideTransactionRatio: number | null;
  temporalEventsPerThousand: number;
  /** Recipients whose delivery is sent in the ledger but missing in the sink, or did not end as sent. */
  lost: number;
  duplicated: number;
  /** Messages on which the ledger and the sink differ; null without a sink. */
  discrepancies: number | null;
}

/** Figures that are printed but not stored. */
export interface CampaignDetails {
  seconds: number;
  /** Until the first message reached the sink. */
  firstAfterSeconds: number | null;
  /** Between the first and the last message at the sink. */
  sinkPerSecond: number | null;
  /** Beside a transaction: messages a second in each tenth of its time. */
  besideRates: readonly number[] | null;
  peakRssMb: Record<"api" | "worker" | "temporal", number>;
}

/** The number of connections that a worker has to a provider. */
const connections = 10;
/** Every sender warms up for a second or two before it is measured. */
const warmUpMs = 1_000;
const warmUpRecipients = 10_000;
const measureMs = 3_000;
const campaign = { template: { key: "weekly" }, audience: { all: true }, data } as const;

const pollMs = 100;
/** Each request costs the API some milliseconds, so it is polled frequently only once all messages have arrived. */
const askMs = 2_000;
const patienceMs = 30 * 60_000;

/**
 * Measures a campaign through the whole stack, and two bare senders as limits, before and after it, while the stack is down, so that
 * each has the machine to itself.
 */
export async function benchCampaign(
  options: CampaignBench,
): Promise<CampaignResult & { details: CampaignDetails }> {
  const sink = options.smtp ? null : await startSink({ replyDelayMs: options.delay });
  const target = options.smtp ?? new URL(sink!.url);
  const peers = { nodemailer: [] as PeerResult[], smtp: [] as PeerResult[] };
  try {
    await runPeers(target, peers, options.say);
    const measured = await runCampaign(options, target, sink);
    await runPeers(target, peers, options.say);

    const nodemailerPerSecond = ratePerSecond(peers.nodemailer);
    const smtpPerSecond = ratePerSecond(peers.smtp);
    const { messagesPerSecond, ...rest } = measured;
    return {
      bench: "campaign",
      recipients: options.recipients,
      workers: options.workers,
      serverDelayMs: options.delay,
      messagesPerSecond,
      nodemailerPerSecond,
      smtpPerSecond,
      ratioToNodemailer: messagesPerSecond / nodemailerPerSecond,
      ratioToSmtp: messagesPerSecond / smtpPerSecond,
      ...rest,
    };
  } finally {
    await sink?.stop();
  }
}

async function runPeers(
  target: URL,
  peers: Record<"nodemailer" | "smtp", PeerResult[]>,
  say: (line: string) => void,
): Promise<void> {
  const order = { host: target.hostname, port: Number(target.port || 25), connections };
  for (const peer of ["nodemailer", "smtp"] as const) {
    say(`measuring ${peer === "smtp" ? "a bare SMTP conversation" : "a bare nodemailer loop"}`);
    peers[peer].push(await runPeer({ ...order, peer, warmUpMs, measureMs }));
  }
}

async function runCampaign(
  { recipients, workers, besideTransaction, environment, say }: CampaignBench,
  target: URL,
  sink: Sink | null,
) {
  say("starting the stack");
  const stack = await startTemporaryStack({
    environment,
    workers,
    say,
    smtpUrl: `${target.href}?connections=${connections}`,
  });
  try {
    const service = createService({ url: stack.urls.api, apiKey: stack.apiKey });
    await service.changePolicy(roomyLimits);
    await service.createTemplate({
      key: "weekly",
      name: "Weekly summary",
      content: { email: template },
    });
    const createFor = (count: number) =>
      service.createCampaign({ ...campaign, name: `To ${count}` });
    /** Messages per second, from the start request until the campaign is completed in the ledger. */
    const send = async (id: string, count: number, samples: Sample[] = []) => {
      await sink?.reset();
      const startedAt = Date.now();
      await service.startCampaign(id);
      const finishedAt = await untilFinished(service, id, count, sink, samples);
      return { startedAt, seconds: (finishedAt - startedAt) / 1_000 };
    };
    const database = await meterDatabase(stack);
    say("warming up");
    const warmUp = Math.min(recipients, warmUpRecipients);
    await service.importRecipients("application/x-ndjson", audience(warmUp));
    await send(await createFor(warmUp), warmUp);
    say(`importing ${recipients} recipients`);
    await service.importRecipients("application/x-ndjson", audience(recipients));
    const id = await createFor(recipients);

    say("sending");
    const { api, worker, temporal, postgres } = stack.pids();
    await database.reset();
    const meter = meterProcesses({ api, worker, temporal, postgres });
    const { startedAt, seconds } = await send(id, recipients);
    const cpu = meter.cpuSeconds();
    const peak = meter.peakRssMb();
    const work = await database.read(recipients);

    const seen = await sink?.report();
    const found =
      sink &&
      (await judgeAccount({
        databaseUrl: stack.databaseUrl,
        received: () => sink.received(),
        audience: Array.from({ length: recipients }, (_, n) => person(n).email),
        since: new Date(startedAt),
        say,
      }));
    const account = await service.reconciliation(id);
    if (account.audience !== recipients || !account.reconciled)
      throw new Error(`the ledger does not add up: ${JSON.stringify(account)}`);
    const temporalEvents = await countEvents(stack.temporalAddress, id);

    let besideRates: number[] | null = null;
    if (besideTransaction !== undefined) {
      const many = Math.ceil((recipients / seconds) * besideTransaction);
      say(`importing ${many} recipients`);
      await service.importRecipients("application/x-ndjson", audience(many));
      const large = await createFor(many);
      say(`sending with an open transaction, until it is ${besideTransaction} s old`);
      besideRates = await whileTransactionIsOpen(stack.databaseUrl, async () => {
        const samples: Sample[] = [];
        await send(large, many, samples);
        return ratesByTenth(samples, besideTransaction * 1_000, many);
      });
    }

    const perThousand = (value: number) => (value * 1_000) / recipients;
    const sinkSeconds = seen ? (seen.lastAt! - seen.firstAt!) / 1_000 : null;
    return {
      messagesPerSecond: recipients / seconds,
      cpuSecondsPerThousand: {
        api: perThousand(cpu.api),
        worker: perThousand(cpu.worker),
        temporal: perThousand(cpu.temporal),
        postgres: perThousand(cpu.postgres),
        sink: perThousand(seen?.cpuSeconds ?? 0),
      },
      peakRssMb: peak.worker,
      besideTransactionRatio: besideRates && besideRates.at(-1)! / besideRates[0]!,
      ...work,
      temporalEventsPerThousand: perThousand(temporalEvents),
      lost: recipients - Math.min(account.sent, seen?.deliveries ?? account.sent),
      duplicated: seen?.duplicated ?? account.duplicates,
      discrepancies: found && found.length,
      details: {
        seconds,
        firstAfterSeconds: seen ? (seen.firstAt! - startedAt) / 1_000 : null,
        sinkPerSecond: sinkSeconds && recipients / sinkSeconds,
        besideRates,
        peakRssMb: { api: peak.api, worker: peak.worker, temporal: peak.temporal },
      },
    };
  } finally {
    await stack.stop();
  }
}

/** Holds a snapshot like a backup: no dead row can be removed meanwhile. */
async function whileTransactionIsOpen<T>(databaseUrl: string, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    // The snapshot is taken by the first query.
    await client.query("SELECT FROM deliveries LIMIT 1");
    return await work();
  } finally {
    await client.end();
  }
}

/** How many messages had arrived at an instant of the monotonic clock. */
interface Sample {
  atMs: number;
  arrived: number;
}

/**
 * The rate of arrivals in each tenth of `forMs`, from the first arrival on: without what comes after `forMs`, and without the last 5% of
 * the audience, when lanes end one after the other.
 */
function ratesByTenth(samples: readonly Sample[], forMs: number, audienceSize: number): number[] {
  const under = samples.filter(({ arrived }) => arrived > 0 && arrived < audienceSize * 0.95);
  const [first] = under;
  if (!first) throw new Error("the campaign was over before a rate could be measured");
  const tenthMs = Math.min(forMs, under.at(-1)!.atMs - first.atMs) / 10;
  const at = (ms: number) => under.findLast(({ atMs }) => atMs <= first.atMs + ms)!;
  return Array.from({ length: 10 }, (_, tenth) => {
    const [from, to] = [at(tenth * tenthMs), at((tenth + 1) * tenthMs)];
    return ((to.arrived - from.arrived) * 1_000) / (to.atMs - from.atMs);
  });
}

/** @returns the instant in milliseconds of the wall clock, which PostgreSQL shares */
async function untilFinished(
  service: Service,
  id: string,
  recipients: number,
  sink: Sink | null,
  samples: Sample[],
): Promise<number> {
  const progress = startProgress("sent", recipients);
  const deadline = Date.now() + patienceMs;
  try {
    for (let askAt = Date.now() + askMs; ; await sleep(pollMs)) {
      const arrived = (await sink?.progress()) ?? 0;
      progress.update(arrived);
      samples.push({ atMs: performance.now(), arrived });
      if (arrived < recipients && Date.now() < askAt) continue;
      const { status, finishedAt } = await service.campaign(id);
      if (finishedAt) return finishedAt.getTime();
      if (Date.now() > deadline) throw new Error(`the campaign does not end: it is ${status}`);
      askAt = Date.now() + askMs;
    }
  } finally {
    progress.stop();
  }
}
