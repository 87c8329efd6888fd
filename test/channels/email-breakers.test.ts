import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { SendResult } from "../../activities/channels/channel.ts";
import { minuteMs } from "../../domain/time/durations.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { hang, serve, takeAll } from "./conversation.ts";
import { attemptsOf, outcomes, provider, request, sendDeadlineMs } from "./email-channel.ts";
import { guardedChannel, patient } from "./guarded-channel.ts";
import { closedPort, type ScriptedConnection } from "./scripted-server.ts";
import { skippableTime } from "./skippable-time.ts";
import { patience } from "../support/patience.ts";
import { countMostIn } from "../support/sliding-seconds.ts";

let database: LedgerDatabase;
let pool: Pool;
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
beforeEach(() => pool.query("TRUNCATE breakers, gates"));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(() => database.drop());

type TestWorker = Awaited<ReturnType<typeof guardedChannel>>;

async function worker(
  ...of: Parameters<typeof guardedChannel> extends [Pool, ...infer Rest] ? Rest : never
): Promise<TestWorker> {
  const made = await guardedChannel(pool, ...of);
  cleanups.push(() => made.stop());
  return made;
}

/** A server that answers every content with what `reply` says then, and counts them. */
async function answering(reply: () => string | Promise<string>) {
  let asked = 0;
  const server = await serve(async (connection: ScriptedConnection) => {
    await connection.greet("PIPELINING");
    for (;;) {
      await connection.envelope();
      await connection.content();
      asked += 1;
      connection.write(await reply());
    }
  });
  return { port: server.port, asked: () => asked };
}
const broken = () => "451 4.3.0 out of order";

async function healthy() {
  return answering(() => "250 taken");
}

const stateOf = async (name: string) =>
  (
    await pool.query<{ state: string; failures: number; reason: string | null }>(
      "SELECT state, cardinality(failed_at) AS failures, reason FROM breakers WHERE provider = $1",
      [name],
    )
  ).rows[0];
const becomes = (name: string, expected: object) =>
  vi.waitFor(async () => expect(await stateOf(name)).toMatchObject(expected), patience);
/** What a breaker waits for has come. */
const letTry = () => pool.query("UPDATE breakers SET next_trial_at = now() - interval '1 second'");

async function sendMany({ channel }: TestWorker, count: number): Promise<SendResult[]> {
  return Promise.all(Array.from({ length: count }, () => channel.send(request())));
}
const kinds = (results: readonly SendResult[]) => {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const kind = result.kind === "attempted" ? outcomes(result).join(", ") : result.kind;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
};
/** Its template fails. */
const unmakeable = () =>
  request("ada@example.org", {
    templateVersionId: "bad",
    content: { email: { subject: "x", html: "{% for i in (1..n) %}{{ i }}{% endfor %}" } },
    data: { n: 99_999_999 },
  });
const readyFor = ({ channel }: TestWorker) => channel.readyFor(new Date());

