import { setTimeout as sleep } from "node:timers/promises";
import { createService, type Service } from "../../cli/demo/service.ts";
import { startTemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { startProgress } from "../../cli/demo/progress.ts";
import { inFlightBound } from "../../workers/worker.ts";
import { startMailServer, type MailServer } from "../policy/mail-server.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface CrashOptions {
  recipients: number;
  /** How many times a worker is killed; Temporal and PostgreSQL are killed once each after that. */
  kills: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

export interface CrashResult extends Verdict {
  recipients: number;
  kills: number;
  /** Of one worker: what its death may repeat. The deaths of Temporal and PostgreSQL may repeat nothing. */
  inFlightBound: number;
  /** The API's account of the campaign is exact, and the mail server agrees with the ledger. */
  reconciled: boolean;
  seconds: number;
  /** Notifications accepted beside the campaign. */
  notifications: number;
}

const workers = 2;
/** Of each worker to the mail server, which answers each after a delay, so that a worker always dies with its hands full. */
const connections = 10;
/** How long the campaign would take undisturbed, for each thing that is killed: enough to see it come back. */
const secondsPerKill = 6;
const longestDelayMs = 2_000;

const notifyEveryMs = 500;
const patienceMs = 180_000;

/** Nothing was lost, nothing owed twice, and no more sent twice than was promised. */
export function passes(result: CrashResult): boolean {
  const { lost, ledgerDuplicates, reconciled, deliveredTwice, kills, inFlightBound } = result;
  return (
    lost === 0 &&
    ledgerDuplicates === 0 &&
    reconciled &&
    result.discrepancies.length === 0 &&
    deliveredTwice <= kills * inFlightBound
  );
}

/**
 * Runs a campaign on the real stack and kills what it runs on with SIGKILL, at moments set by its progress: workers,
 * then Temporal, then PostgreSQL. Notifications are posted all the while. Throws if the campaign was over before the last
 * kill (it proves nothing then), or does not end.
 */
export async function crash(options: CrashOptions): Promise<CrashResult> {
  const { recipients, kills } = options;
  const seconds = secondsPerKill * (kills + 2);
  const delayMs = Math.min(
    longestDelayMs,
    Math.ceil((seconds * 1_000 * workers * connections) / recipients),
  );
  // Nothing kills it: what it has seen is beyond doubt.
  const server = await startMailServer("crash", { delayMs });
  try {
    return await crashOver(server, options);
  } finally {
    await server.stop();
  }
}

async function crashOver(
  server: MailServer,
  { recipients, kills, environment, say }: CrashOptions,
): Promise<CrashResult> {
  const startedAt = Date.now();
  say("starting the stack");
  let proven = false;
  const stack = await startTemporaryStack({
    environment,
    workers,
    smtpUrl: `${server.url}&connections=${connections}`,
    say,
  });
  try {
    const service = createService({ url: stack.urls.api, apiKey: stack.apiKey });
    await service.importRecipients("application/x-ndjson", audience(recipients));
    await service.createTemplate({ key: "crash", name: "Crash", content: { email: message } });
    const id = await service.createCampaign({
      name: "Crash",
      template: { key: "crash" },
      audience: { all: true },
    });
    await service.startCampaign(id);
    say(`sending to ${recipients} recipients`);
    const beside = notifyMeanwhile(service, recipients);
    const progress = startProgress("sent", recipients);
    try {
      const reached = async (part: number) => {
        const wanted = Math.ceil((recipients * part) / (kills + 2));
        await until(`${wanted} messages at the mail server`, () => {
          progress.update(server.mails.length);
          return server.mails.length >= wanted;
        });
      };
      for (let kill = 0; kill < kills; kill++) {
        await reached(kill + 0.5);
        await killed(server, say, `worker ${kill % workers}`, async () => {
          await stack.kill("worker", kill % workers);
          await stack.restart("worker", kill % workers);
        });
      }
      for (const [index, role] of (["temporal", "postgres"] as const).entries()) {
        await reached(kills + index + 0.5);
        if ((await service.campaign(id)).finishedAt !== null)
          throw new Error("the campaign was over before the last kill: nothing is proven");
        await killed(server, say, role, async () => {
          await stack.kill(role);
          await stack.restart(role);
        });
      }
      await until("the campaign to end", async () => {
        progress.update(server.mails.length);
        return (await service.campaign(id)).finishedAt !== null;
      });
    } finally {
      progress.stop();
    }
    const notifications = await beside.stop();
    await until("every notification to end", () => allEnded(service, notifications));

    const verdict = await judge({
      databaseUrl: stack.databaseUrl,
      mails: server.mails,
      owed: recipients + notifications.length,
      audience: Array.from({ length: recipients }, (_, n) => email(n)),
      say,
    });
    const account = await service.reconciliation(id);
    const result = {
      ...verdict,
      recipients,
      kills,
      inFlightBound: inFlightBound.delivery + inFlightBound.critical,
      reconciled:
        account.reconciled && account.audience === recipients && verdict.discrepancies.length === 0,
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

const message = {
  subject: "Hello {{ recipient.attributes.name }}",
  html: "<p>Hello {{ recipient.attributes.name }}, this one gets through.</p>",
};

const externalId = (n: number) => `user-${n}`;
const email = (n: number) => `user-${n}@example.org`;

function* audience(count: number): Generator<string> {
  for (let n = 0; n < count; n++) {
    const recipient = {
      externalId: externalId(n),
      email: email(n),
      attributes: { name: `User ${n}` },
    };
    yield `${JSON.stringify(recipient)}\n`;
  }
}

async function killed(
  { mails }: MailServer,
  say: (line: string) => void,
  what: string,
  kill: () => Promise<void>,
) {
  const at = Date.now();
  const before = mails.length;
  await kill();
  say(
    `killed ${what} after ${before} messages; back after ${((Date.now() - at) / 1_000).toFixed(1)} s`,
  );
}

/** Posts one notification after the other, each under its key and again until it is accepted; every third is critical. */
function notifyMeanwhile(service: Service, recipients: number) {
  const ids: string[] = [];
  let stopped = false;
  const posting = (async () => {
    for (let n = 0; !stopped; n++) {
      const priority = n % 3 === 0 ? "critical" : "normal";
      const to = externalId((n * 7) % recipients);
      ids.push(await service.notify({ recipients: [to], template: { key: "crash" }, priority }));
      await sleep(notifyEveryMs);
    }
  })();
  posting.catch(() => {});
  return {
    /** Resolves with the ids of those that were accepted; rejects if one was refused. */
    async stop() {
      stopped = true;
      await posting;
      return ids;
    },
  };
}

async function allEnded(service: Service, notifications: readonly string[]): Promise<boolean> {
  for (const id of notifications) {
    const { pending, sending } = (await service.notification(id)).counts;
    if (pending + sending > 0) return false;
  }
  return true;
}

async function until(what: string, ask: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await ask())) {
    if (Date.now() > deadline)
      throw new Error(`waited ${patienceMs / 1_000} s in vain for ${what}`);
    await sleep(100);
  }
}
