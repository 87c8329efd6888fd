import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { Worker } from "@temporalio/worker";
import type { Pool } from "pg";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { batchRows } from "../../ledger/retention.ts";
import { createLedgerClock } from "../../ledger/clock.ts";
import { createRemoveExpired } from "../../activities/remove-expired.ts";
import { createResealValues } from "../../activities/reseal-values.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { retentionTables } from "../../domain/retention.ts";
import { ensureMaintenance } from "../../workers/schedules.ts";
import { maintenanceId, priorityKeys, taskQueues } from "../../workflows/names.ts";
import { maintenanceOptions } from "../../workflows/options.ts";
import { daysAgo, createExpiringRows } from "../support/expiring.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { masterKey } from "../support/sealing.ts";
import { createDevServer } from "../support/temporal.ts";
import { startWorkers, workflowBundle } from "../support/workers.ts";

const retention = { deliveriesDays: 90, auditDays: 365, idempotencyDays: 3, inboxDays: 90 };
const nothing = Object.fromEntries(
  retentionTables.filter((table) => table !== "deliveries").map((table) => [table, 0]),
);

let environment: TestWorkflowEnvironment;
let database: LedgerDatabase;
let pool: Pool;
let make: ReturnType<typeof createExpiringRows>;
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  [environment, database] = await Promise.all([createDevServer(), createLedgerDatabase()]);
  ({ pool } = database);
  make = createExpiringRows(pool);
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

describe("the Schedule of maintenance", () => {
  const schedule = () => environment.client.schedule.getHandle(maintenanceId);

  it("is daily at 02:00 UTC, one run at a time, and stays paused when a worker starts", async () => {
    await Promise.all([
      ensureMaintenance(environment.client),
      ensureMaintenance(environment.client),
    ]);
    const { spec, policies, action, info } = await schedule().describe();
    expect(spec.calendars).toMatchObject([
      { hour: [{ start: 2, end: 2 }], minute: [{ start: 0, end: 0 }], second: [{ start: 0 }] },
    ]);
    expect(policies).toMatchObject({ overlap: "SKIP" });
    expect(action).toMatchObject({
      workflowType: "maintenance",
      workflowId: "maintenance",
      taskQueue: taskQueues.orchestration,
      priority: { priorityKey: priorityKeys.maintenance },
    });
    expect(info.nextActionTimes[0]!.toISOString()).toMatch(/T02:00:00/);

    await schedule().pause("not now");
    await ensureMaintenance(environment.client);
    expect((await schedule().describe()).state).toMatchObject({ paused: true, note: "not now" });
    await schedule().unpause();
  });

  it("starts runs that say in the UI what they removed", async () => {
    const workers = await startWorkers(environment, pool);
    stop = () => workers.stop();
    await ensureMaintenance(environment.client);
    await make.deliveries({
      campaign: (await make.campaign({ finishedAt: daysAgo(100) })).id,
      count: 7,
      at: daysAgo(100),
    });
    await schedule().trigger();
    const started = async () => {
      const { recentActions, runningActions } = (await schedule().describe()).info;
      const [run] = [...runningActions, ...recentActions.map(({ action }) => action)];
      return run?.workflow.workflowId;
    };
    await expect.poll(started).toMatch(/^maintenance/);
    const run = environment.client.workflow.getHandle((await started())!);
    expect(await run.result()).toEqual({ deliveries: 7, ...nothing });
    expect((await run.describe()).priority).toMatchObject({ priorityKey: 5 });
    expect(
      (await run.query<{ currentDetails: string }>("__temporal_workflow_metadata")).currentDetails,
    ).toBe("Done. Removed: 7 deliveries.");
  });
});

describe("a run of maintenance", () => {
  /** Rounds of one batch, the third of which fails the first time. */
  async function startWorker() {
    let statements = 0;
    const failing = {
      query: (text: string, values: unknown[]) => {
        if (++statements === 3) throw new Error("the connection is gone");
        return pool.query(text, values);
      },
    } as unknown as Pool;
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      namespace: environment.client.options.namespace,
      taskQueue: taskQueues.orchestration,
      workflowBundle: await workflowBundle(),
      activities: {
        resealValues: createResealValues({
          pool,
          sealer: createSealer({ pool, masterKeys: [masterKey("k1")] }),
          logger: pino({ level: "silent" }),
          roundMs: 0,
        }),
        removeExpired: createRemoveExpired({
          pool: failing,
          retention,
          clock: createLedgerClock(pool),
          roundMs: 0,
        }),
      },
    });
    const running = worker.run();
    stop = async () => {
      worker.shutdown();
      await running;
    };
  }

  it("goes on after a failure and as a new run, and a second one removes nothing", async () => {
    await startWorker();
    const count = 15 * batchRows;
    const { id } = await make.campaign({ finishedAt: daysAgo(100), audience: count });
    await make.deliveries({ campaign: id, count, at: daysAgo(100) });
    const kept = await make.deliveries({
      campaign: id,
      count: 3,
      at: daysAgo(100),
      finishedAt: daysAgo(1),
    });

    const options = { ...maintenanceOptions(), workflowId: "maintenance/a" };
    const first = await environment.client.workflow.start("maintenance", options);
    expect(await first.result()).toEqual({ deliveries: count, ...nothing });
    expect(
      (await environment.client.workflow.getHandle(options.workflowId).describe()).runId,
    ).not.toBe(first.firstExecutionRunId);
    const left = await pool.query<{ id: string }>("SELECT id FROM deliveries");
    expect(new Set(left.rows.map((row) => row.id))).toEqual(new Set(kept));
    expect((await pool.query("SELECT status, count FROM archived_deliveries")).rows).toEqual([
      { status: "sent", count },
    ]);

    const second = await environment.client.workflow.start("maintenance", {
      ...options,
      workflowId: "maintenance/b",
    });
    expect(await second.result()).toEqual({ deliveries: 0, ...nothing });
  });
});
