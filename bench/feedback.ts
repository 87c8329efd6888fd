import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { z } from "zod";
import { createService } from "../cli/demo/service.ts";
import { freePort } from "../cli/stack/ports.ts";
import { startTemporaryStack, type TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { type FeedbackLog, startFeedbackWorld } from "./feedback-world.ts";
import { audience, roomyLimits } from "./message.ts";

export interface FeedbackBench {
  recipients: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

export interface FeedbackResult {
  bench: "feedback";
  recipients: number;
  accepted: number;
  bounced: number;
  complained: number;
  scanned: number;
  opened: number;
  clicked: number;
  unsubscribed: number;
  /** From the last reaction until account, suppressions and analytics say the same as the server's log; the time that judging opens and clicks takes is a part of it. */
  settledSeconds: number;
  /** What differs between the server's log and the account, the suppressions or the analytics. */
  differences: string[];
}

const bounceDomain = "bounces.example.org";
const connections = 10;
const pollMs = 250;
const patienceMs = 5 * 60_000;
/** Nobody opens a message sooner after it was handed over: what comes before counts as a program's. */
const readingMs = 3_000;

const html = `<h1>Hello {{ recipient.attributes.first_name }}</h1>
<p><a href="https://example.org/news">News</a> and <a href="https://example.org/account/{{ recipient.externalId }}">your account</a></p>`;

/**
 * Sends a campaign to a server that accepts all of it, returns some messages later, passes on complaints, and whose filters and users follow links. Compares
 * what Tidings then says with the log of the server.
 */
export async function benchFeedback({
  recipients,
  environment,
  say,
}: FeedbackBench): Promise<FeedbackResult> {
  const inboundPort = await freePort();
  const world = await startFeedbackWorld({ inboundPort, bounceDomain });
  say("starting the stack");
  const stack = await startTemporaryStack({
    environment: {
      ...environment,
      BOUNCE_DOMAIN: bounceDomain,
      INBOUND_PORT: String(inboundPort),
      API_REQUESTS_PER_MINUTE: "10000000",
    },
    say,
    smtpUrl: `${world.smtpUrl}?connections=${connections}`,
  });
  try {
    const service = createService({ url: stack.urls.api, apiKey: stack.apiKey });
    await service.changePolicy(roomyLimits);
    say(`importing ${recipients} recipients`);
    await service.importRecipients("application/x-ndjson", audience(recipients));
    await service.createTemplate({
      key: "news",
      name: "News",
      content: { email: { subject: "News", html } },
    });
    say("sending");
    const id = await service.createCampaign({
      name: "News",
      template: { key: "news" },
      audience: { all: true },
      tracking: { opens: true, clicks: true },
    });
    await service.startCampaign(id);
    const finished = async () => (await service.campaign(id)).finishedAt !== null;
    await until(finished, "the campaign does not end");
    await sleep(readingMs);
    say("people and filters read the messages, and servers return them");
    await world.react();
    const reactedAt = performance.now();
    say("comparing");
    let differences: string[] = [];
    await until(async () => {
      differences = await compare(stack, id, world.log, recipients);
      return differences.length === 0;
    }).catch(() => {});
    const { accepted, bounced, complained, scanned, opened, clicked, unsubscribed } = world.log;
    return {
      bench: "feedback",
      recipients,
      accepted: accepted.size,
      bounced: bounced.size,
      complained: complained.size,
      scanned: scanned.size,
      opened: opened.size,
      clicked: clicked.size,
      unsubscribed: unsubscribed.size,
      settledSeconds: (performance.now() - reactedAt) / 1_000,
      differences,
    };
  } finally {
    await stack.stop();
    await world.stop();
  }
}

async function until(holds: () => Promise<boolean>, fault = "it does not become true") {
  for (const deadline = Date.now() + patienceMs; !(await holds()); await sleep(pollMs))
    if (Date.now() > deadline) throw new Error(fault);
}

const reconciliation = z.object({ isEqual: z.boolean() });
const figures = z.object({ counts: z.record(z.string(), z.number()) });
const overview = z.object({ total: figures });
const account = z.record(z.string(), z.unknown());

/** Finds what differs between the log of the server and what Tidings says. */
async function compare(
  { urls, apiKey, databaseUrl }: Pick<TemporaryStack, "urls" | "apiKey" | "databaseUrl">,
  campaign: string,
  log: FeedbackLog,
  recipients: number,
): Promise<string[]> {
  const differences: string[] = [];
  const expectEqual = (what: string, found: unknown, expected: unknown) => {
    if (found !== expected)
      differences.push(`${what}: ${String(found)}, and the server says ${String(expected)}`);
  };
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${urls.api}${path}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  };

  expectEqual("accepted", log.accepted.size, recipients);
  const of = account.parse(await get(`/v1/campaigns/${campaign}/reconciliation`));
  expectEqual("the account adds up", of["reconciled"], true);
  expectEqual("sent", of["sent"], recipients - log.bounced.size);
  expectEqual("failed", of["failed"], log.bounced.size);

  const from = new Date(Date.now() - 86_400_000).toISOString();
  const to = new Date(Date.now() + 3_600_000).toISOString();
  const span = `from=${from}&to=${to}`;
  const { counts } = overview.parse(
    await get(`/v1/analytics/overview?${span}&campaign=${campaign}`),
  ).total;
  const { bounced, complained, opened, clicked, scanned, unsubscribed } = log;
  const expected = {
    handedOver: recipients,
    arrived: recipients - bounced.size,
    failed: bounced.size,
    bounced: bounced.size,
    complained: complained.size,
    opened: opened.size,
    opens: opened.size,
    openedByMachine: scanned.size,
    clicked: clicked.size,
    clicks: clicked.size,
    clickedByMachine: scanned.size,
    unsubscribed: unsubscribed.size,
  };
  for (const [name, count] of Object.entries(expected))
    expectEqual(`analytics, ${name}`, counts[name], count);
  const { isEqual } = reconciliation.parse(await get(`/v1/analytics/reconciliation?${span}`));
  expectEqual("the analytics equal the ledger", isEqual, true);

  // The API masks nothing for a key, but pages of 10,000 addresses would take longer than a statement.
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ address: string; reason: string }>(
      "SELECT address, reason FROM suppressions WHERE channel = 'email'",
    );
    const found = new Map(rows.map(({ address, reason }) => [address, reason]));
    const wanted = new Map(
      (["unsubscribed", "complained", "bounced"] as const).flatMap((reason) =>
        [...log[reason]].map((address) => [address, reason] as const),
      ),
    );
    expectEqual("suppressions", found.size, wanted.size);
    for (const [address, reason] of wanted)
      expectEqual(`the suppression of ${address}`, found.get(address), reason);
  } finally {
    await client.end();
  }
  return differences;
}
