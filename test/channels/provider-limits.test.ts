import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SendResult } from "../../activities/channels/channel.ts";
import type { GateLimits } from "../../domain/delivery/gates.ts";
import { configureProviders, type ProviderConfiguration } from "../../ledger/providers.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { serve, takeAll } from "./conversation.ts";
import { attemptsOf, provider, request } from "./email-channel.ts";
import { guardedChannel } from "./guarded-channel.ts";
import { pushChannel, pushRequest, registerDevice } from "./push-channel.ts";
import { startPushService } from "../support/push-service.ts";

const database = useLedgerDatabase({ truncate: "breakers, gates" });
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const noon = new Date("2200-03-04T12:00:00Z");
const noLimits: GateLimits = {
  permitsPerSecond: null,
  burst: 1,
  hourlyQuota: null,
  dailyQuota: null,
};

const configured = (
  name: string,
  position: number,
  limits: Partial<GateLimits> | null,
): ProviderConfiguration => ({
  name,
  channel: "email",
  kind: "smtp",
  position,
  connections: 3,
  limits: limits && { ...noLimits, ...limits },
});

describe("the configured quotas of SMTP servers", () => {
  let ports: [number, number];
  beforeEach(async () => {
    const server = () =>
      serve(async (connection) => {
        await connection.greet("PIPELINING");
        await takeAll(connection);
      });
    ports = [(await server()).port, (await server()).port];
  });

  /** Starts a worker with two servers, the first of which has these limits. */
  async function startWorker(limits: Partial<GateLimits>) {
    const { pool } = database;
    await configureProviders(pool, [configured("first", 1, limits), configured("second", 2, null)]);
    const made = await guardedChannel(pool, [
      provider(ports[0], { connections: 3 }),
      provider(ports[1], { name: "second", connections: 3 }),
    ]);
    let isStopped = false;
    const stop = async () => {
      if (!isStopped) await made.stop();
      isStopped = true;
    };
    cleanups.push(stop);
    const send = (count: number) =>
      Promise.all(Array.from({ length: count }, () => made.channel.send(request())));
    return { send, stop };
  }

  const sentBy = (results: readonly SendResult[]) => {
    const counts: Record<string, number> = {};
    for (const result of results)
      for (const { provider: name, outcome } of attemptsOf(result))
        counts[`${name} ${outcome}`] = (counts[`${name} ${outcome}`] ?? 0) + 1;
    return counts;
  };
  const usage = async () =>
    (
      await database.pool.query<{ used_today: number; used_this_hour: number }>(
        "SELECT used_today, used_this_hour FROM gates WHERE key = 'provider/first'",
      )
    ).rows[0];

  it("are counted over two workers and their restarts, and the second server takes the rest", async () => {
    await atLedgerTime(database.pool, noon, async () => {
      const limits = { dailyQuota: 20 };
      const [one, two] = [await startWorker(limits), await startWorker(limits)];
      expect(sentBy([...(await one.send(6)), ...(await two.send(6))])).toEqual({
        "first sent": 12,
      });
      await one.stop();
      const three = await startWorker(limits);
      const [there, here] = await Promise.all([two.send(20), three.send(20)]);
      expect(sentBy([...there, ...here])).toEqual({ "first sent": 8, "second sent": 32 });
      await Promise.all([two.stop(), three.stop()]);
      expect(await usage()).toMatchObject({ used_today: 20 });
      const four = await startWorker(limits);
      expect(sentBy(await four.send(5))).toEqual({ "second sent": 5 });
    });
  });

  it("are never exceeded after the death of a worker, which gives nothing back", async () => {
    await atLedgerTime(database.pool, noon, async () => {
      const dead = await startWorker({ dailyQuota: 10 });
      expect(sentBy(await dead.send(4))).toEqual({ "first sent": 4 });
      const next = await startWorker({ dailyQuota: 10 });
      const counts = sentBy(await next.send(20));
      expect(counts["first sent"]).toBeLessThanOrEqual(6);
      expect((counts["first sent"] ?? 0) + (counts["second sent"] ?? 0)).toBe(20);
      await next.stop();
      expect((await usage())!.used_today).toBeLessThanOrEqual(10);
    });
  });

  it("of an hour begin again with the next clock hour, and those of a day at midnight in UTC", async () => {
    const limits = { hourlyQuota: 3, dailyQuota: 5 };
    const at = (time: string) => new Date(`2200-03-04T${time}Z`);
    const sendAt = (instant: Date) =>
      atLedgerTime(database.pool, instant, async () => {
        const made = await startWorker(limits);
        const counts = sentBy(await made.send(6));
        await made.stop();
        return counts;
      });
    expect(await sendAt(at("22:58:00"))).toEqual({ "first sent": 3, "second sent": 3 });
    expect(await sendAt(at("22:59:00"))).toEqual({ "second sent": 6 });
    expect(await sendAt(at("23:00:00"))).toEqual({ "first sent": 2, "second sent": 4 });
    expect(await sendAt(at("23:30:00"))).toEqual({ "second sent": 6 });
    expect(await sendAt(new Date("2200-03-05T00:00:00Z"))).toEqual({
      "first sent": 3,
      "second sent": 3,
    });
  });
});

describe("the configured quota of a push service", () => {
  it("holds its messages until the next day, and not those of other services", async () => {
    const { pool, seed } = database;
    await atLedgerTime(pool, noon, async () => {
      await configureProviders(pool, [
        {
          ...configured("push/fcm", 1, { dailyQuota: 2 }),
          channel: "push",
          kind: "web-push",
          position: null,
        },
      ]);
      const service = await startPushService();
      cleanups.push(() => service.stop());
      const [google, mozilla] = (await seed.recipients(2)) as [string, string];
      const add = (recipient: string, name: string, host: string) =>
        registerDevice(pool, recipient, service.addDevice(name, host));
      await add(google, "phone", "fcm.googleapis.com");
      await add(mozilla, "laptop", "updates.push.services.mozilla.com");
      const made = await pushChannel(pool, service);
      cleanups.push(() => made.stop());
      const results = await Promise.all(
        [google, google, google, mozilla, mozilla, mozilla].map((recipient) =>
          made.channel.send(pushRequest(recipient)),
        ),
      );
      expect(results.map(({ kind }) => kind).toSorted()).toEqual([
        ...Array.from({ length: 5 }, () => "attempted"),
        "held",
      ]);
      expect(service.asked().toSorted()).toEqual([
        ...Array.from({ length: 3 }, () => "laptop"),
        "phone",
        "phone",
      ]);
      const held = results.find(({ kind }) => kind === "held");
      expect(held).toMatchObject({ reason: "provider_rate" });
    });
  });
});
