import { afterEach, describe, expect, it, vi } from "vitest";
import webPush from "web-push";
import type { PushOptions } from "../../activities/channels/push/push.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";
import { outcomes } from "./email-channel.ts";
import { patient } from "./guarded-channel.ts";
import { pushChannel, pushClient, pushRequest, registerDevice, vapidKeys } from "./push-channel.ts";
import { type PushAnswer, type PushedMessage, startPushService } from "../support/push-service.ts";

const database = useLedgerDatabase({ truncate: "breakers" });
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const google = "fcm.googleapis.com";
const mozilla = "updates.push.services.mozilla.com";

/** Recipients with one device each, at these hosts. */
async function recipientsAt(
  hosts: readonly string[],
  answer?: (message: PushedMessage) => PushAnswer | Promise<PushAnswer>,
  options: Partial<PushOptions> & { breaker?: typeof patient } = {},
) {
  const { pool, seed } = database;
  const service = await startPushService(answer);
  cleanups.push(() => service.stop());
  const recipients = await seed.recipients(hosts.length);
  for (const [index, host] of hosts.entries())
    await registerDevice(pool, recipients[index]!, service.addDevice(`device-${index}`, host));
  const made = await pushChannel(pool, service, options);
  cleanups.push(() => made.stop());
  return { ...made, service, recipients };
}

describe("a provider of push messages", () => {
  it("that fails is left alone, and the others are not", async () => {
    const { channel, breakers, service, recipients, look } = await recipientsAt(
      [google, mozilla],
      ({ host }) => ({ status: host === google ? 500 : 201 }),
      { breaker: { ...patient, failures: 3 } },
    );
    const [atGoogle, atMozilla] = recipients as [string, string];
    for (let time = 0; time < 3; time += 1)
      expect(outcomes(await channel.send(pushRequest(atGoogle)))).toEqual(["transient/push_5xx"]);
    await vi.waitFor(() => expect(breakers.states().get("push/fcm")).toBe("open"), patience);
    expect(await channel.send(pushRequest(atGoogle))).toMatchObject({
      kind: "held",
      reason: "provider_unavailable",
    });
    expect(service.asked()).toHaveLength(3);
    expect(channel.opensAt(new Date())).toBeNull();
    expect(outcomes(await channel.send(pushRequest(atMozilla)))).toEqual(["sent"]);
    const { rows } = await database.pool.query(
      "SELECT provider, reason FROM breakers WHERE state <> 'closed'",
    );
    expect(rows).toEqual([{ provider: "push/fcm", reason: "push_5xx: 500" }]);
    await look();
  });

  it("has a rate of its own, which no slot is used up for while no message can leave", async () => {
    const { channel, service, recipients, look } = await recipientsAt([google, mozilla]);
    const [atGoogle, atMozilla] = recipients as [string, string];
    await database.pool.query(
      "INSERT INTO gates (key, permits_per_second, burst) VALUES ('provider/push/fcm', 0.001, 2)",
    );
    await look();
    const stopped = await channel.send(pushRequest(atGoogle, { begin: () => "closed" }));
    expect(stopped.kind).toBe("held");
    const results = await Promise.all(
      Array.from({ length: 4 }, () => channel.send(pushRequest(atGoogle))),
    );
    expect(results.map(({ kind }) => kind).toSorted()).toEqual([
      "attempted",
      "attempted",
      "held",
      "held",
    ]);
    expect(outcomes(await channel.send(pushRequest(atMozilla)))).toEqual(["sent"]);
    expect(service.asked()).toHaveLength(3);
  });

  it("that answers nothing gets no more than half of the messages in flight", async () => {
    let isAnswering = false;
    let answerAll = () => {};
    const answered = new Promise<void>((resolve) => (answerAll = resolve));
    const { channel, service, recipients } = await recipientsAt(
      [google, mozilla],
      async ({ host }) => {
        if (host === google && !isAnswering) await answered;
        return { status: 201 };
      },
      { inFlightBound: 4 },
    );
    const [atGoogle, atMozilla] = recipients as [string, string];
    const waiting = [0, 1].map(() => channel.send(pushRequest(atGoogle)));
    await vi.waitFor(() => expect(service.asked()).toHaveLength(2), patience);
    await vi.waitFor(async () => {
      const begin = vi.fn<() => "closed">(() => "closed");
      await channel.send(pushRequest(atGoogle, { begin }));
      expect(begin).not.toHaveBeenCalled();
    }, patience);
    const held = await channel.send(pushRequest(atGoogle));
    expect(held.kind).toBe("held");
    expect(outcomes(await channel.send(pushRequest(atMozilla)))).toEqual(["sent"]);
    isAnswering = true;
    answerAll();
    for (const sent of await Promise.all(waiting)) expect(outcomes(sent)).toEqual(["sent"]);
    expect(outcomes(await channel.send(pushRequest(atGoogle)))).toEqual(["sent"]);
  });
});

