import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../cli/demo/service.ts";
import { compiled } from "../cli/stack/guarded.ts";
import { startTemporaryStack, type TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { parsePublicId } from "../domain/ids.ts";
import { createTokens } from "../domain/tokens.ts";
import { data, person } from "./message.ts";
import { prepareService } from "./prepare-service.ts";
import { percentile } from "./percentile.ts";
import { type Sink, startSink } from "./sink-process.ts";

/** The kinds of attacks: bodies full of faults, endless bodies, heavy reads, repeated use of one link, endless templates, and their previews. */
export const attacks = ["faults", "bodies", "previews", "link", "loops", "renders"] as const;
export type Attack = (typeof attacks)[number];

/** The configuration of the attackers (bench/attackers.ts). */
export interface AttackPlan {
  /** The URL of the API. */
  url: string;
  /** API keys with the roles viewer and sender. */
  viewer: string;
  sender: string;
  /** The path of a valid link in a message. */
  link: string;
  /** The key of a template that never finishes. */
  template: string;
  attacks: readonly Attack[];
}

export interface OverloadBench {
  /** The duration of each measurement, without and with attacks. */
  seconds: number;
  attacks: readonly Attack[];
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

/** The requests of honest callers during a measurement. */
interface Figures {
  accepts: number;
  /** Notifications that were not accepted with 202. */
  acceptsUnavailable: number;
  acceptsFailed: number;
  acceptP50Ms: number;
  acceptP99Ms: number;
  /** From the request to the arrival at the sink. */
  criticals: number;
  criticalsMissing: number;
  criticalP50Ms: number;
  criticalP99Ms: number;
  healthzP99Ms: number;
  healthzMaxMs: number;
  healthzFailed: number;
  /** The peak memory of the API in megabytes. */
  apiRssMb: number;
}

export interface OverloadResult {
  bench: "overload";
  attacks: readonly Attack[];
  seconds: number;
  quiet: Figures;
  attacked: Figures;
}

const recipients = 20_000;
const acceptEveryMs = 100;
const criticalEveryMs = 500;
const healthzEveryMs = 100;
const patienceMs = 60_000;
/** The time until the attacks have full effect. */
const warmUpMs = 5_000;

/** Measures honest callers without attackers, and then beside attackers of all kinds at once. */
export async function benchOverload({
  seconds,
  attacks,
  environment,
  say,
}: OverloadBench): Promise<OverloadResult> {
  const sink = await startSink();
  try {
    say("starting the stack");
    const stack = await startTemporaryStack({ environment, say, smtpUrl: sink.url });
    try {
      const service = await prepareService(stack, recipients);
      const plan = await prepareAttack(stack, service, attacks);
      const honest = await makeKey(stack, "sender");
      say(`measuring for ${seconds} s without attackers`);
      const quiet = await measure({ stack, service, sink, key: honest, seconds });
      const attackers = fork(compiled("bench/attackers.js"), [JSON.stringify(plan)], {
        execArgv: [],
      });
      try {
        await sleep(warmUpMs);
        say(`measuring for ${seconds} s beside attackers: ${attacks.join(", ")}`);
        const attacked = await measure({ stack, service, sink, key: honest, seconds });
        return { bench: "overload", attacks, seconds, quiet, attacked };
      } finally {
        const exited = once(attackers, "exit");
        attackers.disconnect();
        await exited;
      }
    } finally {
      await stack.stop();
    }
  } finally {
    await sink.stop();
  }
}

async function makeKey({ urls, apiKey }: TemporaryStack, role: "viewer" | "sender") {
  const response = await fetch(`${urls.api}/v1/api-keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ name: `bench ${role}`, role }),
  });
  return ((await response.json()) as { secret: string }).secret;
}

async function prepareAttack(
  stack: TemporaryStack,
  service: Service,
  attacks: readonly Attack[],
): Promise<AttackPlan> {
  await service.createTemplate({
    key: "endless",
    name: "Never done",
    content: {
      email: {
        subject: "Never done",
        html: "{% for i in (1..99999) %}{% for j in (1..99999) %}{% endfor %}{% endfor %}",
      },
    },
  });
  const id = await service.notify({
    recipients: [person(recipients - 1).externalId],
    template: { key: "weekly" },
    data,
  });
  const delivery = (await service.notification(id)).deliveries[0]!.id;
  const tokens = createTokens([readFileSync(join(stack.dataDir, "token-secret"), "utf8").trim()]);
  const token = await tokens.signActionToken({
    target: { delivery: parsePublicId("delivery", delivery)! },
    action: { action: "complete" },
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  return {
    url: stack.urls.api,
    viewer: await makeKey(stack, "viewer"),
    sender: await makeKey(stack, "sender"),
    link: `/a/${token}`,
    template: "endless",
    attacks,
  };
}

interface Measured {
  stack: TemporaryStack;
  service: Service;
  sink: Sink;
  key: string;
  seconds: number;
}

/** Sends requests at a fixed rate, whether or not earlier ones have been answered. */
async function measure({ stack, service, sink, key, seconds }: Measured): Promise<Figures> {
  const accepted: Timed[] = [];
  const criticals: (Timed & { id: string | null })[] = [];
  const probes: Timed[] = [];
  const healthz = `${stack.urls.api}/healthz`;
  let apiRssMb = 0;
  let asked = 0;
  const notify = async (priority: "normal" | "critical") => {
    const { externalId } = person((asked++ * 977) % recipients);
    let id: string | null = null;
    const timed = await time(async () => {
      const response = await fetch(`${stack.urls.api}/v1/notifications`, {
        method: "POST",
        signal: AbortSignal.timeout(patienceMs),
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({
          recipients: [externalId],
          template: { key: "weekly" },
          data,
          priority,
        }),
      });
      const body = (await response.json()) as { id?: string };
      id = body.id ?? null;
      return response.status;
    });
    accepted.push(timed);
    return { ...timed, id };
  };
  const until = Date.now() + seconds * 1_000;
  await Promise.all([
    atRate(acceptEveryMs, until, () => notify("normal")),
    atRate(criticalEveryMs, until, async () => void criticals.push(await notify("critical"))),
    atRate(healthzEveryMs, until, async () => {
      probes.push(
        await time(
          async () => (await fetch(healthz, { signal: AbortSignal.timeout(patienceMs) })).status,
        ),
      );
      apiRssMb = Math.max(apiRssMb, ...stack.pids().api.map(residentMb));
    }),
  ]);
  const sent = criticals.flatMap(({ id, at }) => (id === null ? [] : [{ id, at }]));
  const arrivals = await arrivalsOf(service, sink, sent);
  const took = accepted.flatMap(({ status, ms }) => (status === 202 ? [ms] : []));
  const probed = probes.map(({ ms }) => ms);
  return {
    accepts: accepted.length,
    acceptsUnavailable: accepted.filter(({ status }) => status === 503).length,
    acceptsFailed: accepted.filter(({ status }) => status !== 202 && status !== 503).length,
    acceptP50Ms: percentile(took, 0.5),
    acceptP99Ms: percentile(took, 0.99),
    criticals: criticals.length,
    criticalsMissing: criticals.length - arrivals.length,
    criticalP50Ms: percentile(arrivals, 0.5),
    criticalP99Ms: percentile(arrivals, 0.99),
    healthzP99Ms: percentile(probed, 0.99),
    healthzMaxMs: Math.max(...probed),
    healthzFailed: probes.filter(({ status }) => status !== 200).length,
    apiRssMb,
  };
}

interface Timed {
  /** The time of the request in milliseconds of the wall clock. */
  at: number;
  ms: number;
  /** The HTTP status; 0 if there was no answer. */
  status: number;
}

async function time(ask: () => Promise<number>): Promise<Timed> {
  const at = Date.now();
  const startedAt = performance.now();
  const status = await ask().catch(() => 0);
  return { at, ms: performance.now() - startedAt, status };
}

async function atRate(everyMs: number, until: number, ask: () => Promise<unknown>): Promise<void> {
  const all: Promise<unknown>[] = [];
  for (let at = Date.now(); at < until; at += everyMs) {
    await sleep(Math.max(0, at - Date.now()));
    all.push(ask());
  }
  await Promise.all(all);
}

function residentMb(pid: number | null): number {
  if (pid === null) return 0;
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib ?? 0) / 1_024;
}

/** The milliseconds from the request until the arrival at the sink, of all messages that arrive. */
async function arrivalsOf(
  service: Service,
  sink: Sink,
  sent: readonly { id: string; at: number }[],
): Promise<number[]> {
  const deliveries: string[] = [];
  for (const { id } of sent) deliveries.push((await service.notification(id)).deliveries[0]!.id);
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const arrivedAt = await sink.arrivals(deliveries);
    const took = arrivedAt.flatMap((at, n) => (at === null ? [] : [at - sent[n]!.at]));
    if (took.length === sent.length || Date.now() > deadline) return took;
    await sleep(100);
  }
}