describe("a provider that fails beside one that does not", () => {
  it("gets as many messages as open its breaker, then as many as are trials, and all when they pass", async () => {
    let well = false;
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const failing = await answering(async () => {
      if (!well) return broken();
      await gate;
      return "250 taken";
    });
    const other = await healthy();
    const at = [
      provider(failing.port, { name: "failing", connections: 5 }),
      provider(other.port, { name: "other", connections: 5 }),
    ];
    const one = await worker(at);
    for (let index = 0; index < 5; index += 1)
      expect(outcomes(await one.channel.send(request()))).toEqual(["transient/smtp_4xx", "sent"]);
    await becomes("failing", { state: "open", reason: "smtp_4xx: 451 4.3.0 out of order" });
    await vi.waitFor(() => expect(one.breakers.of("failing").closed).toBe(false), patience);
    expect(kinds(await sendMany(one, 50))).toEqual({ sent: 50 });
    expect(failing.asked()).toBe(5);

    // The first trial fails, and it is left alone again.
    await letTry();
    await one.look();
    expect(outcomes(await one.channel.send(request()))).toEqual(["transient/smtp_4xx", "sent"]);
    await becomes("failing", { state: "open" });
    await vi.waitFor(() => expect(one.breakers.states().get("failing")).toBe("open"), patience);
    expect(kinds(await sendMany(one, 50))).toEqual({ sent: 50 });
    expect(failing.asked()).toBe(6);

    // Of two workers together exactly three are tried; nothing waits for them.
    well = true;
    await letTry();
    const two = await worker(at);
    await one.look();
    const results = [sendMany(one, 50), sendMany(two, 50)];
    await vi.waitFor(() => expect(other.asked()).toBe(106 + 97), patience);
    await becomes("failing", { state: "half_open" });
    release();
    expect(kinds((await Promise.all(results)).flat())).toEqual({ sent: 100 });
    expect(failing.asked()).toBe(9);
    await becomes("failing", { state: "closed", failures: 0 });
    await Promise.all([one.look(), two.look()]);
    expect(kinds(await sendMany(two, 10))).toEqual({ sent: 10 });
    expect(failing.asked()).toBe(19);
    expect(one.channel.recoveredAt()).toBeNull();
  });

  it("is left alone by a worker that has never tried it", async () => {
    const failing = await answering(broken);
    const other = await healthy();
    const at = [
      provider(failing.port, { name: "failing" }),
      provider(other.port, { name: "other" }),
    ];
    const one = await worker(at);
    const two = await worker(at);
    for (let index = 0; index < 5; index += 1) await one.channel.send(request());
    await becomes("failing", { state: "open" });
    await two.look();
    expect(outcomes(await two.channel.send(request()))).toEqual(["sent"]);
    expect(failing.asked()).toBe(5);
  });

  it("and hangs, does not slow the other down", async () => {
    let handed = 0;
    const hanging = await serve(async (connection) => {
      await connection.greet("PIPELINING");
      await connection.envelope();
      // With the end of the content, the envelope of the next mail has begun to ride.
      await connection.content();
      handed += 1;
      await hang();
    });
    const other = await healthy();
    const time = skippableTime();
    const one = await worker([
      provider(hanging.port, { name: "hanging", connections: 2 }),
      provider(other.port, { name: "other", connections: 5 }),
    ]);
    /** Has the deadline pass of what was handed to the one that hangs. */
    const send = async (count: number): Promise<SendResult[]> => {
      const before = handed;
      let ended = false;
      const sending = sendMany(one, count).finally(() => (ended = true));
      await vi.waitUntil(() => ended || handed === before + Math.min(count, 2), patience);
      if (!ended) time.skip(sendDeadlineMs);
      return sending;
    };
    const first = await send(50);
    expect(first.every((result) => outcomes(result).at(-1) === "sent")).toBe(true);
    // The mails behind the two that hang were not handed to this server once more.
    expect(handed).toBe(2);
    await vi.waitFor(async () => {
      await send(1);
      expect(await stateOf("hanging")).toMatchObject({ state: "open" });
      expect(one.breakers.of("hanging").closed).toBe(false);
    }, patience);
    expect(kinds(await sendMany(one, 500))).toEqual({ sent: 500 });
    expect((await stateOf("hanging"))!.reason).toMatch(/^timeout: /);
  });
});

