import { Context } from "@temporalio/activity";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { Worker } from "@temporalio/worker";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSweepDigests } from "../../activities/sweep-digests.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { digestLaneNames, waitingDigests } from "../../domain/delivery/queues.ts";
import { ensureDigests } from "../../workers/schedules.ts";
import { digestId, priorityKeys, taskQueues } from "../../workflows/names.ts";
import { digestOptions } from "../../workflows/options.ts";
import { wakeQueue } from "../../workflows/client.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { createDevServer } from "../support/temporal.ts";
import { startWorkers, workflowBundle } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  [environment, database] = await Promise.all([createDevServer(), createLedgerDatabase()]);
  ({ pool, seed } = database);
});
beforeEach(() => database.empty());
afterEach(async () => {
  await stop();
  stop = async () => {};
});
afterAll(async () => {
  await environment.teardown();
  await database.drop();
});

const past = () => new Date(Date.now() - 60_000);
const handleOf = (workflowId: string) => environment.client.workflow.getHandle(workflowId);
const detailsOf = async (workflowId: string) =>
  (await handleOf(workflowId).query<{ currentDetails: string }>("__temporal_workflow_metadata"))
    .currentDetails;

describe("the Schedule of digests", () => {
  const schedule = () => environment.client.schedule.getHandle(digestId);

  /** The id of the run that a trigger starts: one a second, for ids have the time in them. */
  async function triggered(): Promise<string> {
    const runs = async () => {
      const { recentActions, runningActions } = (await schedule().describe()).info;
      return new Set(
        [...runningActions, ...recentActions.map(({ action }) => action)].map(
          ({ workflow }) => workflow.workflowId,
        ),
      );
    };
    const before = await runs();
    const taken = () => before.has(`digest-${new Date().toISOString().slice(0, 19)}Z`);
    await expect.poll(taken).toBe(false);
    await schedule().trigger();
    const started = async () => [...(await runs())].find((id) => !before.has(id));
    await expect.poll(started).toMatch(/^digest-/);
    return (await started())!;
  }

  it("is on every quarter of an hour, one run at a time, and stays paused when a worker starts", async () => {
    await Promise.all([ensureDigests(environment.client), ensureDigests(environment.client)]);
    const { policies, action, info } = await schedule().describe();
    expect(policies).toMatchObject({ overlap: "SKIP", catchupWindow: 900_000 });
    expect(action).toMatchObject({
      workflowType: "digest",
      workflowId: "digest",
      taskQueue: taskQueues.orchestration,
      priority: { priorityKey: priorityKeys.digest },
    });
    expect(info.nextActionTimes.length).toBeGreaterThan(2);
    for (const at of info.nextActionTimes) expect(at.getTime() % 900_000).toBe(0);

    await schedule().pause("not now");
    await ensureDigests(environment.client);
    expect((await schedule().describe()).state).toMatchObject({ paused: true, note: "not now" });
    await schedule().unpause();
  });

  it("has what waits for a recipient's digest sent as one message when its time has come", async () => {
    const workers = await startWorkers(environment, pool);
    stop = () => workers.stop();
    const { requests } = workers;
    await ensureDigests(environment.client);
    const [recipient] = await seed.recipients(1);
    await pool.query(
      "UPDATE recipients SET preferences = $2, preferences_version = 1 WHERE id = $1",
      [recipient, { digest: { mode: "weekly" } }],
    );
    for (let asked = 0; asked < 3; asked++)
      await seed.notification({ recipientIds: [recipient!], queue: "mailbox/0" });
    await pool.query(
      "UPDATE notifications SET type_id = (SELECT id FROM notification_types WHERE key = 'task.deadline')",
    );
    await wakeQueue(environment.client, "mailbox/0");
    const inWaiting = async () =>
      (await pool.query("SELECT FROM deliveries WHERE queue = $1", [waitingDigests])).rowCount;
    await expect.poll(inWaiting).toBe(3);

    // Its time has not come.
    await handleOf(await triggered()).result();
    expect(await inWaiting()).toBe(3);

    await pool.query("UPDATE groups SET closes_at = $1", [past()]);
    await pool.query("UPDATE deliveries SET due_at = $1", [past()]);
    const run = await triggered();
    expect(await handleOf(run).result()).toMatchObject({ deliveries: 3, recipients: 1 });
    expect(await detailsOf(run)).toMatch(
      /^Moved 3 deliveries for 1 recipient; woke digest\/lane\/\d\.$/,
    );
    await expect.poll(() => database.statuses()).toEqual({ sent: 3 });
    const { rows } = await pool.query<{ id: string; status: string; members: number }>(
      "SELECT id, status, member_count AS members FROM groups",
    );
    expect(rows).toMatchObject([{ status: "closed", members: 3 }]);
    expect(requests).toMatchObject([
      { messageId: publicId("group", rows[0]!.id), data: { count: 3 } },
    ]);

    const idle = await triggered();
    expect(await handleOf(idle).result()).toEqual({ deliveries: 0, recipients: 0, lanes: [] });
    expect(await detailsOf(idle)).toBe("Nothing was due.");
    expect(requests).toHaveLength(1);
  });
});

describe("a run of digests", () => {
  async function startWorker(own: Pick<Pool, "query">, woken: string[]) {
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      namespace: environment.client.options.namespace,
      taskQueue: taskQueues.orchestration,
      workflowBundle: await workflowBundle(),
      shutdownGraceTime: 0,
      activities: {
        sweepDigests: createSweepDigests({
          pool: own,
          wake: (queue) => Promise.resolve(void woken.push(queue)),
        }),
      },
    });
    return { worker, running: worker.run() };
  }

  it("is ended by another worker when its own stops in between", async () => {
    await seed.notification({
      recipientIds: await seed.recipients(2_500),
      queue: waitingDigests,
      dueAt: past(),
    });
    const woken: string[] = [];
    let worker: Worker;
    const stopping = {
      query: async (query: unknown) => {
        const result = await pool.query(query as string);
        worker.shutdown();
        await Context.current().cancelled.catch(() => {});
        return result;
      },
    } as unknown as Pool;
    const first = await startWorker(stopping, woken);
    ({ worker } = first);
    const run = await environment.client.workflow.start("digest", {
      ...digestOptions(),
      workflowId: `digest/${newUuid()}`,
    });
    await first.running;
    expect(woken).toEqual([]);
    const second = await startWorker(pool, woken);
    stop = async () => {
      second.worker.shutdown();
      await second.running;
    };
    expect(await run.result()).toMatchObject({ lanes: [...digestLaneNames] });
    expect(woken).toEqual([...digestLaneNames]);
    const { rowCount } = await pool.query("SELECT FROM deliveries WHERE queue = $1", [
      waitingDigests,
    ]);
    expect(rowCount).toBe(0);
  });
});
