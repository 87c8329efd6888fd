import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { pino } from "pino";
import { expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { queueName, waitingDigests } from "../../domain/delivery/queues.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { ensureEvents } from "../../workers/singletons.ts";
import { ensureRelay } from "../../workers/singletons.ts";
import {
  digestId,
  eventsWorkflowId,
  maintenanceId,
  relayWorkflowId,
} from "../../workflows/names.ts";
import { digestOptions, maintenanceOptions } from "../../workflows/options.ts";
import { wakeCampaign, wakeQueue } from "../../workflows/client.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { createSeeder } from "../support/seed.ts";
import { createDevServer, queueEmptied } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

/**
 * `npm run record-histories`: runs each workflow through what it knows, and keeps the histories that test/replay holds later
 * versions to. A history that is there is never recorded over: name a new set.
 */
const set = "0.1";

it("records the histories of every workflow", async () => {
  const [environment, database] = await Promise.all([createDevServer(), createTestDatabase()]);
  const pool = createPool({ url: database.url, connections: 8, logger: pino({ level: "silent" }) });
  const seed = createSeeder(pool);
  const { client } = environment;
  const folder = join(packageRoot, "test/replay/histories");
  await mkdir(folder, { recursive: true });
  const keep = async (name: string, workflowId: string, runId?: string) => {
    const path = join(folder, `${set}-${name}.json`);
    if (existsSync(path)) return;
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    await writeFile(path, `${historyToJSON(history).replaceAll(/\d+@[\w.-]+/g, "worker")}\n`, {
      flag: "wx",
    });
  };

  let gate = Promise.resolve();
  let refused = false;
  const workers = await startWorkers(environment, pool, async () => {
    await gate;
    if (refused) return "sent" as const;
    refused = true;
    return "transient" as const;
  });
  await seed.recipients(40);

  // Scheduled, rescheduled, run, paused, resumed, and continued as new on the way.
  let open = () => {};
  gate = new Promise<void>((resolve) => (open = resolve));
  const campaign = await seed.campaign({ laneCount: 2, startAt: new Date(Date.now() + 3_600_000) });
  const campaignRun = `campaign/${campaign.publicId}`;
  const change = async (sql: string) => {
    await pool.query(`UPDATE campaigns SET ${sql} WHERE id = $1`, [campaign.id]);
    await wakeCampaign(client, campaign.publicId);
  };
  const details = async () =>
    (
      await client.workflow
        .getHandle(campaignRun)
        .query<{ currentDetails: string }>("__temporal_workflow_metadata")
    ).currentDetails;
  await wakeCampaign(client, campaign.publicId);
  await expect.poll(details).toContain("Scheduled");
  await change("start_at = now()");
  await expect.poll(details).toContain("Running");
  await change("status = 'paused'");
  await expect.poll(details).toContain("Paused");
  const firstRun = (await client.workflow.getHandle(campaignRun).describe()).runId;
  await keep("campaign-paused", campaignRun, firstRun);
  await change("status = 'running'");
  open();
  // The one that was refused is not waited for: its backoff is a minute.
  await expect
    .poll(async () => (await pool.query("SELECT FROM deliveries WHERE status = 'sent'")).rowCount, {
      timeout: 20_000,
    })
    .toBe(39);
  await pool.query("UPDATE deliveries SET due_at = now() WHERE status = 'pending'");
  for (const lane of [0, 1])
    await wakeQueue(client, queueName({ kind: "lane", campaignId: campaign.publicId, lane }));
  await client.workflow.getHandle(campaignRun).result();
  await keep("campaign-completed", campaignRun);
  for (const lane of [0, 1])
    await keep(`lane-${lane}`, queueName({ kind: "lane", campaignId: campaign.publicId, lane }));

  // A mailbox that holds something, is woken, and ends.
  const mailbox = queueName({ kind: "mailbox", shard: 0 });
  const recipients = await seed.recipients(3);
  await seed.notification({
    recipientIds: recipients,
    queue: mailbox,
    dueAt: new Date(Date.now() + 4_000),
  });
  await wakeQueue(client, mailbox);
  await seed.notification({ recipientIds: recipients, queue: mailbox });
  await wakeQueue(client, mailbox);
  await queueEmptied(client, mailbox);
  await keep("mailbox", mailbox);
  // Woken while it waits for the next.
  await seed.notification({ recipientIds: recipients, queue: mailbox });
  await wakeQueue(client, mailbox);
  await queueEmptied(client, mailbox);
  await keep("mailbox-awake", mailbox);

  const critical = queueName({ kind: "critical", shard: 0 });
  await seed.notification({ recipientIds: recipients, queue: critical, priority: "critical" });
  await wakeQueue(client, critical);
  await queueEmptied(client, critical);
  await keep("critical", critical);
  await keep("critical-awake", critical);

  await ensureRelay(client);
  await expect
    .poll(
      async () =>
        (await client.workflow.getHandle(relayWorkflowId).describe()).raw.pendingActivities?.length,
    )
    .toBe(1);
  await keep("relay", relayWorkflowId);
  await client.workflow.getHandle(relayWorkflowId).terminate();

  await ensureEvents(client);
  await expect
    .poll(
      async () =>
        (await client.workflow.getHandle(eventsWorkflowId).describe()).raw.pendingActivities
          ?.length,
    )
    .toBe(1);
  await keep("events", eventsWorkflowId);
  await client.workflow.getHandle(eventsWorkflowId).terminate();

  await client.workflow.start("maintenance", maintenanceOptions());
  await client.workflow.getHandle(maintenanceId).result();
  await keep("maintenance", maintenanceId);
  await keep("maintenance-with-events", maintenanceId);
  await keep("maintenance-with-sealing", maintenanceId);

  await seed.notification({ recipientIds: recipients, queue: waitingDigests });
  const digest = await client.workflow.start("digest", digestOptions());
  await digest.result();
  await keep("digest", digestId);

  await workers.stop();
  await environment.teardown();
  await pool.end();
  await database.drop();
});
