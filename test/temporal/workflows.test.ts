import type { TestWorkflowEnvironment } from "@temporalio/testing";
import type { WorkflowExecutionInfo } from "@temporalio/client";
import type { Pool } from "pg";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { queueName } from "../../domain/delivery/queues.ts";
import { createQueueListener } from "../../ledger/queue-listener.ts";
import { ensureRelay } from "../../workers/singletons.ts";
import { createWakeQueue } from "../../workers/wake-queue.ts";
import { relayWorkflowId } from "../../workflows/names.ts";
import { wakeCampaign, wakeQueue } from "../../workflows/client.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { plainHistory } from "../support/plain-history.ts";
import { mailbox, createPolicyWorld } from "../support/policy-world.ts";
import type { Answer } from "../support/recording-channel.ts";
import { createDevServer, queueEmptied } from "../support/temporal.ts";
import { breakListeners } from "../support/listeners.ts";
import { startWorkers } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];
let workers: Awaited<ReturnType<typeof startWorkers>> | undefined;

beforeAll(async () => {
  [environment, database] = await Promise.all([createDevServer(), createLedgerDatabase()]);
  ({ pool, seed } = database);
});
beforeEach(() => database.empty());
afterEach(async () => {
  await workers?.stop();
  workers = undefined;
});
afterAll(async () => {
  await environment.teardown();
  await database.drop();
});

const start = async (answer?: Answer) => (workers = await startWorkers(environment, pool, answer));
let shard = 1;
const ownMailbox = () => queueName({ kind: "mailbox", shard: shard++ });
const handleOf = (workflowId: string) => environment.client.workflow.getHandle(workflowId);

async function runsOf(workflowId: string): Promise<WorkflowExecutionInfo[]> {
  const runs: WorkflowExecutionInfo[] = [];
  for await (const run of environment.client.workflow.list({
    query: `WorkflowId = '${workflowId}'`,
  }))
    runs.push(run);
  return runs;
}

const statuses = () => database.statuses();

/** Answers nothing until it is opened. */
function dam() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, answer: (() => opened.then(() => "sent" as const)) satisfies Answer };
}

describe("continue-as-new", () => {
  it("of a campaign leaves its lanes running, and everybody gets one message", async () => {
    const { open, answer } = dam();
    const { requests, copies } = await start(answer);
    await seed.recipients(60);
    const { publicId } = await seed.campaign({ laneCount: 3 });
    await wakeCampaign(environment.client, publicId);
    await expect.poll(() => requests.length).toBeGreaterThan(0);
    const lane = handleOf(queueName({ kind: "lane", campaignId: publicId, lane: 0 }));
    const laneRun = (await lane.describe()).runId;
    await expect
      .poll(async () => {
        await wakeCampaign(environment.client, publicId);
        return (await runsOf(`campaign/${publicId}`)).length;
      })
      .toBeGreaterThan(1);
    expect(await lane.describe()).toMatchObject({ runId: laneRun, status: { name: "RUNNING" } });
    open();
    expect(await handleOf(`campaign/${publicId}`).result()).toMatchObject({
      status: "completed",
      audience: 60,
      counts: { sent: 60 },
      reconciled: true,
    });
    expect(copies().size).toBe(60);
    expect(requests).toHaveLength(60);
  });

  it("of a queue under a storm of wakes loses none of them", async () => {
    const { requests } = await start();
    const queue = ownMailbox();
    const recipients = await seed.recipients(150);
    for (const recipientId of recipients) {
      await seed.notification({ recipientIds: [recipientId], queue });
      await wakeQueue(environment.client, queue);
    }
    await expect.poll(() => requests.length).toBe(150);
    await queueEmptied(environment.client, queue);
    expect(await statuses()).toEqual({ sent: 150 });
    await expect.poll(async () => (await runsOf(queue)).length).toBeGreaterThan(1);
  });

  it("of a queue in which a batch gathers keeps its members, and the batch its time", async () => {
    const { requests } = await start();
    const world = createPolicyWorld(pool);
    const batching = { maximumSize: 20, windowMinutes: 30 };
    const recipientId = await world.recipient({ preferences: { batching } });
    const ask = (at: Date) => world.ask({ recipientId, type: "habit.reminder", at });
    const gathered = async () =>
      (await pool.query("SELECT FROM deliveries WHERE reason = 'batch'")).rowCount;
    await ask(new Date());
    await wakeQueue(environment.client, mailbox);
    await expect.poll(gathered).toBe(1);
    const { runId } = await handleOf(mailbox).describe();

    let asked = 1;
    await expect
      .poll(async () => {
        if (asked < 10) {
          await ask(new Date());
          asked++;
        }
        await wakeQueue(environment.client, mailbox);
        return (await handleOf(mailbox).describe()).runId;
      })
      .not.toBe(runId);
    await expect.poll(gathered).toBe(asked);
    expect(requests).toHaveLength(0);

    // Asked for so long ago that its window is almost over: all go with it.
    await ask(new Date(Date.now() - batching.windowMinutes * 60_000 + 2_000));
    await wakeQueue(environment.client, mailbox);
    await queueEmptied(environment.client, mailbox);
    expect(await statuses()).toEqual({ sent: asked + 1 });
    expect(requests.map(({ data }) => data["count"])).toEqual([asked + 1]);
  });
});

