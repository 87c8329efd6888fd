import { MockActivityEnvironment } from "@temporalio/testing";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Channel } from "../../activities/channels/channel.ts";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createTokens } from "../../domain/tokens.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { provider } from "../channels/email-channel.ts";
import { guardedChannel } from "../channels/guarded-channel.ts";
import { pushChannel, registerDevice } from "../channels/push-channel.ts";
import { type PushAnswer, type PushedMessage, startPushService } from "../support/push-service.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime, createUncachedClock } from "../support/ledger-time.ts";
import { linkSecret, testLinks } from "../support/links.ts";
import { patience } from "../support/patience.ts";

const mailbox = "mailbox/0";
const database = useLedgerDatabase({ truncate: "breakers" });
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

let templateVersionId: string;
beforeEach(async () => {
  templateVersionId = await database.seed.templateVersion();
  await database.pool.query("UPDATE template_versions SET content = content || $1", [
    { push: { title: "Hello", body: "Hello", url: "https://example.org/17" } },
  ]);
});

function createWorker(all: Channel[]) {
  const { pool } = database;
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels(all),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 60_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  return (at?: Date) =>
    atLedgerTime(pool, at, () =>
      new MockActivityEnvironment().run(dispatch, { queue: mailbox }),
    ) as ReturnType<typeof dispatch>;
}

/** Recipients with these devices each, and the channel of a worker that pushes to them. */
async function pushTo(
  count: number,
  devices: readonly string[],
  answer?: (message: PushedMessage) => PushAnswer,
) {
  const { pool, seed } = database;
  const service = await startPushService(answer);
  cleanups.push(() => service.stop());
  const recipientIds = await seed.recipients(count);
  for (const [index, id] of recipientIds.entries())
    for (const device of devices)
      await registerDevice(pool, id, service.addDevice(`${device}-${index}`));
  const made = await pushChannel(pool, service);
  cleanups.push(() => made.stop());
  return { service, recipientIds, channel: made.channel };
}

const rows = async () =>
  (
    await database.pool.query(
      "SELECT channel, status, reason, attempt_count AS attempts, count(*)::int FROM deliveries GROUP BY 1, 2, 3, 4 ORDER BY 1",
    )
  ).rows;

it("an outage of email delays no push message", async () => {
  const { pool, seed } = database;
  const { service, recipientIds, channel } = await pushTo(20, ["phone"]);
  const longAgo = new Date(Date.now() - 60_000);
  await seed.notification({ recipientIds, queue: mailbox, dueAt: longAgo, templateVersionId });
  await seed.notification({ recipientIds, queue: mailbox, channel: "push", templateVersionId });
  const email = await guardedChannel(pool, [provider(1)]);
  cleanups.push(() => email.stop());
  await pool.query(
    "INSERT INTO gates (key, shut_until) VALUES ('channel/email', now() + interval '1 hour')",
  );
  await email.look();
  const dispatch = createWorker([email.channel, channel]);
  // On a busy machine a dispatch may end before it has read every row.
  await vi.waitFor(async () => {
    await dispatch();
    expect(await rows()).toEqual([
      { channel: "email", status: "pending", reason: null, attempts: 0, count: 20 },
      { channel: "push", status: "sent", reason: null, attempts: 1, count: 20 },
    ]);
  }, patience);
  expect(service.asked()).toHaveLength(20);
  expect(service.faults).toEqual([]);
});

it("a push message carries the address of its own receipts", async () => {
  const { service, recipientIds, channel } = await pushTo(1, ["phone"]);
  const [delivery] = await database.seed.notification({
    recipientIds,
    queue: mailbox,
    channel: "push",
    templateVersionId,
  });
  await createWorker([channel])();
  const { receipt } = service.received[0]!.payload.notification.data;
  const [, token] = /^https:\/\/example\.org\/r\/([\w.-]+)$/.exec(receipt ?? "")!;
  expect(await createTokens([linkSecret]).verifyReceiptToken(token!, new Date())).toEqual({
    claims: { target: { delivery }, epoch: 0 },
  });
});

it("a retry asks only the devices that had not taken the message, and leaves no trace of them", async () => {
  let isFailing = true;
  const { service, recipientIds, channel } = await pushTo(1, ["phone", "laptop"], ({ device }) => ({
    status: device === "laptop-0" && isFailing ? 500 : 201,
  }));
  await database.seed.notification({
    recipientIds,
    queue: mailbox,
    channel: "push",
    templateVersionId,
  });
  const dispatch = createWorker([channel]);
  await dispatch();
  expect(await rows()).toEqual([
    { channel: "push", status: "pending", reason: "retry", attempts: 1, count: 1 },
  ]);
  const answers = () =>
    database.pool.query("SELECT FROM address_answers").then(({ rows: all }) => all);
  expect(await answers()).toHaveLength(1);
  isFailing = false;
  await dispatch(new Date(Date.now() + 3_600_000));
  expect(await rows()).toEqual([
    { channel: "push", status: "sent", reason: null, attempts: 2, count: 1 },
  ]);
  expect(service.asked().toSorted()).toEqual(["laptop-0", "laptop-0", "phone-0"]);
  await channel.close();
  expect(await answers()).toEqual([]);
});

it("a person whose last device is gone is not reached by push any more", async () => {
  const { recipientIds, channel } = await pushTo(1, ["phone"], () => ({ status: 410 }));
  const push = { recipientIds, queue: mailbox, channel: "push", templateVersionId } as const;
  await database.seed.notification(push);
  const dispatch = createWorker([channel]);
  await dispatch();
  await database.seed.notification(push);
  await dispatch();
  const { rows: ended } = await database.pool.query(
    "SELECT status, reason FROM deliveries ORDER BY id",
  );
  expect(ended).toEqual([
    { status: "failed", reason: "provider_rejected" },
    { status: "suppressed", reason: "no_address" },
  ]);
});
