import { MockActivityEnvironment } from "@temporalio/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Channel } from "../../activities/channels/channel.ts";
import { createChannels } from "../../activities/channels/channels.ts";
import { createGateCache } from "../../activities/channels/gate-cache.ts";
import { createInAppChannel, inAppGates } from "../../activities/channels/in-app/in-app.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import type { Route } from "../../domain/policy/route.ts";
import type { Priority } from "../../domain/priority.ts";
import { createGates } from "../../ledger/gates.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { executeOn } from "../../ledger/sql.ts";
import { provider } from "../channels/email-channel.ts";
import { guardedChannel, patient } from "../channels/guarded-channel.ts";
import { startScriptedServer } from "../channels/scripted-server.ts";
import { acceptRouted } from "../support/accept-routed.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime, createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { createRecordingChannel } from "../support/recording-channel.ts";

const critical = queueName({ kind: "critical", shard: 0 });
const mailbox = queueName({ kind: "mailbox", shard: 0 });
const start = new Date("2040-01-02T12:00:00Z");
const after = (seconds: number) => new Date(start.getTime() + seconds * 1_000);
const emailFirst: Route = { stages: [{ via: ["email", "in_app"] }] };

const database = useLedgerDatabase({
  truncate: "routes, engagements, breakers, diversions, inbox_items, policy_versions",
});
const cleanups: (() => Promise<void>)[] = [];
let versionId: string;
let types: { id: string; document: object }[];
beforeEach(async () => {
  const { pool, seed } = database;
  versionId = await seed.templateVersion();
  const note = { title: "Hello", body: "Hello" };
  await pool.query("UPDATE template_versions SET content = content || $1", [
    { push: note, in_app: note },
  ]);
  types = (await pool.query("SELECT id, document FROM notification_types")).rows;
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const { id, document } of types)
    await database.pool.query(
      "UPDATE notification_types SET document = $2, version = version + 1 WHERE id = $1 AND document <> $2",
      [id, document],
    );
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A mail server that takes messages while `well` says so, and otherwise refuses all of them for now. */
async function startServer(well: () => boolean) {
  const received: string[] = [];
  const server = await startScriptedServer(async (connection) => {
    await connection.greet("PIPELINING");
    for (;;) {
      const recipient = await connection.envelope();
      await connection.content();
      if (well()) received.push(recipient);
      connection.write(well() ? "250 taken" : "451 4.3.0 out of order");
    }
  });
  cleanups.push(() => server.close());
  return { port: server.port, received };
}

interface WorkerOptions {
  others?: readonly Channel[];
  openSeconds?: number;
  retryBaseMs?: number;
}

/** A worker with email over that server, behind a breaker that the first failure opens, and the channel of inboxes. */
async function startWorker(
  port: number,
  { others = [], openSeconds = patient.openSeconds, retryBaseMs = 600_000 }: WorkerOptions = {},
) {
  const { pool } = database;
  const breaker = { ...patient, failures: 1, openSeconds };
  const guarded = await guardedChannel(pool, [provider(port, { connections: 5 })], { breaker });
  const gates = createGateCache({
    gates: createGates(pool),
    keys: inAppGates,
    refreshMs: 3_600_000,
  });
  const inbox = createInAppChannel({ execute: executeOn(pool), gates, inFlightBound: 20 });
  const stop = async () => {
    await Promise.all([guarded.stop(), inbox.close()]);
    await gates.close();
  };
  cleanups.push(stop);
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([guarded.channel, inbox, ...others]),
    retry: { baseMs: retryBaseMs, capMs: 3_600_000, attempts: 10 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  const dispatchAt = (at: Date, queue: string) =>
    atLedgerTime(
      pool,
      at,
      () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
    );
  return {
    ...guarded,
    stop: async () => {
      cleanups.splice(cleanups.indexOf(stop), 1);
      await stop();
    },
    dispatchAt,
    dispatch: (seconds: number, queue = critical) => dispatchAt(after(seconds), queue),
    /** Dispatches as the workflow of the queue does, until it would next be after `seconds`. Resolves with the instants. */
    async drainUntil(seconds: number, queue = critical): Promise<Date[]> {
      const instants: Date[] = [];
      for (let at = start; at <= after(seconds);) {
        instants.push(at);
        const { nextDueAt } = await dispatchAt(at, queue);
        if (nextDueAt === null) break;
        at = new Date(Math.max(at.getTime() + 1, Date.parse(nextDueAt)));
      }
      return instants;
    },
  };
}

/** A worker whose email is out of order. */
async function startOutage(options: WorkerOptions = {}) {
  const state = { well: false };
  const server = await startServer(() => state.well);
  return { state, server, worker: await startWorker(server.port, options) };
}

const owe = async (
  priority: Priority = "critical",
  {
    route = emailFirst,
    type = null,
    seconds = 0,
    recipient,
  }: {
    route?: Route;
    type?: string | null;
    seconds?: number;
    recipient?: Parameters<typeof database.seed.recipients>[1];
  } = {},
) => {
  const [recipientId] = (await database.seed.recipients(1, recipient)) as [string];
  await acceptRouted(database.pool, {
    recipientId,
    route,
    versionId,
    at: after(seconds),
    priority,
    type,
  });
  return recipientId;
};

const setType = (key: string, change: object) =>
  database.pool.query(
    "UPDATE notification_types SET document = document || $2, version = version + 1 WHERE key = $1",
    [key, change],
  );

const readRows = async () =>
  (
    await database.pool.query(
      "SELECT priority, channel, status, reason, failed_channels::text AS failed FROM deliveries ORDER BY priority, id",
    )
  ).rows;

const readDiversions = async () =>
  (
    await database.pool.query<{ channel: string; since: Date }>(
      "SELECT channel, out_since AS since FROM diversions ORDER BY channel",
    )
  ).rows;

const count = async (table: string) =>
  (await database.pool.query<{ count: number }>(`SELECT count(*)::int FROM ${table}`)).rows[0]!
    .count;

/** Records the names of the statements that the pool executes, with their first arrays. */
function watchStatements() {
  const query = vi.spyOn(database.pool, "query");
  return (name: string) =>
    query.mock.calls.flatMap(([statement]) => {
      const named = statement as unknown as { name?: string; values?: unknown[] };
      return named.name === name ? [named.values ?? []] : [];
    });
}

const sent = { channel: "in_app", status: "delivered", reason: null, failed: "{email}" };

describe("email that refuses every message", () => {
  it("lets a critical message go to the inbox within seconds after a minute, and a low one wait", async () => {
    const { worker } = await startOutage();
    await owe("critical");
    await owe("low");
    await worker.dispatch(0, mailbox);
    // The first failure opens the breaker, so that the other message is not read.
    const dispatches = await worker.drainUntil(120);
    expect(await readRows()).toEqual([
      { priority: "critical", ...sent },
      { priority: "low", channel: "email", status: "pending", reason: "retry", failed: null },
    ]);
    const [diversion] = await readDiversions();
    // The last dispatch, which has sent it, was due a minute after the outage began.
    expect(dispatches.length).toBeLessThanOrEqual(4);
    expect(dispatches.at(-1)!.getTime() - diversion!.since.getTime()).toBe(60_000);
    await worker.drainUntil(3_000, mailbox);
    expect(await count("diversions")).toBe(1);
  });

  it("is tried once more when its trial is due, and then left at once by the message of the trial", async () => {
    const { worker, server } = await startOutage({ openSeconds: 60, retryBaseMs: 15_000 });
    await owe();
    await worker.dispatch(0);
    await worker.dispatch(30);
    expect(await count("diversions")).toBe(0);
    await atLedgerTime(database.pool, after(75), async () => {
      await worker.look();
      await worker.dispatch(75);
    });
    expect(await readRows()).toEqual([{ priority: "critical", ...sent }]);
    const { rows } = await database.pool.query("SELECT channel, outcome FROM attempts ORDER BY 1");
    expect(rows).toEqual([
      { channel: "email", outcome: "transient" },
      { channel: "email", outcome: "transient" },
      { channel: "in_app", outcome: "sent" },
    ]);
    expect(server.received).toEqual([]);
  });

  it("lets messages of high priority go after five minutes, also those that were tried", async () => {
    const { worker, server } = await startOutage();
    await owe("high");
    await worker.dispatch(0, mailbox);
    await owe("high", { seconds: 1 });
    await worker.dispatch(290, mailbox);
    expect((await readRows()).map(({ channel }) => channel)).toEqual(["email", "email"]);
    // A queue is looked through every ten seconds.
    await worker.dispatch(330, mailbox);
    expect(await readRows()).toEqual([
      { priority: "high", ...sent },
      { priority: "high", ...sent },
    ]);
    expect(server.received).toEqual([]);
  });

  it("lets messages of a type go when the type says, or never", async () => {
    await setType("task.deadline", { failoverAfterSeconds: 10, batchable: false });
    await setType("habit.reminder", { failoverAfterSeconds: null });
    const { worker } = await startOutage();
    await owe("critical", { type: "habit.reminder" });
    await owe("low", { type: "task.deadline" });
    await worker.dispatch(0);
    await worker.dispatch(25, mailbox);
    await worker.drainUntil(600);
    expect(await readRows()).toMatchObject([
      { priority: "critical", channel: "email", status: "pending" },
      { priority: "low", ...sent },
    ]);
  });

  it("counts from its begin for a worker that starts later", async () => {
    const { server, worker } = await startOutage();
    await owe();
    await worker.dispatch(0);
    await worker.stop();
    const next = await startWorker(server.port);
    await next.dispatch(50);
    expect(await count("diversions")).toBe(0);
    await next.dispatch(75);
    expect(await readRows()).toEqual([{ priority: "critical", ...sent }]);
    expect((await readDiversions())[0]!.since.getTime()).toBeLessThan(after(30).getTime());
  });

  it("moves nothing once it works again", async () => {
    const { state, server, worker } = await startOutage();
    await owe();
    await worker.dispatch(0);
    state.well = true;
    await atLedgerTime(database.pool, after(50), async () => {
      await database.pool.query("UPDATE breakers SET next_trial_at = ledger_now()");
      await worker.look();
    });
    for (const seconds of [51, 90, 700]) await owe("critical", { seconds });
    for (const seconds of [51, 90, 700]) await worker.dispatch(seconds);
    expect(await count("diversions")).toBe(0);
    expect(server.received).toHaveLength(4);
    expect(await count("inbox_items")).toBe(0);
  });

  it("is not left by messages that no other channel could reach, which are sent when it works again", async () => {
    const push = createRecordingChannel(() => "sent", { name: "push" });
    const { state, server, worker } = await startOutage({ others: [push.channel] });
    await owe("critical", { route: { stages: [{ via: ["email"] }, { via: ["in_app"] }] } });
    await owe("critical", { route: { stages: [{ via: ["email", "push"] }] } });
    await worker.drainUntil(300);
    expect((await readRows()).map(({ channel, status }) => `${channel} ${status}`).sort()).toEqual([
      "email pending",
      "email pending",
      "in_app delivered",
    ]);
    state.well = true;
    await database.pool.query("UPDATE breakers SET next_trial_at = '2000-01-01'");
    await worker.look();
    await worker.dispatch(4_000);
    expect(server.received).toHaveLength(2);
  });

  it("is left for the next channel that works, if that one is out of order too", async () => {
    const push = createRecordingChannel(() => "sent", { name: "push" });
    const { worker } = await startOutage({
      others: [
        {
          ...push.channel,
          outSince: () => after(30),
          opensAt: () => new Date(Date.now() + 3_600_000),
        },
      ],
    });
    const recipientId = await owe("critical", {
      route: { stages: [{ via: ["email", "push", "in_app"] }] },
    });
    await database.pool.query("UPDATE recipients SET address_channels = '{push}' WHERE id = $1", [
      recipientId,
    ]);
    await worker.dispatch(0);
    await worker.dispatch(65);
    expect(await readRows()).toMatchObject([{ channel: "email", status: "pending" }]);
    await worker.dispatch(105);
    expect(await readRows()).toEqual([{ priority: "critical", ...sent, failed: "{email,push}" }]);
    expect((await readDiversions()).map(({ channel }) => channel)).toEqual(["email", "push"]);
  });

  it("leaves messages to the policy on their new channel", async () => {
    const push = createRecordingChannel(() => "sent", { name: "push" });
    const { worker } = await startOutage({ others: [push.channel] });
    const quietHours = [{ start: "12:04", end: "13:00" }];
    const recipientId = await owe("high", {
      route: { stages: [{ via: ["email", "push"] }] },
      recipient: { preferences: { quietHours } },
    });
    await database.pool.query("UPDATE recipients SET address_channels = '{push}' WHERE id = $1", [
      recipientId,
    ]);
    await worker.dispatch(0, mailbox);
    await worker.dispatch(330, mailbox);
    expect(await readRows()).toEqual([
      {
        priority: "high",
        channel: "push",
        status: "pending",
        reason: "quiet_hours",
        failed: "{email}",
      },
    ]);
    await worker.dispatch(3_700, mailbox);
    expect(push.requests).toHaveLength(1);
  });

  it("is left by the members of a batch one by one, and the batch counts those that stay", async () => {
    const { pool } = database;
    const { worker } = await startOutage();
    const recipientId = await owe("high");
    await acceptRouted(pool, {
      recipientId,
      route: { stages: [{ via: ["email"] }] },
      versionId,
      at: start,
      priority: "high",
    });
    await pool.query(
      `INSERT INTO groups (id, kind, recipient_id, channel, priority, status, member_count, closes_at)
       VALUES (gen_random_uuid(), 'batch', $1, 'email', 'high', 'full', 2, $2)`,
      [recipientId, start],
    );
    await pool.query("UPDATE open_deliveries SET group_id = (SELECT id FROM groups)");
    await owe("critical");
    await worker.dispatch(0);
    await worker.dispatch(330, mailbox);
    const { rows } = await pool.query(
      "SELECT channel, status, group_id IS NULL AS alone FROM deliveries WHERE priority = 'high' ORDER BY channel",
    );
    expect(rows).toEqual([
      { channel: "email", status: "pending", alone: false },
      { channel: "in_app", status: "delivered", alone: true },
    ]);
    expect((await pool.query("SELECT status, member_count AS n FROM groups")).rows).toEqual([
      { status: "full", n: 1 },
    ]);
  });
});

describe("a gate that a provider shut", () => {
  it("counts as an outage since it was first shut", async () => {
    const { worker } = await startOutage();
    const shut = (seconds: number, key = "provider/first") =>
      atLedgerTime(database.pool, after(seconds), async () => {
        await createGates(database.pool).shut({ key, forMs: 40_000, reason: "421 come later" });
        await worker.look();
      });
    await shut(0);
    await owe();
    await worker.dispatch(1);
    await shut(30);
    await worker.dispatch(50);
    expect(await count("diversions")).toBe(0);
    await worker.dispatch(65);
    expect(await readRows()).toEqual([{ priority: "critical", ...sent }]);
    // A pause after the gate was open is another one.
    await shut(200);
    await owe("critical", { seconds: 201 });
    await worker.dispatch(230);
    expect(await count("diversions")).toBe(1);
  });
});

describe("a campaign", () => {
  const freeze = async (
    recipients: number,
    campaign: Parameters<typeof database.seed.campaign>[0],
  ) => {
    const { pool, seed } = database;
    await seed.recipients(recipients);
    const { id, publicId } = await seed.campaign({
      startAt: start,
      laneCount: 1,
      templateVersionId: versionId,
      ...campaign,
    });
    await pool.query("UPDATE campaigns SET route = $1", [emailFirst]);
    await advanceCampaign(pool, publicId, { at: start });
    return { id, lane: queueName({ kind: "lane", campaignId: publicId, lane: 0 }) };
  };

  it("of 5,000 moves in statements of at most 1,000 rows, and its account adds up", async () => {
    const { id, lane } = await freeze(5_000, { priority: "critical" });
    const { worker, server } = await startOutage();
    await worker.dispatch(0, lane);
    const statements = watchStatements();
    const counted: number[] = [];
    for (let seconds = 75; seconds < 300; seconds += 10) {
      await worker.dispatch(seconds, lane);
      counted.push(statements("divert").length);
      if ((await database.statuses()).delivered === 5_000) break;
    }
    const rows = statements("divert").map(([ids]) => (ids as string[]).length);
    expect(Math.max(...rows)).toBeLessThanOrEqual(1_000);
    expect(rows.reduce((sum, n) => sum + n, 0)).toBe(5_000);
    // One statement at most for each ten seconds.
    for (const [index, n] of counted.entries()) expect(n).toBeLessThanOrEqual(index + 1);
    expect(await database.statuses()).toEqual({ delivered: 5_000 });
    expect(server.received).toEqual([]);
    expect(await count("inbox_items")).toBe(5_000);
    expect(await count("diversions")).toBe(5_000);
    await advanceCampaign(database.pool, lane.split("/")[1]!, { at: after(400) });
    const { rows: account } = await database.pool.query(
      `SELECT c.audience_count AS audience, c.finished_at IS NOT NULL AS finished, count(d.id)::int AS ended
       FROM campaigns c JOIN ended_deliveries d ON d.campaign_id = c.id WHERE c.id = $1 GROUP BY c.id`,
      [id],
    );
    expect(account).toEqual([{ audience: 5_000, finished: true, ended: 5_000 }]);
  });

  it("moves each message once, whichever workers look", async () => {
    const { lane } = await freeze(300, { priority: "critical" });
    const { worker, server } = await startOutage();
    await worker.dispatch(0, lane);
    const other = await startWorker(server.port);
    await Promise.all([worker.dispatch(75, lane), other.dispatch(75, lane)]);
    for (const seconds of [85, 95, 105]) await worker.dispatch(seconds, lane);
    expect(await database.statuses()).toEqual({ delivered: 300 });
    expect(await count("inbox_items")).toBe(300);
    const { rows } = await database.pool.query(
      "SELECT DISTINCT failed_channels::text AS failed FROM ended_deliveries",
    );
    expect(rows).toEqual([{ failed: "{email}" }]);
  });

  it("at most once moves what was never handed over or was refused, and nothing that may have arrived", async () => {
    const { pool } = database;
    const { lane } = await freeze(4, { priority: "critical", guarantee: "at_most_once" });
    const { worker } = await startOutage();
    const ids = (await pool.query<{ id: string }>("SELECT id FROM open_deliveries ORDER BY id"))
      .rows;
    const [interrupted, retried, claimed] = ids.map(({ id }) => id) as [string, string, string];
    const far = after(9_000);
    const lease = (id: string, until: Date) =>
      pool.query(
        "UPDATE open_deliveries SET lease_token = gen_random_uuid(), lease_until = $2, attempt_count = 1 WHERE id = $1",
        [id, until],
      );
    await lease(interrupted, after(1));
    await lease(claimed, far);
    await pool.query("UPDATE open_deliveries SET attempt_count = 1 WHERE id = $1", [retried]);
    await pool.query(
      "INSERT INTO earlier_attempts (delivery_id, number, outcome, started_at, finished_at) VALUES ($1, 1, 'unknown', $2, $2)",
      [retried, start],
    );
    await owe();
    await worker.dispatch(0);
    for (const seconds of [75, 85, 95]) await worker.dispatch(seconds, lane);
    const { rows } = await pool.query<{ id: string; channel: string; status: string }>(
      "SELECT id, channel, status FROM deliveries WHERE campaign_id IS NOT NULL",
    );
    const stateOf = new Map(rows.map(({ id, channel, status }) => [id, `${channel} ${status}`]));
    expect(ids.map(({ id }) => stateOf.get(id))).toEqual([
      "email unknown",
      "email pending",
      "email sending",
      "in_app delivered",
    ]);
  });

  it("at least once moves a message whose worker died", async () => {
    const { lane } = await freeze(1, { priority: "critical" });
    const { worker } = await startOutage();
    await database.pool.query(
      "UPDATE open_deliveries SET lease_token = gen_random_uuid(), lease_until = $1, attempt_count = 1",
      [after(1)],
    );
    await owe();
    await worker.dispatch(0);
    for (const seconds of [75, 86]) await worker.dispatch(seconds, lane);
    const { rows } = await database.pool.query(
      "SELECT channel, status, attempt_count AS n, forgiven_count AS forgiven FROM ended_deliveries WHERE campaign_id IS NOT NULL",
    );
    expect(rows).toEqual([{ channel: "in_app", status: "delivered", n: 2, forgiven: 1 }]);
  });
});

it("costs no statement while every channel is in service", async () => {
  const { state, worker, server } = await startOutage();
  state.well = true;
  const statements = watchStatements();
  for (const priority of ["critical", "high", "normal"] as const) await owe(priority);
  for (const seconds of [0, 100, 200]) {
    await worker.dispatch(seconds);
    await worker.dispatch(seconds, mailbox);
  }
  expect(server.received).toHaveLength(3);
  for (const name of ["find-diversions", "read-diversions", "divert"])
    expect(statements(name)).toEqual([]);
});

it("reads a bounded part of a long queue that cannot move", async () => {
  const { pool, seed } = database;
  const { worker } = await startOutage();
  const recipientIds = await seed.recipients(2_500);
  await seed.notification({ recipientIds, queue: critical, priority: "critical", dueAt: start });
  await owe("critical", { seconds: 1 });
  await worker.dispatch(0);
  await worker.dispatch(75);
  await worker.dispatch(85);
  expect(await count("diversions")).toBe(0);
  // The third part has the message that can move.
  await worker.dispatch(95);
  await worker.dispatch(105);
  expect(await count("diversions")).toBe(1);
  const { rows } = await pool.query("SELECT count(*)::int AS n FROM open_deliveries");
  expect(rows).toEqual([{ n: 2_500 }]);
});
