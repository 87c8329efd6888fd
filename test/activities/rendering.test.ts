import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { MockActivityEnvironment } from "@temporalio/testing";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { channelTo, provider } from "../channels/email-channel.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";

let database: LedgerDatabase;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await createLedgerDatabase();
});
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  await database.drop();
});

/** A server that reports each message before it accepts it. */
async function mailbox(took: () => Promise<void>): Promise<number> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    disableReverseLookup: true,
    logger: false,
    onData(stream, _, done) {
      stream.resume();
      stream.on("end", () => void took().then(() => done(), done));
    },
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  cleanups.push(() => new Promise<void>((resolve) => server.close(resolve)));
  return (server.server.address() as AddressInfo).port;
}

/** A worker's dispatch of one traffic class, as a worker has two in one process. */
function worker(port: number, inFlightBound: number) {
  const channel = channelTo([provider(port, { connections: 2 })], { inFlightBound });
  cleanups.push(() => channel.close());
  const { pool } = database;
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    links: testLinks,
    wake: () => Promise.resolve(),
    answersMs: 60_000,
    lingerMs: 0,
  });
  return (queue: string) => new MockActivityEnvironment().run(dispatch, { queue });
}

const bomb =
  "{% for i in (1..99999) %}{% for j in (1..1000) %}{{ recipient.attributes.firstName }}{% endfor %}{% endfor %}";

it("a critical message of another sender leaves before sixty that take too long, and so does one behind them", async () => {
  const { pool, seed } = database;
  const count = async (what: string) => Number((await pool.query(what)).rows[0].count);
  const ended = () =>
    count("SELECT count(*) FROM ended_deliveries WHERE reason = 'template_error'");
  const endedAtReceipt: number[] = [];
  const port = await mailbox(async () => void endedAtReceipt.push(await ended()));
  const [delivery, critical] = [worker(port, 96), worker(port, 4)];

  const { mailbox: mailboxQueue, critical: criticalQueue } = {
    mailbox: queueName({ kind: "mailbox", shard: 0 }),
    critical: queueName({ kind: "critical", shard: 0 }),
  };
  const [someone] = await seed.recipients(1);
  await seed.notification({
    recipientIds: await seed.recipients(60),
    queue: mailboxQueue,
    templateVersionId: await seed.templateVersion(bomb),
  });
  // Behind them, of their queue.
  await seed.notification({ recipientIds: [someone!], queue: mailboxQueue });
  const bombs = delivery(mailboxQueue);
  // The first of them is being made.
  await expect
    .poll(() => count("SELECT count(*) FROM open_deliveries WHERE reason = 'rendering'"))
    .toBeGreaterThan(0);
  await seed.notification({ recipientIds: [someone!], queue: criticalQueue, priority: "critical" });
  await critical(criticalQueue);
  await bombs;
  expect(endedAtReceipt).toHaveLength(2);
  // Some may have ended before the critical message was requested.
  for (const before of endedAtReceipt) expect(before).toBeLessThan(3);

  // When their turn comes, three in a row have been enough, and the others say so.
  for (let rest = 60; rest > 0;) {
    await pool.query("UPDATE open_deliveries SET due_at = now()");
    await delivery(mailboxQueue);
    rest = await count("SELECT count(*) FROM open_deliveries");
  }
  const { rows } = await pool.query<{ detail: string }>(
    "SELECT detail FROM ended_deliveries WHERE reason = 'template_error'",
  );
  const said = (what: RegExp) => rows.filter(({ detail }) => what.test(detail)).length;
  expect(rows).toHaveLength(60);
  expect(said(/^html: takes more than 2000000 steps/)).toBe(3);
  expect(said(/^not rendered, because 3 messages in a row of this template version/)).toBe(57);
});
