import { WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { Worker } from "@temporalio/worker";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dayMs } from "../../domain/time/durations.ts";
import type { AdvanceCampaignInput, CampaignStep } from "../../activities/advance-campaign.ts";
import { noSinks } from "../../config/tracing.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { wakeSignal } from "../../workflows/signals.ts";
import { campaignOptions, deliveryQueueOptions } from "../../workflows/options.ts";
import { wakeCampaign, wakeQueue } from "../../workflows/client.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import type { Answer } from "../support/recording-channel.ts";
import { mailbox, createPolicyWorld } from "../support/policy-world.ts";
import { createTimeSkipping } from "../support/time-skipping.ts";
import { startWorkers, workflowBundle } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];
let workers: Awaited<ReturnType<typeof startWorkers>> | undefined;

beforeAll(async () => {
  [environment, database] = await Promise.all([createTimeSkipping(), createLedgerDatabase()]);
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
const serverNow = () => environment.currentTimeMs();
/** A mailbox of its own for each test, beside that of `policyWorld`: workflow ids are never used twice here. */
let shard = 1;
const ownMailbox = () => queueName({ kind: "mailbox", shard: shard++ });

/**
 * Wakes a queue that others may wake at the same time. Temporal looks for the workflow and starts it in one step, and the test server in
 * two: of two wakes that find no workflow, it refuses one.
 */
async function wakeAmongOthers(queue: string): Promise<void> {
  await wakeQueue(environment.client, queue).catch((error: unknown) => {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return wakeQueue(environment.client, queue);
  });
}

async function countOf(workflowId: string, activity: string): Promise<number> {
  const { events } = await environment.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).filter(
    ({ activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled?.activityType?.name === activity,
  ).length;
}

const statuses = () => database.statuses();

describe("deliveryQueue", () => {
  it("holds a notification for two weeks, and looks at it only when it is due", async () => {
    const { requests } = await start();
    const queue = ownMailbox();
    const now = await serverNow();
    const recipients = await seed.recipients(3);
    await seed.notification({ recipientIds: recipients.slice(0, 1), queue, dueAt: new Date(now) });
    await seed.notification({ recipientIds: recipients, queue, dueAt: new Date(now + 14 * dayMs) });
    const run = await environment.client.workflow.start(
      "deliveryQueue",
      deliveryQueueOptions(queue),
    );
    await run.result();
    expect(requests).toHaveLength(4);
    expect(await serverNow()).toBeGreaterThanOrEqual(now + 14 * dayMs);
    expect(await countOf(queue, "dispatch")).toBe(2);
  });

  it("backs off from a provider that refuses for days, without spinning", async () => {
    let refusals = 12;
    const { requests } = await start(() => (refusals-- > 0 ? "transient" : "sent"));
    const queue = ownMailbox();
    await seed.notification({
      recipientIds: await seed.recipients(1),
      queue,
      dueAt: new Date(await serverNow()),
    });
    await (
      await environment.client.workflow.start("deliveryQueue", deliveryQueueOptions(queue))
    ).result();
    expect(requests).toHaveLength(13);
    expect(await statuses()).toEqual({ sent: 1 });
    expect(await countOf(queue, "dispatch")).toBeLessThanOrEqual(14);
  });

  it("loses no wake in a storm of them, and answers a hundred with a few dispatches", async () => {
    const { requests } = await start();
    const queue = ownMailbox();
    const recipients = await seed.recipients(100);
    for (const recipientId of recipients) {
      await seed.notification({
        recipientIds: [recipientId],
        queue,
        dueAt: new Date(await serverNow()),
      });
      await wakeQueue(environment.client, queue);
    }
    await environment.client.workflow.getHandle(queue).result();
    expect(requests).toHaveLength(100);
    expect(await countOf(queue, "dispatch")).toBeLessThan(100);
  });

  it("loses nothing of batches that gather in a storm of wakes, and sends nothing twice", async () => {
    const { requests, copies } = await start();
    const world = createPolicyWorld(pool);
    const recipients: string[] = [];
    for (let one = 0; one < 40; one++)
      recipients.push(
        await world.recipient({ preferences: { batching: { maximumSize: 5, windowMinutes: 30 } } }),
      );
    const begun = await serverNow();
    for (let round = 1; round <= 5; round++) {
      const at = new Date(await serverNow());
      await Promise.all(
        recipients.map(async (recipientId, place) => {
          // Five fill a batch; three wait for its window.
          if (place % 2 === 0 || round <= 3)
            await world.ask({ recipientId, type: "habit.reminder", at });
          await wakeAmongOthers(mailbox);
          await wakeAmongOthers(mailbox);
        }),
      );
      await environment.sleep(60_000);
    }
    await expect.poll(() => requests.length).toBe(20);
    await environment.client.workflow.getHandle(mailbox).result();
    expect(await serverNow()).toBeGreaterThanOrEqual(begun + 30 * 60_000);
    expect(requests).toHaveLength(40);
    expect(copies().size).toBe(40);
    expect(new Set(requests.map(({ recipient }) => recipient.id)).size).toBe(40);
    expect(requests.map(({ data }) => data["count"])).toEqual([
      ...Array.from({ length: 20 }, () => 5),
      ...Array.from({ length: 20 }, () => 3),
    ]);
    expect(await statuses()).toEqual({ sent: 160 });
    expect(await countOf(mailbox, "dispatch")).toBeLessThan(200);
  });

  it("starts again from its name alone after it was terminated", async () => {
    const { requests } = await start();
    const queue = ownMailbox();
    const now = await serverNow();
    await seed.notification({
      recipientIds: await seed.recipients(2),
      queue,
      dueAt: new Date(now + dayMs),
    });
    await wakeQueue(environment.client, queue);
    // Not during the dispatch: the test server would wait for its activity, and skip no time any more.
    const history = () => environment.client.workflow.getHandle(queue).fetchHistory();
    await expect
      .poll(async () =>
        (await history()).events?.some(({ timerStartedEventAttributes: timer }) => timer),
      )
      .toBe(true);
    await environment.client.workflow.getHandle(queue).terminate("an operator's slip");
    await wakeQueue(environment.client, queue);
    await environment.client.workflow.getHandle(queue).result();
    expect(requests).toHaveLength(2);
  });
});

describe("campaign", () => {
  async function scheduled(
    inMs: number,
    options: { recipients?: number; laneCount?: number } = {},
  ) {
    await seed.recipients(options.recipients ?? 40);
    return seed.campaign({
      startAt: new Date((await serverNow()) + inMs),
      laneCount: options.laneCount ?? 4,
    });
  }
  const set = (id: string, changes: string) =>
    pool.query(`UPDATE campaigns SET ${changes} WHERE id = $1`, [id]);
  const run = (campaignId: string) =>
    environment.client.workflow.start("campaign", campaignOptions(campaignId));

  it("waits three weeks for its time, goes out to all, and adds up", async () => {
    const { requests, copies } = await start();
    const campaign = await scheduled(21 * dayMs);
    const begun = await serverNow();
    expect(await (await run(campaign.publicId)).result()).toMatchObject({
      status: "completed",
      audience: 40,
      counts: { sent: 40 },
      reconciled: true,
    });
    expect(await serverNow()).toBeGreaterThanOrEqual(begun + 21 * dayMs);
    expect(requests).toHaveLength(40);
    expect(copies().size).toBe(40);
    expect(await countOf(`campaign/${campaign.publicId}`, "advanceCampaign")).toBeLessThanOrEqual(
      4,
    );
  });

  it("obeys a later date with which it is woken while it waits", async () => {
    await start();
    const campaign = await scheduled(dayMs);
    const begun = await serverNow();
    const handle = await run(campaign.publicId);
    await set(campaign.id, `start_at = '${new Date(begun + 10 * dayMs).toISOString()}'`);
    await handle.signal(wakeSignal);
    await handle.result();
    expect(await serverNow()).toBeGreaterThanOrEqual(begun + 10 * dayMs);
  });

  it("obeys an earlier date whose wake was lost, at the latest at the old date", async () => {
    await start();
    const campaign = await scheduled(10 * dayMs);
    const handle = await run(campaign.publicId);
    await set(campaign.id, `start_at = start_at - interval '9 days'`);
    expect(await handle.result()).toMatchObject({ status: "completed" });
  });

  it("cancelled before its time, sends nothing and ends", async () => {
    const { requests } = await start();
    const campaign = await scheduled(30 * dayMs);
    const handle = await run(campaign.publicId);
    await set(campaign.id, "status = 'cancelled', finished_at = now()");
    await handle.signal(wakeSignal);
    expect(await handle.result()).toMatchObject({
      status: "cancelled",
      audience: 0,
      reconciled: true,
    });
    expect(requests).toHaveLength(0);
  });

  it("waits for its deliveries in batches, without spinning", async () => {
    const { requests } = await start();
    const recipients = await seed.recipients(30);
    await pool.query(
      `UPDATE recipients SET preferences = '{"batching": {"enabled": false}}', preferences_version = 1 WHERE id = ANY($1::uuid[])`,
      [recipients.slice(0, 10)],
    );
    const begun = await serverNow();
    const campaign = await seed.campaign({ startAt: new Date(begun), type: "habit.reminder" });
    const handle = await run(campaign.publicId);
    expect(await handle.result()).toMatchObject({
      status: "completed",
      audience: 30,
      counts: { sent: 30 },
      reconciled: true,
    });
    expect(requests).toHaveLength(30);
    const { startTime, closeTime } = await handle.describe();
    const tookMs = closeTime!.getTime() - startTime.getTime();
    expect(tookMs).toBeGreaterThanOrEqual(30 * 60_000);
    expect(tookMs).toBeLessThan(35 * 60_000);
    expect(await countOf(handle.workflowId, "advanceCampaign")).toBeLessThanOrEqual(8);
  });

  it("paused while it runs, continues when it is resumed, and nobody receives it twice", async () => {
    const campaign = await scheduled(0, { recipients: 400 });
    const handle = environment.client.workflow.getHandle(`campaign/${campaign.publicId}`);
    let paused: Promise<unknown> | undefined;
    const { requests, copies } = await start(async () => {
      paused ??= set(campaign.id, "status = 'paused'");
      await paused;
      return "sent" as const;
    });
    await run(campaign.publicId);
    const open = async () =>
      (
        await pool.query<{ count: number }>(
          "SELECT count(*)::int FROM deliveries WHERE status IN ('pending', 'sending')",
        )
      ).rows[0]!.count;
    await expect
      .poll(() => countOf(handle.workflowId, "advanceCampaign"))
      .toBeGreaterThanOrEqual(2);
    expect(await open()).toBeGreaterThan(0);
    const before = requests.length;
    await set(campaign.id, "status = 'running'");
    await wakeCampaign(environment.client, campaign.publicId);
    expect(await handle.result()).toMatchObject({
      status: "completed",
      counts: { sent: 400 },
      reconciled: true,
    });
    expect(before).toBeLessThan(400);
    expect(copies().size).toBe(400);
    expect(requests).toHaveLength(400);
  });

  it("cancelled while it runs, cancels what was not begun, and adds up", async () => {
    const campaign = await scheduled(0, { recipients: 400 });
    let cancelled: Promise<unknown> | undefined;
    const { requests } = await start(async () => {
      cancelled ??= set(campaign.id, "status = 'cancelled'").then(() =>
        wakeCampaign(environment.client, campaign.publicId),
      );
      await cancelled;
      return "sent" as const;
    });
    const result = await (await run(campaign.publicId)).result();
    expect(result).toMatchObject({
      status: "cancelled",
      audience: 400,
      reconciled: true,
      counts: { sent: requests.length, cancelled: 400 - requests.length },
    });
    expect(requests.length).toBeLessThan(400);
  });

  it("fails for an operator to see when it is started for something that is no campaign", async () => {
    await start();
    const nobody = await run(publicId("campaign", newUuid()));
    await expect(nobody.result()).rejects.toMatchObject({
      cause: { cause: { type: "InvalidInput" } },
    });
  });
});

describe("a campaign that is woken just as it ends", () => {
  it("looks at the ledger once more, and then ends", async () => {
    const campaignId = publicId("campaign", newUuid());
    const options = campaignOptions(campaignId);
    const asked: AdvanceCampaignInput[] = [];
    const finished: CampaignStep = {
      next: "finished",
      status: "completed",
      audience: 0,
      counts: {},
      reconciled: true,
    };
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      namespace: environment.client.options.namespace,
      taskQueue: options.taskQueue,
      workflowBundle: await workflowBundle(),
      sinks: noSinks,
      activities: {
        async advanceCampaign(input: AdvanceCampaignInput) {
          asked.push(input);
          // As a retry does whose commit came after the ledger was asked.
          if (asked.length === 1)
            await environment.client.workflow
              .getHandle(options.workflowId)
              .signal(wakeSignal, { requestId: "late" });
          return finished;
        },
      },
    });
    const result = await worker.runUntil(environment.client.workflow.execute("campaign", options));
    expect(result).toEqual(finished);
    expect(asked.map(({ requestId }) => requestId)).toEqual([undefined, "late"]);
    const history = await environment.client.workflow.getHandle(options.workflowId).fetchHistory();
    await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history);
  });
});
