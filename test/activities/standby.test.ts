import { MockActivityEnvironment } from "@temporalio/testing";
import { pino } from "pino";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import type { DispatchResult } from "../../activities/dispatch/loop.ts";
import { createLedger } from "../../ledger/ledger.ts";
import {
  createQueueListener,
  type QueueListener,
  notifyListener,
} from "../../ledger/queue-listener.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { testLinks } from "../support/links.ts";
import { type Answer, createRecordingChannel } from "../support/recording-channel.ts";

const queue = "mailbox/0";
const patient = { timeout: 15_000 };

let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];
let listener: QueueListener;

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool, seed } = database);
});
beforeEach(async () => {
  await database.empty();
  listener = createQueueListener({ url: database.url, logger: pino({ level: "silent" }) });
});
afterEach(() => listener.close());
afterAll(() => database.drop());

/** A worker whose dispatches stay; `rests` counts how often one has nothing to do. */
function worker({ answer, standbyMs = 20_000 }: { answer?: Answer; standbyMs?: number } = {}) {
  const recording = createRecordingChannel(answer);
  let rests = 0;
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([recording.channel]),
    retry: { baseMs: 50, capMs: 50, attempts: 3 },
    mailboxShards: 1,
    links: testLinks,
    wake: () => Promise.resolve(),
    listener,
    standbyMs,
    async whileResting(wait) {
      rests += 1;
      await wait();
    },
  });
  const run = (environment = new MockActivityEnvironment()) =>
    environment.run(dispatch, { queue }) as Promise<DispatchResult>;
  return { ...recording, run, rests: () => rests };
}

async function ask() {
  await seed.notification({ recipientIds: await seed.recipients(1), queue });
}

it("stays once its queue is empty, and sends messages of which it is notified", async () => {
  const { run, requests, rests } = worker();
  const environment = new MockActivityEnvironment();
  const running = run(environment);
  for (const sent of [1, 2, 3]) {
    await expect.poll(rests, patient).toBeGreaterThanOrEqual(sent);
    await ask();
    expect(await notifyListener(pool, queue)).toBe(true);
    await expect.poll(() => requests.length, patient).toBe(sent);
  }
  environment.cancel();
  expect(await running).toMatchObject({ counts: { sent: 3 }, nextDueAt: null });
  expect(await notifyListener(pool, queue)).toBe(false);
});

it("sends what becomes due while it stays: what was planned, and what is tried again", async () => {
  const { run, requests, rests } = worker({
    answer: () => (requests.length < 3 ? "transient" : "sent"),
  });
  const environment = new MockActivityEnvironment();
  const running = run(environment);
  await expect.poll(rests, patient).toBeGreaterThan(0);
  const dueAt = new Date(Date.now() + 1_500);
  await seed.notification({ recipientIds: await seed.recipients(1), queue, dueAt });
  expect(await notifyListener(pool, queue)).toBe(true);
  await expect.poll(() => requests.length, patient).toBe(3);
  await expect.poll(() => database.statuses(), patient).toEqual({ sent: 1 });
  environment.cancel();
  await running;
});

it("leaves when nothing has come for a while", async () => {
  const { run } = worker({ standbyMs: 50 });
  await ask();
  expect(await run()).toMatchObject({ counts: { sent: 1 }, nextDueAt: null });
  expect(await notifyListener(pool, queue)).toBe(false);
});

it("leaves when its listening connection breaks, and finds rows that were committed meanwhile", async () => {
  const { run, rests } = worker();
  const running = run();
  await expect.poll(rests, patient).toBeGreaterThan(0);
  await ask();
  await listener.close();
  expect(await running).toMatchObject({ counts: { sent: 1 }, nextDueAt: null });
});

it("misses nothing that is committed while it comes or leaves", async () => {
  const { run, requests } = worker({ standbyMs: 3 });
  for (let sent = 1; sent <= 30; sent += 1) {
    const running = run();
    // At any moment of a dispatch that stays for milliseconds, and after it.
    for (let turn = 0; turn < sent; turn += 1) await new Promise(setImmediate);
    await ask();
    const isNotified = await notifyListener(pool, queue);
    const { nextDueAt } = await running;
    // Its workflow has it look again when something is due, and when it is woken.
    if (!isNotified || nextDueAt !== null) await run();
    expect(requests).toHaveLength(sent);
  }
});
