import { createUncachedClock, atLedgerTime } from "../support/ledger-time.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import type { Channel } from "../../activities/channels/channel.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { bindStatement } from "../../ledger/sql.ts";
import { readDue } from "../../ledger/statements.ts";
import { channelTo, provider } from "../channels/email-channel.ts";
import { guardedChannel } from "../channels/guarded-channel.ts";
import { startScriptedServer } from "../channels/scripted-server.ts";
import { skippableTime } from "../channels/skippable-time.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { testLinks } from "../support/links.ts";
import { patience } from "../support/patience.ts";
import { type Answer, createRecordingChannel } from "../support/recording-channel.ts";

const mailbox = "mailbox/0";
const retry = { baseMs: 60_000, capMs: 3_600_000, attempts: 3 };

let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool, seed } = database);
});
beforeEach(async () => {
  await database.empty();
  await pool.query("TRUNCATE breakers");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(() => database.drop());

/** A worker's dispatch over these channels. */
function worker(all: Channel[], { answersMs = 1_000 } = {}) {
  const woken: string[] = [];
  const { dispatch, sender } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels(all),
    retry,
    mailboxShards: 1,
    links: testLinks,
    wake: async (queue) => void woken.push(queue),
    answersMs,
    lingerMs: 0,
  });
  return {
    sender,
    /** Queues that were woken. */
    woken,
    dispatch: (queue = mailbox, at?: Date) =>
      atLedgerTime(
        pool,
        at,
        () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
      ),
  };
}

/** Email over a real conversation, behind gates and breakers of the database. */
async function emailChannel() {
  const received: string[] = [];
  const server = await startScriptedServer(async (connection) => {
    await connection.greet("PIPELINING");
    for (;;) {
      const recipient = await connection.envelope();
      await connection.content();
      received.push(recipient);
      connection.write("250 taken");
    }
  });
  cleanups.push(() => server.close());
  const guarded = await guardedChannel(pool, [provider(server.port, { connections: 2 })]);
  cleanups.push(() => guarded.stop());
  return { ...guarded, received };
}

/** A hand-over that is answered when the test says so. */
function slowAnswer() {
  let answer: (outcome: "sent" | "transient") => void = () => {};
  const answered = new Promise<"sent" | "transient">((resolve) => (answer = resolve));
  return { answer, answered };
}

const rowsOf = async (channel: string) =>
  (
    await pool.query<{ status: string; attempts: number; count: number }>(
      "SELECT status, attempt_count AS attempts, count(*)::int FROM deliveries WHERE channel = $1::channel GROUP BY 1, 2 ORDER BY 1, 2",
      [channel],
    )
  ).rows;

/** Forty recipients, each owed a message by email and one by SMS, which has been due for less long. */
const owing: Record<string, () => Promise<string>> = {
  "a mailbox": async () => {
    const recipientIds = await seed.recipients(40);
    for (const [channel, seconds] of [
      ["email", 60],
      ["sms", 1],
    ] as const) {
      const dueAt = new Date(Date.now() - seconds * 1_000);
      await seed.notification({ recipientIds, queue: mailbox, channel, dueAt });
    }
    return mailbox;
  },
  "a campaign's lane": async () => {
    await seed.recipients(80);
    const { publicId } = await seed.campaign({ laneCount: 1 });
    await advanceCampaign(pool, publicId);
    await pool.query(
      "UPDATE deliveries SET channel = 'sms' WHERE id IN (SELECT id FROM deliveries ORDER BY id DESC LIMIT 40)",
    );
    return queueName({ kind: "lane", campaignId: publicId, lane: 0 });
  },
};

