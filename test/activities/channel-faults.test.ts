import { setTimeout as delay } from "node:timers/promises";
import { MockActivityEnvironment } from "@temporalio/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Channel } from "../../activities/channels/channel.ts";
import { createChannels } from "../../activities/channels/channels.ts";
import { createInAppChannel } from "../../activities/channels/in-app/in-app.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import type { Sender } from "../../activities/dispatch/sender.ts";
import { beginsWithinMs } from "../../domain/delivery/stops.ts";
import type { Route } from "../../domain/policy/route.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { executeOn } from "../../ledger/sql.ts";
import { noGates, provider } from "../channels/email-channel.ts";
import { guardedChannel } from "../channels/guarded-channel.ts";
import { pushChannel, pushClient, registerDevice } from "../channels/push-channel.ts";
import { type PushAnswer, startPushService } from "../support/push-service.ts";
import { startScriptedServer } from "../channels/scripted-server.ts";
import { acceptRouted } from "../support/accept-routed.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime, createUncachedClock } from "../support/ledger-time.ts";
import { cancelDeliveries } from "../../ledger/transitions.ts";
import { testLinks } from "../support/links.ts";
import { patience } from "../support/patience.ts";

/*
 * The faults of a channel through the whole of a dispatch: a push service that misbehaves, a mail server and an inbox that are real, and a route
 * over them. What the push channel makes of each answer is in test/channels/push.test.ts.
 */

const mailbox = "mailbox/0";
const database = useLedgerDatabase({ truncate: "breakers, routes, inbox_items" });
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

let versionId: string;
beforeEach(async () => {
  const note = { title: "Hello", body: "Hello" };
  versionId = await database.seed.templateVersion();
  await database.pool.query("UPDATE template_versions SET content = content || $1", [
    { push: note, in_app: note },
  ]);
});

/** Dispatches the queue once over these channels. */
async function dispatchOver(
  channels: readonly Channel[],
  at?: Date,
  ledger = createLedger(database.pool),
  onStarted: (sender: Pick<Sender, "drain">) => void = () => {},
): Promise<void> {
  const { pool } = database;
  const { dispatch, sender } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger,
    channels: createChannels(channels),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 60_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  onStarted(sender);
  await atLedgerTime(pool, at, () =>
    new MockActivityEnvironment().run(dispatch, { queue: mailbox }),
  );
}

/** A worker with all three channels, whose push service answers in turn as given, and then with 201. */
async function startWorker(...answers: PushAnswer[]) {
  const { pool } = database;
  const mails: string[] = [];
  const mailServer = await startScriptedServer(async (connection) => {
    await connection.greet("PIPELINING");
    for (;;) {
      const recipient = await connection.envelope();
      await connection.content();
      mails.push(recipient);
      connection.write("250 taken");
    }
  });
  cleanups.push(() => mailServer.close());
  const email = await guardedChannel(pool, [provider(mailServer.port)]);
  cleanups.push(() => email.stop());
  const service = await startPushService(() => answers.shift() ?? { status: 201 });
  cleanups.push(() => service.stop());
  // Only an answer that hangs reaches the deadline.
  const deadlineMs = answers.includes("hang") ? 5_000 : 60_000;
  const push = await pushChannel(pool, service, { deadlineMs });
  cleanups.push(() => push.stop());
  const inApp = createInAppChannel({
    execute: executeOn(pool),
    gates: noGates,
    inFlightBound: 100,
  });
  cleanups.push(() => inApp.close());
  return {
    service,
    mails,
    look: () => Promise.all([email.look(), push.look()]),
    async dispatch(at?: Date) {
      await push.look();
      await dispatchOver([email.channel, push.channel, inApp], at);
    },
    /** Accepts a message with this route to somebody with an email address and a device. Returns the id of the device. */
    async accept(route: Route): Promise<string> {
      const [recipientId] = (await database.seed.recipients(1)) as [string];
      const device = await registerDevice(pool, recipientId, service.addDevice("phone"));
      await acceptRouted(pool, { recipientId, route, versionId });
      return device;
    },
  };
}

const pushElseEmail: Route = { stages: [{ via: ["push", "email"] }] };

const readRow = async () => {
  const { rows } = await database.pool.query<{ channel: string; status: string; reason: string }>(
    "SELECT channel, status, reason FROM deliveries",
  );
  expect(rows).toHaveLength(1);
  const { channel, status, reason } = rows[0]!;
  return [channel, status, reason];
};

const readAttempts = async () =>
  (
    await database.pool.query<{ channel: string; outcome: string }>(
      "SELECT channel, outcome FROM attempts ORDER BY number",
    )
  ).rows.map(({ channel, outcome }) => `${channel} ${outcome}`);