describe("what an operator sees", () => {
  it("finds a campaign and its lanes by its id, and reads what they are and did", async () => {
    await start();
    await seed.recipients(10);
    const { publicId } = await seed.campaign({ laneCount: 2 });
    await wakeCampaign(environment.client, publicId);
    await handleOf(`campaign/${publicId}`).result();
    const listed = async () => {
      const found: string[] = [];
      for await (const run of environment.client.workflow.list({
        query: `TidingsCampaign = '${publicId}'`,
      }))
        found.push(run.workflowId);
      return found.toSorted();
    };
    await expect
      .poll(listed)
      .toEqual([
        `campaign/${publicId}`,
        `campaign/${publicId}/lane/0`,
        `campaign/${publicId}/lane/1`,
      ]);
    const metadata = await handleOf(`campaign/${publicId}`).query<{ currentDetails: string }>(
      "__temporal_workflow_metadata",
    );
    expect(metadata.currentDetails).toBe("completed: 10 sent. The ledger adds up.");
    expect(await (await handleOf(`campaign/${publicId}`).describe()).staticSummary()).toBe(
      `Campaign ${publicId}`,
    );
  });

  it("carries no personal data, in any event of any run", async () => {
    const { answer } = { answer: (() => "transient") satisfies Answer };
    await start(answer);
    await seed.recipients(3);
    const { publicId } = await seed.campaign({ laneCount: 1 });
    await wakeCampaign(environment.client, publicId);
    const lane = `campaign/${publicId}/lane/0`;
    await expect.poll(() => statuses()).toEqual({ pending: 3 });
    const details = async () =>
      (await handleOf(lane).query<{ currentDetails: string }>("__temporal_workflow_metadata"))
        .currentDetails;
    await expect
      .poll(details)
      .toMatch(/^The last dispatch: 3 pending\. 3 open, the next at .*: retry\.$/);
    for (const id of [lane, `campaign/${publicId}`]) {
      const history = plainHistory(await handleOf(id).fetchHistory());
      expect(history).toContain(publicId);
      expect(history).not.toMatch(/example\.org|Ada|Hello/);
      await handleOf(id).terminate();
    }
  });
});