describe.each(Object.entries(owing))("email that is shut for a minute, in %s", (_, owe) => {
  it("delays no message of another channel, and goes out once when it opens", async () => {
    const queue = await owe();
    const sms = createRecordingChannel(() => "sent", { name: "sms" });
    const { channel, look, received } = await emailChannel();
    const shutUntil = new Date(Date.now() + 60_000);
    await pool.query("INSERT INTO gates (key, shut_until) VALUES ('channel/email', $1)", [
      shutUntil,
    ]);
    await look();
    const { dispatch } = worker([channel, sms.channel], { answersMs: 20_000 });

    const result = await dispatch(queue);
    expect(result).toMatchObject({
      waitsFor: "provider_unavailable",
      open: 40,
      counts: { sent: 40 },
    });
    expect(Math.abs(Date.parse(result.nextDueAt!) - shutUntil.getTime())).toBeLessThan(1_000);
    expect(sms.requests.every(({ recipient }) => recipient.phone !== null)).toBe(true);
    expect(await rowsOf("sms")).toEqual([{ status: "sent", attempts: 1, count: 40 }]);
    expect(await rowsOf("email")).toEqual([{ status: "pending", attempts: 0, count: 40 }]);

    await pool.query("DELETE FROM gates");
    await look();
    expect(await dispatch(queue)).toMatchObject({ nextDueAt: null, open: 0, counts: { sent: 40 } });
    expect(received).toHaveLength(40);
    expect(new Set(received).size).toBe(40);
    expect(sms.requests).toHaveLength(40);
    expect(await database.statuses()).toEqual({ sent: 80 });
  });
});

describe("a channel", () => {
  it("that is closed does not prevent decisions about the others, and none of its rows is read", async () => {
    const recipientIds = await seed.recipients(2_000);
    const longAgo = new Date(Date.now() - 60_000);
    for (const queue of [mailbox, "mailbox/1"])
      await seed.notification({ recipientIds, queue, channel: "email", dueAt: longAgo });
    await seed.notification({
      recipientIds: recipientIds.slice(0, 20),
      queue: mailbox,
      channel: "sms",
    });
    await pool.query("ANALYZE open_deliveries");
    const { text, values } = bindStatement(readDue, {
      queue: mailbox,
      channels: ["sms"],
      limit: 200,
      except: [],
      afterChannels: [],
      afterPriorities: [],
      afterDueMs: [],
      afterIds: [],
    });
    const { rows } = await pool.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
      values,
    );
    const scans = nodesOf(rows[0]!["QUERY PLAN"][0].Plan).filter(
      (node) => node["Relation Name"] === "open_deliveries",
    );
    expect(scans).toHaveLength(1);
    const [scan] = scans as [PlanNode];
    expect(Math.round(scan["Actual Rows"] * scan["Actual Loops"])).toBe(20);
    expect(scan["Rows Removed by Filter"] ?? 0).toBe(0);
    // Twenty rows, and the way down the index for each priority.
    expect(scan["Shared Hit Blocks"] + scan["Shared Read Blocks"]).toBeLessThan(60);
  });

  it("that answers nothing holds up no other, though its messages fill memory and its bound", async () => {
    const { answered, answer } = slowAnswer();
    const email = createRecordingChannel(() => answered, { inFlightBound: 2 });
    const sms = createRecordingChannel(() => "sent", { name: "sms" });
    const recipientIds = await seed.recipients(500);
    const longAgo = new Date(Date.now() - 60_000);
    await seed.notification({ recipientIds, queue: mailbox, channel: "email", dueAt: longAgo });
    await seed.notification({ recipientIds, queue: mailbox, channel: "sms" });
    const { dispatch, sender } = worker([email.channel, sms.channel]);
    await dispatch();
    expect(email.requests).toHaveLength(2);
    expect(await rowsOf("sms")).toEqual([{ status: "sent", attempts: 1, count: 500 }]);
    const draining = sender.drain();
    answer("sent");
    await draining;
    expect(await rowsOf("email")).toEqual([
      { status: "pending", attempts: 0, count: 498 },
      { status: "sent", attempts: 1, count: 2 },
    ]);
  });

  it("that its worker does not have is left to another, and looked at again within minutes", async () => {
    const recipientIds = await seed.recipients(1);
    await seed.notification({ recipientIds, queue: mailbox, channel: "sms" });
    const { dispatch } = worker([createRecordingChannel().channel]);
    const { nextDueAt, waitMs, ...rest } = await dispatch();
    expect(rest).toEqual({ waitsFor: "provider_unavailable", open: 1, counts: {} });
    expect(nextDueAt).not.toBeNull();
    expect(waitMs).toBeLessThan(120_000);
    expect(waitMs).toBeGreaterThan(30_000);
  });

  it("has addresses and suppressions of its own", async () => {
    const [phoneless, suppressed, reached] = (await seed.recipients(3)) as [string, string, string];
    await pool.query("UPDATE recipients SET phone = NULL WHERE id = $1", [phoneless]);
    await pool.query(
      `INSERT INTO suppressions (id, channel, address, reason, created_by)
       SELECT uuid_v7(now()), channel, address, 'manual', 'test' FROM (
         SELECT 'sms'::channel AS channel, phone AS address FROM recipients WHERE id = $1
         UNION ALL SELECT 'email', email FROM recipients WHERE id = $2
       ) AS listed`,
      [suppressed, reached],
    );
    await seed.notification({
      recipientIds: [phoneless, suppressed, reached],
      queue: mailbox,
      channel: "sms",
    });
    const sms = createRecordingChannel(() => "sent", { name: "sms" });
    await worker([sms.channel], { answersMs: 20_000 }).dispatch();
    expect(sms.requests.map(({ recipient }) => recipient.id)).toEqual([reached]);
    const { rows } = await pool.query(
      "SELECT recipient_id AS recipient, reason FROM deliveries WHERE status = 'suppressed' ORDER BY reason DESC",
    );
    expect(rows).toEqual([
      { recipient: phoneless, reason: "no_address" },
      { recipient: suppressed, reason: "address_suppressed" },
    ]);
  });

  it("whose slots are few sends as many, and claims no more", async () => {
    const { channel, look, received } = await emailChannel();
    await pool.query(
      "INSERT INTO gates (key, permits_per_second, burst) VALUES ('channel/email', 0.001, 30)",
    );
    await look();
    const recipientIds = await seed.recipients(40);
    await seed.notification({ recipientIds: recipientIds.slice(0, 10), queue: mailbox });
    const { dispatch } = worker([channel], { answersMs: 20_000 });
    await dispatch();
    expect(received).toHaveLength(10);
    await seed.notification({ recipientIds: recipientIds.slice(10), queue: mailbox });
    expect(await dispatch()).toMatchObject({ waitsFor: "provider_unavailable", open: 10 });
    expect(received).toHaveLength(30);
    expect(await rowsOf("email")).toEqual([
      { status: "pending", attempts: 0, count: 10 },
      { status: "sent", attempts: 1, count: 30 },
    ]);
  });
});