describe("the keys of VAPID", () => {
  const older = webPush.generateVAPIDKeys();
  const subject = "mailto:operator@example.org";

  it("sign one token for each service in twelve hours", async () => {
    let atMs = Date.now();
    const { channel, service, recipients } = await recipientsAt([google, mozilla], undefined, {
      clock: () => atMs,
    });
    const send = () => Promise.all(recipients.map((id) => channel.send(pushRequest(id))));
    await send();
    await send();
    atMs += 11 * 3_600_000;
    await send();
    const tokens = () => new Set(service.received.map(({ vapid }) => vapid.token));
    expect(tokens().size).toBe(2);
    // The service would refuse a token from the future, whose life is longer than a day from now on.
    atMs -= 11 * 3_600_000;
    const early = service.received[0]!.vapid;
    expect(early.exp * 1_000 - atMs).toBeGreaterThan(12 * 3_600_000);
    expect(early.exp * 1_000 - atMs).toBeLessThanOrEqual(24 * 3_600_000);
    expect(service.faults).toEqual([]);
  });

  it("of earlier subscriptions are used for these, and are remembered", async () => {
    const { channel, service, recipients } = await recipientsAt(
      [google, mozilla],
      ({ host, vapid }) => {
        const expected = host === google ? older : vapidKeys;
        return vapid.key === expected.publicKey
          ? { status: 201 }
          : { status: 403, body: '{"reason":"VapidPkHashMismatch"}' };
      },
      { vapid: { keys: [vapidKeys, older], subject } },
    );
    for (const id of recipients)
      expect(outcomes(await channel.send(pushRequest(id)))).toEqual(["sent"]);
    expect(service.received.map(({ host }) => host)).toEqual([google, google, mozilla]);
    expect(outcomes(await channel.send(pushRequest(recipients[0]!)))).toEqual(["sent"]);
    expect(service.received).toHaveLength(4);
    expect(service.received.at(-1)!.vapid.key).toBe(older.publicKey);
  });

  it("that fit no device leave its address as it is", async () => {
    const { channel, recipients } = await recipientsAt([google], () => ({
      status: 403,
      body: '{"reason":"VapidPkHashMismatch"}',
    }));
    expect(outcomes(await channel.send(pushRequest(recipients[0]!)))).toEqual(["permanent/auth"]);
    const { rows } = await database.pool.query("SELECT disabled_at FROM addresses");
    expect(rows).toEqual([{ disabled_at: null }]);
  });
});

describe("what cannot be reached", () => {
  it("is refused for the device if the rules do not allow it, and tried later otherwise", async () => {
    const { recipients, service } = await recipientsAt([google]);
    const refusing = await pushChannel(database.pool, service, {
      http: pushClient({ port: 1 }),
    });
    cleanups.push(() => refusing.stop());
    expect(outcomes(await refusing.channel.send(pushRequest(recipients[0]!)))).toEqual([
      "permanent/address_not_allowed",
    ]);
    const { port } = service;
    await service.stop();
    const alone = await pushChannel(database.pool, { port });
    cleanups.push(() => alone.stop());
    expect(outcomes(await alone.channel.send(pushRequest(recipients[0]!)))).toEqual([
      "transient/connection",
    ]);
  });
});