const later = (minutes: number) => new Date(Date.now() + minutes * 60_000);

describe("a message that may go by push, or else by email", () => {
  it.each<[number, string[]]>([
    [404, ["push permanent", "email sent"]],
    [410, ["push permanent", "email sent"]],
    [406, ["push permanent", "email sent"]],
    [413, ["email sent"]],
  ])("goes by email at once where the push service answers %i", async (status, attempts) => {
    const worker = await startWorker({ status });
    const device = await worker.accept(pushElseEmail);
    await worker.dispatch();
    expect(await readRow()).toEqual(["email", "sent", null]);
    expect(await readAttempts()).toEqual(attempts);
    expect([worker.service.asked().length, worker.mails.length]).toEqual([1, 1]);
    const { rows } = await database.pool.query(
      "SELECT disabled_reason AS why FROM addresses WHERE id = $1",
      [device],
    );
    expect(rows).toEqual([{ why: status === 404 || status === 410 ? "gone" : null }]);
  });

  it("waits while the push service asks for time, which costs no attempt", async () => {
    const worker = await startWorker({ status: 429, headers: { "retry-after": "120" } });
    await worker.accept(pushElseEmail);
    await worker.dispatch();
    expect(await readRow()).toEqual(["push", "pending", "provider_rate"]);
    expect(await readAttempts()).toEqual([]);
    await database.pool.query("DELETE FROM gates");
    await worker.dispatch(later(3));
    expect(await readRow()).toEqual(["push", "sent", null]);
    expect(await readAttempts()).toEqual(["push sent"]);
    expect(worker.mails).toEqual([]);
  });

  it.each<[string, PushAnswer]>([
    ["hangs", "hang"],
    ["answers by half", { cut: "HTTP/1.1 201 Cre" }],
    ["closes the connection after the request", { cut: "" }],
  ])("is tried once more by push where the service %s", async (_, answer) => {
    const worker = await startWorker(answer);
    await worker.accept(pushElseEmail);
    await worker.dispatch();
    expect(await readRow()).toEqual(["push", "pending", "retry"]);
    await worker.dispatch(later(120));
    expect(await readRow()).toEqual(["push", "sent", null]);
    expect(await readAttempts()).toEqual(["push unknown", "push sent"]);
    expect(worker.mails).toEqual([]);
  });

  it("does not go by email after two pushes without an answer, either of which may have arrived", async () => {
    const worker = await startWorker("hang", { cut: "" });
    await worker.accept(pushElseEmail);
    await worker.dispatch();
    await worker.dispatch(later(120));
    expect(await readRow()).toEqual(["push", "unknown", "outcome_unknown"]);
    expect(worker.mails).toEqual([]);
  });

  it("goes by email once the attempts by push are used up", async () => {
    const worker = await startWorker({ status: 500 }, { status: 502 }, { status: 503 });
    await worker.accept(pushElseEmail);
    for (const minutes of [0, 120, 240]) await worker.dispatch(later(minutes));
    expect(await readRow()).toEqual(["email", "sent", null]);
    expect(await readAttempts()).toEqual([
      "push transient",
      "push transient",
      "push transient",
      "email sent",
    ]);
  });
});

it("email that is shut for a minute delays neither the push nor the inbox item of the same message", async () => {
  const worker = await startWorker();
  await database.pool.query(
    "INSERT INTO gates (key, shut_until) VALUES ('channel/email', now() + interval '1 minute')",
  );
  await worker.look();
  await worker.accept({ stages: [{ via: ["email"] }, { via: ["push"] }, { via: ["in_app"] }] });
  const statuses = async () =>
    (
      await database.pool.query<{ channel: string; status: string }>(
        "SELECT channel, status FROM deliveries ORDER BY leg",
      )
    ).rows.map(({ channel, status }) => `${channel} ${status}`);
  await worker.dispatch();
  expect(await statuses()).toEqual(["email pending", "push sent", "in_app delivered"]);
  expect(worker.service.asked()).toHaveLength(1);
  expect((await database.pool.query("SELECT FROM inbox_items")).rows).toHaveLength(1);
  await database.pool.query("DELETE FROM gates");
  await worker.look();
  await worker.dispatch(later(2));
  expect(await statuses()).toEqual(["email sent", "push sent", "in_app delivered"]);
  expect(worker.mails).toHaveLength(1);
});