describe("an answer that takes long", () => {
  const oneSlow = (answered: Promise<"sent" | "transient">): Answer => {
    let requests = 0;
    return () => (requests++ === 0 ? answered : "sent");
  };
  const leasedUntil = async () =>
    (
      await pool.query<{ until: Date }>(
        "SELECT lease_until AS until FROM deliveries WHERE status = 'sending'",
      )
    ).rows[0]?.until.getTime() ?? 0;

  it("holds up neither its dispatch nor its queue, keeps its row, and wakes the queue when it comes", async () => {
    const { answered, answer } = slowAnswer();
    const { channel, requests, copies } = createRecordingChannel(oneSlow(answered));
    const { dispatch, woken } = worker([channel]);
    const recipientIds = await seed.recipients(5);
    await seed.notification({ recipientIds, queue: mailbox });
    const first = await dispatch();
    expect(first).toMatchObject({ waitsFor: "interrupted", open: 1 });
    expect(await database.statuses()).toEqual({ sent: 4, sending: 1 });

    // What comes meanwhile goes out.
    await seed.notification({ recipientIds, queue: mailbox });
    await dispatch();
    expect(await database.statuses()).toEqual({ sent: 9, sending: 1 });
    // Nobody takes the row, for its lease is renewed.
    const before = await leasedUntil();
    await expect.poll(leasedUntil, { timeout: 20_000 }).toBeGreaterThan(before);
    expect(woken).toEqual([]);

    answer("sent");
    await expect.poll(() => woken, { timeout: 20_000 }).toEqual([mailbox]);
    expect(await database.statuses()).toEqual({ sent: 10 });
    expect(requests).toHaveLength(10);
    expect([...copies().values()].every((count) => count === 1)).toBe(true);
    expect(await dispatch()).toEqual({
      nextDueAt: null,
      waitMs: null,
      waitsFor: null,
      open: 0,
      counts: {},
    });
  });

  it("wakes the queue for its retry, once for each time that it may be needed", async () => {
    const { answered, answer } = slowAnswer();
    const { channel } = createRecordingChannel(() => answered);
    const { dispatch, woken } = worker([channel]);
    await seed.notification({ recipientIds: await seed.recipients(8), queue: mailbox });
    await dispatch();
    expect(await database.statuses()).toEqual({ sending: 8 });
    answer("transient");
    await expect.poll(() => database.statuses(), { timeout: 20_000 }).toEqual({ pending: 8 });
    await expect.poll(() => woken.length, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(woken.length).toBeLessThanOrEqual(2);
    expect(await dispatch()).toMatchObject({ waitsFor: "retry", open: 8 });
  });

  it("does not hold up a worker that stops for longer than its channel closes", async () => {
    const handedOver = vi.fn<() => void>();
    const server = await startScriptedServer(async (connection) => {
      await connection.greet();
      await connection.envelope();
      await connection.content();
      handedOver();
      await new Promise(() => {});
    });
    cleanups.push(() => server.close());
    const time = skippableTime();
    const channel = channelTo([provider(server.port)]);
    const { dispatch, sender, woken } = worker([channel], { answersMs: 0 });
    await seed.notification({ recipientIds: await seed.recipients(3), queue: mailbox });
    await dispatch();
    await vi.waitFor(() => expect(handedOver).toHaveBeenCalled(), patience);
    const stopping = Promise.all([sender.drain(), channel.close()]);
    time.skip(30_000);
    await stopping;
    // What the server has is sent again, if at all, as what it did not answer: not at once, as after the death of a worker.
    expect(await rowsOf("email")).toEqual([
      { status: "pending", attempts: 0, count: 2 },
      { status: "pending", attempts: 1, count: 1 },
    ]);
    const { rows } = await pool.query(
      "SELECT a.provider, a.outcome, a.failure, d.due_at > a.finished_at + $1 * interval '1 ms' AS later FROM attempts a JOIN deliveries d ON d.id = a.delivery_id",
      [retry.baseMs],
    );
    expect(rows).toEqual([
      { provider: "first", outcome: "unknown", failure: "interrupted", later: true },
    ]);
    expect([...new Set(woken)]).toEqual([mailbox]);
  });

  it("is waited for by a worker that stops; what could not begin behind it was never claimed", async () => {
    const { answered, answer } = slowAnswer();
    const { channel, requests } = createRecordingChannel(() => answered, { inFlightBound: 1 });
    const { dispatch, sender, woken } = worker([channel]);
    const recipientIds = await seed.recipients(3);
    await seed.notification({ recipientIds, queue: mailbox });
    const before = await pool.query("SELECT id, due_at, reason FROM deliveries ORDER BY id");
    await dispatch();
    expect(await database.statuses()).toEqual({ sending: 1, pending: 2 });
    let drained = false;
    const draining = sender.drain().then(() => (drained = true));
    await expect
      .poll(() => database.statuses(), { timeout: 20_000 })
      .toEqual({ sending: 1, pending: 2 });
    expect(drained).toBe(false);
    answer("sent");
    await draining;
    expect(requests).toHaveLength(1);
    expect(await rowsOf("email")).toEqual([
      { status: "pending", attempts: 0, count: 2 },
      { status: "sent", attempts: 1, count: 1 },
    ]);
    const after = await pool.query(
      "SELECT id, due_at, reason FROM deliveries WHERE status = 'pending' ORDER BY id",
    );
    expect(before.rows).toEqual(expect.arrayContaining(after.rows));
    const { rows } = await pool.query("SELECT FROM grant_logs WHERE cardinality(granted) > 0");
    expect(rows).toHaveLength(1);
    expect(woken.length).toBeGreaterThan(0);
    expect(new Set(woken)).toEqual(new Set([mailbox]));
  });
});

interface PlanNode {
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  "Shared Hit Blocks": number;
  "Shared Read Blocks": number;
  Plans?: PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
