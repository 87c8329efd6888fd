import { setTimeout as sleep } from "node:timers/promises";
import { MockActivityEnvironment } from "@temporalio/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { SendRequest, SendResult } from "../../activities/channels/channel.ts";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createLedger } from "../../ledger/ledger.ts";
import type { SmtpProvider } from "../../config/smtp.ts";
import type { DomainLimits } from "../../domain/delivery/domain-limits.ts";
import { configureProviders } from "../../ledger/providers.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { serve } from "./conversation.ts";
import { outcomes, provider, request } from "./email-channel.ts";
import { guardedChannel } from "./guarded-channel.ts";

const database = useLedgerDatabase({ truncate: "breakers, gates" });
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const limited = "limited.example";
const isLimited = (address: string) => address.endsWith(`@${limited}`);

/** Starts a server that records when each recipient's message arrived, and how many to the limited domain were under way at the same time. */
async function startServer(answerRcpt: (recipient: string) => string = () => "250 ok") {
  const arrived: { recipient: string; atMs: number }[] = [];
  let underWay = 0;
  let most = 0;
  const { port } = await serve(async (connection) => {
    await connection.greet("PIPELINING");
    for (;;) {
      let line = await connection.line();
      const isReset = line === "RSET";
      if (isReset) line = await connection.line();
      if (line === "QUIT") return connection.write("221 bye");
      const recipient = /<(.*)>/.exec(await connection.line())![1]!;
      await connection.line();
      const answer = answerRcpt(recipient);
      connection.write(...(isReset ? ["250 ok"] : []), "250 ok", answer);
      connection.write(answer.startsWith("250") ? "354 go" : "503 no recipient");
      if (!answer.startsWith("250")) continue;
      if (isLimited(recipient)) most = Math.max(most, ++underWay);
      await connection.content();
      if (isLimited(recipient)) {
        // A second one has time to arrive.
        await sleep(5);
        underWay -= 1;
      }
      arrived.push({ recipient, atMs: performance.now() });
      connection.write("250 taken");
    }
  });
  return { port, arrived, mostUnderWay: () => most };
}

/** Starts what a worker sends with. */
async function startWorker(...providers: SmtpProvider[]) {
  const { pool } = database;
  await configureProviders(
    pool,
    providers.map(({ name, connections, domains }, index) => ({
      name,
      channel: "email",
      kind: "smtp",
      position: index + 1,
      connections,
      limits: null,
      domains,
    })),
  );
  const made = await guardedChannel(pool, providers);
  let isStopped = false;
  const stop = async () => {
    if (!isStopped) await made.stop();
    isStopped = true;
  };
  cleanups.push(stop);
  const send = (email: string, settings: Partial<SendRequest> = {}) =>
    made.channel.send(request(email, settings));
  return { ...made, send, stop };
}

const limit = (limits: Partial<DomainLimits>): DomainLimits => ({
  domain: limited,
  connections: null,
  perSecond: null,
  ...limits,
});
const addressesAt = (domain: string, count: number) =>
  Array.from({ length: count }, (_, index) => `p${index}@${domain}`);
/** How long a message waits; throws if it does not. */
const waitOf = (result: SendResult) => {
  if (result.kind !== "held" || result.reason !== "provider_rate") throw new Error(result.kind);
  return result.until.getTime() - Date.now();
};

