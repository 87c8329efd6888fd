import type { TestWorkflowEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { queueName } from "../../domain/delivery/queues.ts";
import { ensureRelay } from "../../workers/singletons.ts";
import { relayWorkflowId } from "../../workflows/names.ts";
import { wakeCampaign, wakeQueue } from "../../workflows/client.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import type { Answer } from "../support/recording-channel.ts";
import { createDevServer, queueEmptied } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

// What an operator can do to workflows in Temporal's web interface, as docs/operations-in-temporal.md says it.

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
const handleOf = (workflowId: string) => environment.client.workflow.getHandle(workflowId);
const statusOf = async (workflowId: string) => (await handleOf(workflowId).describe()).status.name;
const campaignStatus = async (id: string) =>
  (
    await pool.query<{ status: string; finished: boolean }>(
      "SELECT status::text, finished_at IS NOT NULL AS finished FROM campaigns WHERE id = $1",
      [id],
    )
  ).rows[0];

/** Answers nothing until it is opened. */
function dam() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, answer: (() => opened.then(() => "sent" as const)) satisfies Answer };
}

/** A campaign whose lanes have messages in flight that are not answered before `open`. */
async function inFlight(recipients: number) {
  const { open, answer } = dam();
  const { requests, copies } = await start(answer);
  await seed.recipients(recipients);
  const campaign = await seed.campaign({ laneCount: 2 });
  await wakeCampaign(environment.client, campaign.publicId);
  const workflow = `campaign/${campaign.publicId}`;
  const lanes = [0, 1].map((lane) =>
    queueName({ kind: "lane", campaignId: campaign.publicId, lane }),
  );
  await expect.poll(() => requests.length).toBeGreaterThan(0);
  return { ...campaign, workflow, lanes, open, requests, copies };
}

describe("a campaign of which an operator ends workflows in Temporal", () => {
  it("goes on after its workflow and its lanes were terminated, without loss or duplicates", async () => {
    const { id, workflow, lanes, open, requests, copies } = await inFlight(200);
    await handleOf(workflow).terminate("an operator's slip");
    for (const lane of lanes) await handleOf(lane).terminate("an operator's slip");
    open();
    await ensureRelay(environment.client);
    await expect.poll(() => campaignStatus(id)).toEqual({ status: "completed", finished: true });
    expect(await database.statuses()).toEqual({ sent: 200 });
    expect(copies().size).toBe(200);
    expect(requests).toHaveLength(200);
    await handleOf(relayWorkflowId).terminate();
  });

  it("goes on after a request to cancel them, which Temporal's web interface offers too", async () => {
    const { id, workflow, lanes, open, requests } = await inFlight(200);
    await handleOf(workflow).cancel();
    for (const lane of lanes) await handleOf(lane).cancel();
    open();
    await expect.poll(() => statusOf(workflow)).toBe("CANCELLED");
    await ensureRelay(environment.client);
    await expect.poll(() => campaignStatus(id)).toEqual({ status: "completed", finished: true });
    expect(requests).toHaveLength(200);
    await handleOf(relayWorkflowId).terminate();
  });

  it("goes on after its workflow was reset to its beginning", async () => {
    const { id, publicId, workflow, open, requests } = await inFlight(200);
    const { runId } = await handleOf(workflow).describe();
    const { events } = await handleOf(workflow).fetchHistory();
    const first = events?.find(({ workflowTaskCompletedEventAttributes: done }) => done);
    const reset = await environment.client.workflowService.resetWorkflowExecution({
      namespace: environment.client.options.namespace,
      workflowExecution: { workflowId: workflow, runId },
      reason: "an operator's slip",
      workflowTaskFinishEventId: first!.eventId!,
      requestId: publicId,
    });
    expect(reset.runId).not.toBe(runId);
    open();
    await expect.poll(() => campaignStatus(id)).toEqual({ status: "completed", finished: true });
    expect(requests).toHaveLength(200);
  });
});

it("a pause of the activity of a queue stops nothing: what it sends is sent, and the next activity runs", async () => {
  const { open, answer } = dam();
  const { requests } = await start(answer);
  const queue = queueName({ kind: "mailbox", shard: 1 });
  const [first, second] = (await seed.recipients(2)) as [string, string];
  await seed.notification({ recipientIds: [first], queue });
  await wakeQueue(environment.client, queue);
  await expect.poll(() => requests.length).toBe(1);
  const { workflowService, options } = environment.client;
  await workflowService.pauseActivity({
    namespace: options.namespace,
    execution: { workflowId: queue },
    type: "dispatch",
    reason: "an operator's pause",
  });
  open();
  await queueEmptied(environment.client, queue);
  await seed.notification({ recipientIds: [second], queue });
  await wakeQueue(environment.client, queue);
  await expect.poll(() => database.statuses()).toEqual({ sent: 2 });
  expect(requests).toHaveLength(2);
});
