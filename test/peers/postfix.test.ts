import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Channel } from "../../activities/channels/channel.ts";
import { createReturnPath } from "../../activities/channels/email/return-path.ts";
import { createUnsubscribeTokens } from "../../domain/unsubscribing.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { startListener } from "../../workers/inbound/listener.ts";
import { createInboundMetrics } from "../../workers/inbound/metrics.ts";
import { createReceiver } from "../../workers/inbound/receive.ts";
import { channelTo, provider } from "../channels/email-channel.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { bounceDomain, returnAddresses, returnSecrets } from "../support/inbound.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { type Postfix, startPostfix } from "../support/postfix.ts";

// Postfix accepts messages to users that do not exist, and returns them to the addresses that it was given.

const queue = "mailbox/0";
const database = useLedgerDatabase({ truncate: "engagements, suppressions, inbound_reports" });
let listener: Awaited<ReturnType<typeof startListener>>;
let postfix: Postfix;
let channel: Channel;
let isAway = false;
let refused = 0;

beforeAll(async () => {
  const receive = createReceiver({
    pool: database.pool,
    addresses: returnAddresses,
    tokens: createUnsubscribeTokens(returnSecrets),
    readRulebook: createRulebookReader(database.pool),
    mailboxShards: 1,
    clock: () => new Date(),
  });
  listener = await startListener({
    host: "127.0.0.1",
    port: 0,
    domain: bounceDomain,
    addresses: returnAddresses,
    receive: (...mail) => {
      if (!isAway) return receive(...mail);
      refused += 1;
      return Promise.reject(new Error("the database is away"));
    },
    metrics: createInboundMetrics(),
    logger: pino({ level: "silent" }),
  });
  postfix = await startPostfix(bounceDomain, listener.port);
  channel = channelTo([provider(postfix.port, { connections: 4 })], {
    returnPath: createReturnPath(returnAddresses),
  });
});
afterAll(async () => {
  await channel.close();
  await postfix.stop();
  await listener.close();
});

/** Sends a message to each of so many recipients through Postfix. */
async function sendTo(count: number): Promise<void> {
  const recipientIds = await database.seed.recipients(count);
  await database.pool.query("UPDATE recipients SET email = 'user-' || id || '@example.net'");
  await database.seed.notification({ recipientIds, queue });
  const { dispatch } = createCampaignWorker(database.pool, async (request) => {
    const result = await channel.send(request);
    return result.kind === "attempted" && result.attempts.at(-1)!.outcome === "sent"
      ? "sent"
      : { outcome: "permanent", failure: "smtp_5xx", response: JSON.stringify(result) };
  });
  await dispatch(queue);
}

it("returns messages that become failed, with suppressed addresses, each once", async () => {
  await sendTo(20);
  await expect.poll(() => database.statuses()).toEqual({ failed: 20 });
  const { rows } = await database.pool.query(
    `SELECT (SELECT count(*)::int FROM suppressions WHERE reason = 'bounced' AND expires_at IS NULL) AS suppressed,
       (SELECT count(*)::int FROM engagements WHERE bounced_at IS NOT NULL) AS bounced,
       (SELECT count(*)::int FROM inbound_reports WHERE kind = 'bounced') AS reports,
       (SELECT min(detail) FROM ended_deliveries WHERE reason = 'bounced') AS detail`,
  );
  expect(rows).toEqual([
    {
      suppressed: 20,
      bounced: 20,
      reports: 20,
      detail: expect.stringMatching(/^5\.1\.1 .*unknown/),
    },
  ]);
});

it("keeps returned messages while they cannot be recorded, and returns them again", async () => {
  isAway = true;
  await sendTo(3);
  await expect.poll(() => refused).toBeGreaterThanOrEqual(3);
  expect(await database.statuses()).toEqual({ sent: 3 });
  isAway = false;
  await expect
    .poll(async () => {
      await postfix.flush();
      return database.statuses();
    })
    .toEqual({ failed: 3 });
});
