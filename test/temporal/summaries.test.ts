import { temporal } from "@temporalio/proto";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { digestLaneNames, queueName, waitingDigests } from "../../domain/delivery/queues.ts";
import { ensureEvents, ensureRelay } from "../../workers/singletons.ts";
import { wakeCampaign, wakeQueue } from "../../workflows/client.ts";
import * as workflows from "../../workflows/index.ts";
import { eventsWorkflowId, relayWorkflowId } from "../../workflows/names.ts";
import { digestOptions, maintenanceOptions } from "../../workflows/options.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { createDevServer, queueEmptied } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

let environment: TestWorkflowEnvironment;
let database: LedgerDatabase;
let workers: Awaited<ReturnType<typeof startWorkers>>;

const {
  EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: activity,
  EVENT_TYPE_TIMER_STARTED: timer,
  EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: start,
} = temporal.api.enums.v1.EventType;

beforeAll(async () => {
  [environment, database] = await Promise.all([createDevServer(), createLedgerDatabase()]);
  workers = await startWorkers(environment, database.pool);
});
afterAll(async () => {
  await workers.stop();
  await environment.teardown();
  await database.drop();
});

async function historyOf(workflowId: string, runId?: string): Promise<HistoryEvent[]> {
  const { events: found } = await environment.client.workflow
    .getHandle(workflowId, runId)
    .fetchHistory();
  return found ?? [];
}

/** Whether the event begins a run that continues another one, to which Temporal does not pass on the summary. */
const isContinuation = ({ workflowExecutionStartedEventAttributes: begun }: HistoryEvent) =>
  Boolean(begun?.continuedExecutionRunId);

/** What the UI shows beside each start, activity and timer: undefined where that is nothing. */
const summariesOf = (history: readonly HistoryEvent[]) =>
  history
    .filter(
      (event) => [activity, timer, start].includes(event.eventType!) && !isContinuation(event),
    )
    .map(({ eventType, userMetadata }) => ({
      eventType: eventType!,
      summary: textOf(userMetadata?.summary),
      details: textOf(userMetadata?.details),
    }));

const textOf = (payload?: temporal.api.common.v1.IPayload | null): string | undefined =>
  payload?.data ? JSON.parse(Buffer.from(payload.data).toString()) : undefined;

/** Has every workflow run through all that it waits for. */
async function runEverything(): Promise<void> {
  const { client } = environment;
  const { pool, seed } = database;
  const untilItWaits = (workflowId: string) =>
    expect.poll(async () => (await historyOf(workflowId)).at(-1)?.eventType).toBe(timer);

  const recipients = await seed.recipients(8);
  const campaign = await seed.campaign({ laneCount: 2, startAt: new Date(Date.now() + 3_600_000) });
  await wakeCampaign(client, campaign.publicId);
  await untilItWaits(`campaign/${campaign.publicId}`);
  await pool.query("UPDATE campaigns SET start_at = now() WHERE id = $1", [campaign.id]);
  await wakeCampaign(client, campaign.publicId);
  await client.workflow.getHandle(`campaign/${campaign.publicId}`).result();

  const mailbox = queueName({ kind: "mailbox", shard: 0 });
  await seed.notification({
    recipientIds: recipients,
    queue: mailbox,
    dueAt: new Date(Date.now() + 3_600_000),
  });
  await wakeQueue(client, mailbox);
  await untilItWaits(mailbox);
  await pool.query("UPDATE deliveries SET due_at = now() WHERE due_at IS NOT NULL");
  await wakeQueue(client, mailbox);
  await queueEmptied(client, mailbox);
  const critical = queueName({ kind: "critical", shard: 0 });
  await seed.notification({ recipientIds: recipients, queue: critical, priority: "critical" });
  await wakeQueue(client, critical);
  await queueEmptied(client, critical);

  await seed.notification({ recipientIds: recipients, queue: waitingDigests });
  await (await client.workflow.start("digest", digestOptions())).result();
  for (const lane of digestLaneNames)
    await client.workflow
      .getHandle(lane)
      .result()
      .catch(() => {});
  await (await client.workflow.start("maintenance", maintenanceOptions())).result();
  await ensureRelay(client);
  await ensureEvents(client);
  for (const id of [relayWorkflowId, eventsWorkflowId])
    await expect.poll(async () => summariesOf(await historyOf(id)).length).toBeGreaterThan(1);
}

/** Every event of every run, with the type of its workflow. */
async function readEvents(): Promise<{ workflow: string; event: HistoryEvent }[]> {
  const { workflow } = environment.client;
  // What has just begun is listed a moment later.
  await expect
    .poll(async () => {
      const seen = new Set<string>();
      for await (const { type } of workflow.list()) seen.add(type);
      return seen;
    })
    .toEqual(new Set(Object.keys(workflows)));
  const events = [];
  for await (const { workflowId, runId, type } of workflow.list())
    for (const event of await historyOf(workflowId, runId)) events.push({ workflow: type, event });
  return events;
}

it("every workflow, activity and timer says in the Temporal UI what it is or waits for, in a short line without personal data", async () => {
  await runEverything();
  const events = await readEvents();
  const shown = events.flatMap(({ workflow, event }) =>
    summariesOf([event]).map((texts) => ({ workflow, id: event.eventId, ...texts })),
  );
  expect(shown.filter(({ summary }) => !summary)).toEqual([]);
  expect(new Set(shown.map(({ workflow, eventType }) => `${workflow} ${eventType}`))).toEqual(
    new Set([
      ...Object.keys(workflows).flatMap((name) => [`${name} ${start}`, `${name} ${activity}`]),
      `campaign ${timer}`,
      `deliveryQueue ${timer}`,
    ]),
  );
  for (const { summary, details } of shown) {
    expect(summary!.length).toBeLessThanOrEqual(120);
    expect(summary).not.toContain("\n");
    expect(`${summary} ${details}`).not.toContain("@");
  }
});