describe("the only provider", () => {
  it("is waited for while its breaker is open, without attempts", async () => {
    const failing = await answering(broken);
    const one = await worker([provider(failing.port)]);
    expect(one.channel.opensAt(new Date())).toBeNull();
    for (let index = 0; index < 5; index += 1) await one.channel.send(request());
    await becomes("first", { state: "open" });
    await vi.waitFor(() => expect(one.channel.opensAt(new Date())).not.toBeNull(), patience);
    const until = one.channel.opensAt(new Date())!;
    expect((until.getTime() - Date.now()) / 3_600_000).toBeCloseTo(1, 1);
    expect(await one.channel.send(request())).toEqual({
      kind: "held",
      reason: "provider_unavailable",
      until,
    });
    expect(readyFor(one)).toBe(0);
    expect(failing.asked()).toBe(5);
  });

  it("is given no more messages than there are trials, and all when it is back", async () => {
    let well = false;
    const failing = await answering(() => (well ? "250 taken" : broken()));
    const one = await worker([provider(failing.port)]);
    for (let index = 0; index < 5; index += 1) await one.channel.send(request());
    await becomes("first", { state: "open" });
    well = true;
    await letTry();
    await one.look();
    expect(readyFor(one)).toBe(3);
    expect(kinds(await sendMany(one, 3))).toEqual({ sent: 3 });
    await becomes("first", { state: "closed" });
    await vi.waitFor(() => expect(readyFor(one)).toBe(Number.POSITIVE_INFINITY), patience);
    expect(one.channel.recoveredAt()).toBeInstanceOf(Date);
  });

  it("opens its breaker where nothing listens, and is waited for meanwhile", async () => {
    const one = await worker([provider(await closedPort())]);
    let attempts = 0;
    await vi.waitFor(async () => {
      const result = await one.channel.send(request());
      if (result.kind === "attempted") attempts += 1;
      else expect(result).toMatchObject({ kind: "held", reason: "provider_unavailable" });
      expect(await stateOf("first")).toMatchObject({ state: "open", failures: 5 });
    }, patience);
    // One for each time it was tried; those that came while it rested were not handed over.
    expect(attempts).toBe(5);
    expect((await stateOf("first"))!.reason).toMatch(/^connection: .*ECONNREFUSED/);
  });

  it("is used again at once when its breaker is reset", async () => {
    let well = false;
    const failing = await answering(() => (well ? "250 taken" : broken()));
    const one = await worker([provider(failing.port)]);
    for (let index = 0; index < 5; index += 1) await one.channel.send(request());
    await becomes("first", { state: "open" });
    well = true;
    await pool.query(
      "UPDATE breakers SET state = 'closed', failed_at = '{}', next_trial_at = NULL",
    );
    await one.look();
    expect(kinds(await sendMany(one, 10))).toEqual({ sent: 10 });
  });

  it.each([
    ["a recipient's mailbox is full", "452 4.2.2 mailbox full"],
    ["a recipient is greylisted", "450 4.2.0 Greylisted, try again in 300 seconds"],
    ["a recipient does not exist", "550 5.1.1 no such user"],
  ])("has not failed where %s", async (_, reply) => {
    const picky = await answering(() => reply);
    const one = await worker([provider(picky.port, { connections: 5 })]);
    await sendMany(one, 20);
    expect(picky.asked()).toBe(20);
    await one.look();
    expect(await stateOf("first")).toMatchObject({ state: "closed", failures: 0 });
    expect((await pool.query("SELECT FROM gates")).rowCount).toBe(0);
  });
});

describe("a provider that refuses for good", () => {
  it.each([
    ["whatever is sent", "550 5.7.1 the sender is blocked"],
    ["the same for all, in words of its own", "554 no thanks"],
  ])("%s is not used any more, and another one is", async (_, reply) => {
    const refusing = await answering(() => reply);
    const other = await healthy();
    const at = [
      provider(refusing.port, { name: "refusing" }),
      provider(other.port, { name: "other" }),
    ];
    const one = await worker(at);
    // A few words alike may be about the messages themselves.
    for (let index = 0; index < 12; index += 1) await one.channel.send(request());
    await becomes("refusing", { state: "open" });
    await one.look();
    expect(kinds(await sendMany(one, 20))).toEqual({ sent: 20 });
    expect(refusing.asked()).toBeLessThanOrEqual(12);
  });

  it("costs messages no attempts while it takes none", async () => {
    const refusing = await answering(() => "550 5.7.1 the sender is blocked");
    const one = await worker([provider(refusing.port)]);
    const attempts = [];
    for (let index = 0; index < 3; index += 1)
      attempts.push(...attemptsOf(await one.channel.send(request())));
    expect(attempts.map(({ outcome, failure, forgiven }) => [outcome, failure, forgiven])).toEqual([
      ["transient", "sender_refused", undefined],
      ["transient", "sender_refused", true],
      ["transient", "sender_refused", true],
    ]);
  });
});