it("a domain is given its rate and connections, others do not wait for it, and no attempt is spent", async () => {
  const { pool, seed } = database;
  const server = await startServer();
  const worker = await startWorker(
    provider(server.port, {
      connections: 4,
      domains: [limit({ connections: 1, perSecond: 10 })],
    }),
  );
  const recipientIds = await seed.recipients(220);
  // The messages to the limited domain are due first.
  const slow = recipientIds.slice(0, 20);
  const fast = recipientIds.slice(20);
  await pool.query(
    `UPDATE recipients SET email = 'p' || place || CASE WHEN place <= 20 THEN '@Limited.example' ELSE '@fast.example' END
     FROM unnest($1::uuid[]) WITH ORDINALITY AS given(id, place) WHERE recipients.id = given.id`,
    [recipientIds],
  );
  for (const [ids, seconds] of [
    [slow, 60],
    [fast, 30],
  ] as const)
    await seed.notification({
      recipientIds: ids,
      queue: "mailbox/0",
      channel: "email",
      dueAt: new Date(Date.now() - seconds * 1_000),
    });
  const putBack = new Set<string | null>();
  const sendAndNote = async (message: SendRequest) => {
    const result = await worker.channel.send(message);
    if (result.kind === "held") putBack.add(message.recipient.email);
    return result;
  };
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([{ ...worker.channel, send: sendAndNote }]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  const countOpen = async () => {
    await new MockActivityEnvironment().run(dispatch, { queue: "mailbox/0" });
    const { rows } = await pool.query("SELECT FROM deliveries WHERE status <> 'sent'");
    return rows.length;
  };
  await expect.poll(countOpen).toBe(0);
  expect(putBack.size).toBeGreaterThan(0);
  for (const address of putBack) expect(address).toMatch(/@Limited\.example$/);
  const { rows: attempts } = await pool.query<{ attempts: number; count: number }>(
    "SELECT attempt_count AS attempts, count(*)::int FROM deliveries GROUP BY 1",
  );
  expect(attempts).toEqual([{ attempts: 1, count: 220 }]);
  expect(new Set(server.arrived.map(({ recipient }) => recipient)).size).toBe(220);
  expect(server.arrived).toHaveLength(220);
  expect(server.mostUnderWay()).toBe(1);
  const slowAt = server.arrived.flatMap(({ recipient, atMs }) =>
    isLimited(recipient) ? [atMs] : [],
  );
  // Twenty slots are 1.9 s apart at least, of which the burst and the lateness of slots are at most 0.5 s.
  expect(slowAt.at(-1)! - slowAt[0]!).toBeGreaterThan(1_400);
  const lastFast = server.arrived.findLastIndex(({ recipient }) => !isLimited(recipient));
  expect(server.arrived.slice(lastFast).length).toBeGreaterThan(10);
});

describe("a message beyond the rate of its domain", () => {
  const slowRate = [limit({ perSecond: 0.02 })];

  it("gets a turn of its own, also after a restart and in another worker, and other domains are not affected", async () => {
    const server = await startServer();
    const settings = provider(server.port, { domains: slowRate });
    const worker = await startWorker(settings);
    const [first, second, third, campaign] = await Promise.all([
      worker.send(`p1@${limited}`),
      worker.send(`p2@LIMITED.example`),
      worker.send(`p3@${limited}`),
      worker.send(`p4@${limited}`, { isCampaign: true }),
    ]);
    expect(outcomes(first)).toEqual(["sent"]);
    expect(waitOf(second) / 1_000).toBeGreaterThan(40);
    expect(waitOf(third) - waitOf(second)).toBeGreaterThan(45_000);
    // Messages of campaigns have turns of their own.
    expect(waitOf(campaign)).toBeLessThan(waitOf(third));
    expect(outcomes(await worker.send("p@other.example"))).toEqual(["sent"]);
    await worker.stop();
    const next = await startWorker(settings);
    expect(waitOf(await next.send(`p5@${limited}`, { hasWaited: true }))).toBeGreaterThan(20_000);
    expect(outcomes(await next.send("p@other.example"))).toEqual(["sent"]);
    expect(server.arrived.filter(({ recipient }) => isLimited(recipient))).toHaveLength(1);
  });

  it("uses another provider that has room for it", async () => {
    const [one, two] = [await startServer(), await startServer()];
    const worker = await startWorker(
      provider(one.port, { domains: slowRate }),
      provider(two.port, { name: "second" }),
    );
    const results = await Promise.all(addressesAt(limited, 4).map((to) => worker.send(to)));
    for (const result of results) expect(outcomes(result)).toEqual(["sent"]);
    expect([one.arrived.length, two.arrived.length]).toEqual([1, 3]);
  });

  it("has no limit any more once the configuration has none", async () => {
    const server = await startServer();
    await (await startWorker(provider(server.port, { domains: slowRate }))).stop();
    const worker = await startWorker(provider(server.port));
    const results = await Promise.all(addressesAt(limited, 9).map((to) => worker.send(to)));
    for (const result of results) expect(outcomes(result)).toEqual(["sent"]);
    const { rows } = await database.pool.query("SELECT key FROM gates");
    expect(rows).toEqual([]);
  });
});

describe("a temporary refusal that concerns a domain with limits", () => {
  const refusal = "451 4.7.1 Too much mail to this domain";
  const answer = (to: string) =>
    isLimited(to) || to.endsWith("@free.example") ? refusal : "250 ok";

  it("pauses that domain in all workers, and nothing else", async () => {
    const server = await startServer(answer);
    const settings = provider(server.port, { domains: [limit({ connections: 2 })] });
    const [one, two] = [await startWorker(settings), await startWorker(settings)];
    expect(outcomes(await one.send("p@other.example"))).toEqual(["sent"]);
    expect(outcomes(await one.send(`p1@${limited}`))).toEqual(["transient/smtp_4xx"]);
    expect(waitOf(await one.send(`p2@${limited}`))).toBeGreaterThan(5_000);
    const gate = async () =>
      (await database.pool.query("SELECT key, shut_reason AS reason FROM gates")).rows;
    await expect
      .poll(gate)
      .toEqual([{ key: `domain/first/${limited}`, reason: `smtp_4xx: ${refusal}` }]);
    await two.look();
    expect(waitOf(await two.send(`p3@${limited}`))).toBeGreaterThan(5_000);
    for (const worker of [one, two])
      expect(outcomes(await worker.send("p@other.example"))).toEqual(["sent"]);
    expect(one.breakers.states().get("first")).toBe("closed");
    // The connection was not replaced for it.
    expect(server.arrived).toHaveLength(3);
  });

  it("counts against the server where the domain has no limits", async () => {
    const server = await startServer(answer);
    const worker = await startWorker(
      provider(server.port, { domains: [limit({ connections: 2 })] }),
    );
    for (let sent = 0; sent < 5; sent++) await worker.send("p@free.example");
    await expect.poll(() => worker.breakers.states().get("first")).toBe("open");
  });
});