describe("relay", () => {
  it("wakes queues and campaigns whose wakes were lost, and no paused ones", async () => {
    const { requests } = await start();
    await ensureRelay(environment.client);
    await ensureRelay(environment.client);
    const longAgo = new Date(Date.now() - 60_000);
    const queue = ownMailbox();
    await seed.notification({ recipientIds: await seed.recipients(5), queue, dueAt: longAgo });
    const [forgotten, cancelled, paused] = [
      await seed.campaign({ startAt: longAgo, laneCount: 1 }),
      await seed.campaign({ startAt: longAgo, laneCount: 1 }),
      await seed.campaign({ startAt: longAgo, laneCount: 1 }),
    ];
    await pool.query("UPDATE campaigns SET updated_at = $1", [longAgo]);
    await pool.query(
      "UPDATE campaigns SET status = 'cancelled', frozen_at = now(), audience_count = 0 WHERE id = $1",
      [cancelled.id],
    );
    await pool.query("UPDATE campaigns SET status = 'paused' WHERE id = $1", [paused.id]);
    const campaigns = async () =>
      Object.fromEntries(
        (
          await pool.query<{ id: string; state: string }>(
            "SELECT id, status || CASE WHEN finished_at IS NULL THEN '' ELSE ', finished' END AS state FROM campaigns",
          )
        ).rows.map(({ id, state }) => [id, state]),
      );
    await expect.poll(campaigns).toEqual({
      [forgotten.id]: "completed, finished",
      [cancelled.id]: "cancelled, finished",
      [paused.id]: "paused",
    });
    await expect.poll(() => requests.length).toBe(10);
    expect(await runsOf(`campaign/${paused.publicId}`)).toHaveLength(0);
    await handleOf(relayWorkflowId).terminate();
  });

  it("does not wake queues that a worker is draining", async () => {
    const { open, answer } = dam();
    const { requests } = await start(answer);
    await ensureRelay(environment.client);
    const queue = ownMailbox();
    await seed.notification({
      recipientIds: await seed.recipients(1),
      queue,
      dueAt: new Date(Date.now() - 60_000),
    });
    await expect.poll(() => requests.length).toBe(1);
    const sweeps = async () =>
      (
        await handleOf(relayWorkflowId).describe()
      ).raw.pendingActivities?.[0]?.lastHeartbeatTime?.seconds?.toString();
    const seen = new Set<string | undefined>();
    await expect.poll(async () => seen.add(await sweeps()).size).toBeGreaterThan(3);
    const { events } = await handleOf(queue).fetchHistory();
    expect(
      events?.filter(({ workflowExecutionSignaledEventAttributes: signaled }) => signaled),
    ).toHaveLength(1);
    open();
    await queueEmptied(environment.client, queue);
    await handleOf(relayWorkflowId).terminate();
  });
});

describe("a queue's workflow", () => {
  it("that is woken as it ends goes on, or starts again", async () => {
    const { requests } = await start();
    const queue = ownMailbox();
    for (const [index, recipientId] of (await seed.recipients(20)).entries()) {
      await seed.notification({ recipientIds: [recipientId], queue });
      await wakeQueue(environment.client, queue);
      // The next comes in while the queue lingers over this one, or is about to end.
      await expect.poll(() => requests.length, { interval: 5 }).toBe(index + 1);
    }
    await queueEmptied(environment.client, queue);
    expect(await statuses()).toEqual({ sent: 20 });
  });

  it("has one dispatch for all that come one by one, as long as that can listen", async () => {
    const listener = createQueueListener({ url: database.url, logger: pino({ level: "silent" }) });
    workers = await startWorkers(environment, pool, undefined, null, null, listener);
    const { requests } = workers;
    const queue = ownMailbox();
    const wake = createWakeQueue(pool, environment.client);
    const activities = async () =>
      (await handleOf(queue).fetchHistory()).events?.filter(
        ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled,
      ).length;
    const askFor = async (count: number) => {
      const before = requests.length;
      for (const [index, recipientId] of (await seed.recipients(count)).entries()) {
        await seed.notification({ recipientIds: [recipientId], queue });
        await wake(queue);
        await expect.poll(() => requests.length, { interval: 5 }).toBe(before + index + 1);
      }
    };
    await askFor(10);
    expect(await activities()).toBe(1);
    await breakListeners((sql) => pool.query(sql));
    await askFor(5);
    await listener.close();
    await askFor(5);
    // The last request is out before its outcome is written.
    await queueEmptied(environment.client, queue);
    expect(await statuses()).toEqual({ sent: 20 });
  });
});