describe("a provider that fails now and then", () => {
  it("is used all the same, and one that fails throughout is not", async () => {
    let asked = 0;
    let failing = (index: number) => index % 10 >= 4;
    const flaky = await answering(() => (failing(asked++) ? broken() : "250 taken"));
    const one = await worker([provider(flaky.port)], {
      breaker: { ...patient, failureShare: 0.7 },
    });
    for (let index = 0; index < 60; index += 1) await one.channel.send(request());
    await one.look();
    expect(await stateOf("first")).toMatchObject({ state: "closed" });
    expect(flaky.asked()).toBe(60);

    failing = () => true;
    for (let index = 0; index < 30; index += 1) await one.channel.send(request());
    await becomes("first", { state: "open" });
  });
});

describe("a provider that asks to be left alone", () => {
  it("is, by all workers, and has not failed", async () => {
    const busy = await answering(() => "421 4.7.0 Too much, try again in 60 seconds");
    const other = await healthy();
    const at = [provider(busy.port, { name: "busy" }), provider(other.port, { name: "other" })];
    const one = await worker(at);
    // The gate is shut by PostgreSQL's clock.
    const readClock = async () =>
      (await pool.query<{ now: Date }>("SELECT ledger_now() AS now")).rows[0]!.now.getTime();
    const before = await readClock();
    expect(outcomes(await one.channel.send(request()))).toEqual(["transient/smtp_4xx", "sent"]);
    expect(outcomes(await one.channel.send(request()))).toEqual(["sent"]);
    const gates = async () =>
      (
        await pool.query<{ key: string; reason: string; until: Date }>(
          "SELECT key, shut_reason AS reason, shut_until AS until FROM gates",
        )
      ).rows;
    await vi.waitFor(async () => expect(await gates()).toHaveLength(1), patience);
    const [gate] = await gates();
    expect(gate).toMatchObject({
      key: "provider/busy",
      reason: "smtp_4xx: 421 4.7.0 Too much, try again in 60 seconds",
    });
    expect(gate!.until.getTime()).toBeGreaterThanOrEqual(before + minuteMs);
    expect(gate!.until.getTime()).toBeLessThanOrEqual((await readClock()) + 1 + minuteMs);
    const two = await worker(at);
    expect(outcomes(await two.channel.send(request()))).toEqual(["sent"]);
    expect(busy.asked()).toBe(1);
    expect(await stateOf("busy")).toMatchObject({ state: "closed", failures: 0 });
  });

  it("in place of a greeting is waited for where there is no other", async () => {
    const busy = await serve(async (connection) => {
      connection.write("421 4.7.0 Too many connections, retry after 2 minutes");
      await hang();
    });
    const one = await worker([provider(busy.port)]);
    const result = await one.channel.send(request());
    expect(result).toMatchObject({ kind: "held", reason: "provider_rate" });
    const until = one.channel.opensAt(new Date())!;
    expect((until.getTime() - Date.now()) / 120_000).toBeCloseTo(1, 1);
    expect(await stateOf("first")).toMatchObject({ state: "closed", failures: 0 });
  });
});