it("a message to three devices is sent to all of them, although their connections come long after its claim", async () => {
  const { pool, seed } = database;
  const worker = await startWorker();
  // Once the claim is that old, each device asks whether the message may still begin.
  const slow = await pushChannel(pool, worker.service, {
    http: pushClient(worker.service, 8, async () => {
      await delay(2 * beginsWithinMs);
      return ["127.0.0.1"];
    }),
  });
  cleanups.push(() => slow.stop());
  const [recipientId] = (await seed.recipients(1)) as [string];
  const devices = ["phone", "laptop", "tablet"];
  for (const device of devices)
    await registerDevice(pool, recipientId, worker.service.addDevice(device, "fcm.googleapis.com"));
  await acceptRouted(pool, { recipientId, route: { stages: [{ via: ["push"] }] }, versionId });
  const ledger = createLedger(pool);
  await dispatchOver([slow.channel], undefined, {
    ...ledger,
    // While one device waits for the answer, the others ask too.
    async confirm(rows) {
      await delay(beginsWithinMs / 4);
      return ledger.confirm(rows);
    },
  });
  expect(worker.service.asked().toSorted()).toEqual(devices.toSorted());
  expect(await readRow()).toEqual(["push", "sent", null]);
});

it("a message that one device has goes on to the others, although the worker stops", async () => {
  const { pool, seed } = database;
  const worker = await startWorker();
  let connections = 0;
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const push = await pushChannel(pool, worker.service, {
    http: pushClient(worker.service, 8, async () => {
      if (connections++ > 0) await stopped;
      return ["127.0.0.1"];
    }),
  });
  cleanups.push(() => push.stop());
  const [recipientId] = (await seed.recipients(1)) as [string];
  const hosts = { phone: "fcm.googleapis.com", laptop: "web.push.apple.com" };
  for (const [device, host] of Object.entries(hosts))
    await registerDevice(pool, recipientId, worker.service.addDevice(device, host));
  await acceptRouted(pool, { recipientId, route: { stages: [{ via: ["push"] }] }, versionId });
  const stopOnceAsked = async (sender: Pick<Sender, "drain">) => {
    await expect.poll(() => worker.service.asked().length, patience).toBe(1);
    const draining = sender.drain();
    stop();
    await draining;
  };
  let stopping: Promise<void> | undefined;
  await dispatchOver([push.channel], undefined, undefined, (sender) => {
    stopping = stopOnceAsked(sender);
  });
  await stopping;
  expect(worker.service.asked().toSorted()).toEqual(["laptop", "phone"]);
  expect(await readRow()).toEqual(["push", "sent", null]);
});

describe("a push message that one of two devices has", () => {
  it.each<[string, PushAnswer]>([
    ["failed", { status: 500 }],
    ["asked for time", { status: 429, headers: { "retry-after": "120" } }],
  ])(
    "is not counted as certainly not sent when it ends before the other, which %s, has it",
    async (_, answer) => {
      const { pool, seed } = database;
      const endings: Record<string, () => Promise<unknown>> = {
        "an operator cancels it": async () => {
          const { rows } = await pool.query<{ id: string }>("SELECT id FROM deliveries");
          const [{ id }] = rows as [{ id: string }];
          await cancelDeliveries(executeOn(pool), [{ id, groupId: null }], "delivery_cancelled");
        },
        "its recipient switches push off": async () => {
          await pool.query(
            `WITH changed AS (UPDATE recipients SET preferences = $1, preferences_version = 1 RETURNING id)
           INSERT INTO preference_versions (recipient_id, version, document, created_by) SELECT id, 1, $1, 'test' FROM changed`,
            [{ channels: { push: false } }],
          );
          await pool.query("DELETE FROM gates");
          await worker.dispatch(later(120));
        },
      };
      let worker!: Awaited<ReturnType<typeof startWorker>>;
      for (const [ending, end] of Object.entries(endings)) {
        await database.empty();
        await pool.query("TRUNCATE breakers, routes");
        versionId = await seed.templateVersion();
        worker = await startWorker({ status: 201 }, answer);
        const [recipientId] = (await seed.recipients(1)) as [string];
        for (const [device, host] of [
          ["phone", "fcm.googleapis.com"],
          ["laptop", "updates.push.services.mozilla.com"],
        ] as const)
          await registerDevice(pool, recipientId, worker.service.addDevice(device, host));
        await acceptRouted(pool, {
          recipientId,
          route: { stages: [{ via: ["push"] }] },
          versionId,
        });
        await worker.dispatch();
        expect([ending, (await readRow())[1]]).toEqual([ending, "pending"]);
        await end();
        expect([ending, ...(await readRow())]).toEqual([
          ending,
          "push",
          "unknown",
          "outcome_unknown",
        ]);
      }
    },
  );
});