describe("gates", () => {
  const gate = (key: string, columns: string, values: string) =>
    pool.query(
      `INSERT INTO gates (key, ${columns}) VALUES ('${key}', ${values})
       ON CONFLICT (key) DO UPDATE SET (${columns}) = ROW(${values}), shut_until = NULL, shut_reason = NULL`,
    );

  it("of a provider let as many through as its quota says, over all workers; the rest takes another", async () => {
    const [first, second] = [await healthy(), await healthy()];
    await gate("provider/first", "daily_quota", "10");
    const at = [
      provider(first.port, { connections: 3 }),
      provider(second.port, { name: "second", connections: 3 }),
    ];
    const workers = [await worker(at), await worker(at)];
    const results = await Promise.all(workers.map((one) => sendMany(one, 40)));
    expect(kinds(results.flat())).toEqual({ sent: 80 });
    expect([first.asked(), second.asked()]).toEqual([10, 70]);
  });

  it("of the only provider hold what they do not let through, and say until when", async () => {
    const { port, asked } = await healthy();
    await gate("provider/first", "daily_quota", "3");
    const one = await worker([provider(port)]);
    const results = await sendMany(one, 8);
    expect(kinds(results)).toEqual({ sent: 3, held: 5 });
    expect(asked()).toBe(3);
    const midnight = new Date(new Date().setUTCHours(24, 0, 0, 0));
    const held = results.filter((result) => result.kind === "held");
    for (const { reason, until } of held) {
      expect(reason).toBe("provider_rate");
      expect(Math.abs(until.getTime() - midnight.getTime())).toBeLessThan(minuteMs);
    }
    expect(readyFor(one)).toBe(0);
  });

  it("of the channel stand before all providers", async () => {
    const [first, second] = [await healthy(), await healthy()];
    await gate("channel/email", "daily_quota", "4");
    const one = await worker([provider(first.port), provider(second.port, { name: "second" })]);
    expect(readyFor(one)).toBe(4);
    expect(kinds(await sendMany(one, 9))).toEqual({ sent: 4, held: 5 });
    expect(first.asked() + second.asked()).toBe(4);
  });

  it("say how much leaves soon, of all providers together, and no more than the channel's own", async () => {
    const [first, second] = [await healthy(), await healthy()];
    await gate("provider/first", "permits_per_second, burst", "0.001, 5");
    await gate("provider/second", "permits_per_second, burst", "0.001, 8");
    await gate("channel/email", "permits_per_second, burst", "0.001, 11");
    const one = await worker([provider(first.port), provider(second.port, { name: "second" })]);
    expect(readyFor(one)).toBe(11);
    expect(kinds(await sendMany(one, 3))).toEqual({ sent: 3 });
    expect(readyFor(one)).toBe(8);
    expect(kinds(await sendMany(one, 10))).toEqual({ sent: 8, held: 2 });
    expect([first.asked(), second.asked()]).toEqual([5, 6]);
  });

  it("give back to the quota what nobody came for when the worker ends", async () => {
    const { port } = await healthy();
    await gate("provider/first", "daily_quota", "10");
    const one = await worker([provider(port)]);
    const requests = [unmakeable(), request()];
    const results = await Promise.all(requests.map((each) => one.channel.send(each)));
    expect(kinds(results)).toEqual({ sent: 1, unsendable: 1 });
    await one.gates.close();
    const { rows } = await pool.query("SELECT used_today FROM gates");
    expect(rows).toEqual([{ used_today: 1 }]);
  });

  it("are passed by no more than rate and burst within any second, though the server stands still meanwhile", async () => {
    let thaw = () => {};
    let frozen = Promise.resolve();
    const taken: number[] = [];
    const { port } = await answering(async () => {
      await frozen;
      taken.push(performance.now());
      return "250 taken";
    });
    await gate("provider/first", "permits_per_second, burst", "100, 20");
    const one = await worker([provider(port, { connections: 10 })]);
    const takenAre = (count: number) =>
      vi.waitFor(() => {
        for (let ready = Math.min(readyFor(one), 50); ready > 0; ready -= 1)
          void one.channel.send(request());
        expect(taken.length).toBeGreaterThanOrEqual(count);
      }, patience);
    await takenAre(60);
    frozen = new Promise((resolve) => (thaw = resolve));
    const thawsAt = performance.now() + 1_500;
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(thawsAt), patience);
    thaw();
    await takenAre(taken.length + 120);
    expect(countMostIn(taken)).toBeLessThanOrEqual(120);
  });

  it("are not asked where there are none", async () => {
    const { port } = await healthy();
    const one = await worker([provider(port, { connections: 5 })]);
    const query = vi.spyOn(pool, "query");
    expect(readyFor(one)).toBe(Number.POSITIVE_INFINITY);
    await sendMany(one, 50);
    expect(query).not.toHaveBeenCalled();
    query.mockRestore();
  });
});

it("a message that cannot be made is no trial", async () => {
  const server = await serve(async (connection) => {
    await connection.greet("PIPELINING");
    await takeAll(connection);
  });
  const one = await worker([provider(server.port)], { breaker: { ...patient, trials: 1 } });
  await pool.query("UPDATE breakers SET state = 'open', next_trial_at = now()");
  // What was on its way before that may still say that it is closed.
  await one.look();
  await one.look();
  const result = await one.channel.send(unmakeable());
  expect(result.kind).toBe("unsendable");
  await vi.waitFor(() => expect(readyFor(one)).toBe(1), patience);
  expect(outcomes(await one.channel.send(request()))).toEqual(["sent"]);
  await becomes("first", { state: "closed" });
});
