import { once } from "node:events";
import { CancelledFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { campaignWorkflowId } from "../../workflows/names.ts";
import { createRelayOverdue } from "../../activities/relay-overdue.ts";
import type { Channel } from "../../domain/channel.ts";
import { waitingDigests } from "../../domain/delivery/queues.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

let database: LedgerDatabase;
beforeAll(async () => {
  database = await createLedgerDatabase();
});
beforeEach(() => database.empty());
afterAll(() => database.drop());

const mailbox = "mailbox/0";
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

/** The wakes of a relay, as the ids of the workflows that they would start. */
const recordWakes = (woken: string[]) => ({
  wakeQueue: async (queue: string) => void woken.push(queue),
  wakeCampaign: async (campaignId: string) => void woken.push(campaignWorkflowId(campaignId)),
});

/** What one sweep wakes. */
async function sweep(open: Channel[] = ["email"]): Promise<string[]> {
  const woken: string[] = [];
  const environment = new MockActivityEnvironment();
  environment.on("heartbeat", () => environment.cancel());
  await environment.run(
    createRelayOverdue({
      pool: database.pool,
      channels: { open: () => open },
      ...recordWakes(woken),
    }),
  );
  return woken;
}

/** One that was frozen a while ago, with a row a recipient of the database, in a single lane. */
async function campaign() {
  const { pool, seed } = database;
  const made = await seed.campaign({ startAt: minutesAgo(10), laneCount: 1 });
  await advanceCampaign(pool, made.publicId);
  const change = async (table: string, sql: string) =>
    void (await pool.query(`UPDATE ${table} SET ${sql}`, [made.id]));
  await change("campaigns", "updated_at = now() - interval '1 minute' WHERE id = $1");
  await change("deliveries", "due_at = now() - interval '5 minutes' WHERE campaign_id = $1");
  return {
    workflow: `campaign/${made.publicId}`,
    lane: `campaign/${made.publicId}/lane/0`,
    set: (sql: string) => change("campaigns", `${sql} WHERE id = $1`),
    rows: (sql: string) => change("deliveries", `${sql} WHERE campaign_id = $1`),
  };
}

const ended = "status = 'sent', due_at = NULL, finished_at = now()";

describe("the relay", () => {
  it("wakes no queue while the channel takes nothing, and what is overdue as soon as it does", async () => {
    const { pool, seed } = database;
    const recipientIds = await seed.recipients(1);
    // What waits for a digest is no queue of anybody's.
    for (const queue of ["mailbox/0", "digest/lane/1", waitingDigests])
      await seed.notification({ recipientIds, queue, dueAt: new Date(Date.now() - 60_000) });
    const woken: string[] = [];
    let open: Channel[] = [];
    const relay = createRelayOverdue({
      pool,
      channels: { open: () => open },
      ...recordWakes(woken),
    });
    const environment = new MockActivityEnvironment();
    const running = environment.run(relay);
    await once(environment, "heartbeat");
    expect(woken).toEqual([]);
    open = ["email"];
    await once(environment, "heartbeat");
    expect(woken).toEqual(["mailbox/0", "digest/lane/1"]);
    environment.cancel();
    await running.catch((error: unknown) => expect(error).toBeInstanceOf(CancelledFailure));
  });

  it("heartbeats while it rests after a sweep that took long", async () => {
    const now = performance.now.bind(performance);
    let sweeps = 0;
    // Each sweep takes a second, as it seems to the relay.
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now() + sweeps * 1_000);
    const open = () => {
      sweeps += 1;
      return ["email" as const];
    };
    const relay = createRelayOverdue({
      pool: database.pool,
      channels: { open },
      ...recordWakes([]),
    });
    const environment = new MockActivityEnvironment();
    const running = environment.run(relay);
    await once(environment, "heartbeat");
    await once(environment, "heartbeat");
    expect(sweeps).toBe(1);
    environment.cancel();
    await running.catch((error: unknown) => expect(error).toBeInstanceOf(CancelledFailure));
    clock.mockRestore();
  });

  it("wakes a queue for what is due on an open channel, and for nothing that waits for one that is shut", async () => {
    const { seed } = database;
    const recipientIds = await seed.recipients(1);
    const dueAt = minutesAgo(1);
    for (const queue of ["mailbox/0", "mailbox/1"])
      await seed.notification({ recipientIds, queue, channel: "email", dueAt });
    await seed.notification({ recipientIds, queue: "mailbox/1", channel: "sms", dueAt });
    expect(await sweep(["sms"])).toEqual(["mailbox/1"]);
    expect(await sweep(["email", "sms"])).toEqual(["mailbox/0", "mailbox/1"]);
  });

  it("wakes a queue for what is overdue in it, though one answer takes minutes", async () => {
    const { pool, seed } = database;
    const recipientIds = await seed.recipients(2);
    const [slow] = await seed.notification({ recipientIds, queue: mailbox, dueAt: minutesAgo(1) });
    const claim = (ago: string) =>
      pool.query(
        `UPDATE deliveries SET status = 'sending', lease_until = now() + interval '9 seconds', decided_at = now() - interval '${ago}' WHERE id = $1`,
        [slow],
      );
    await claim("1 second");
    expect(await sweep()).toEqual([]);
    await claim("1 minute");
    expect(await sweep()).toEqual([mailbox]);
  });

  it("wakes a mailbox for what is due in it, and for nothing of campaigns that do not run", async () => {
    const { seed } = database;
    const recipientIds = await seed.recipients(600);
    const { rows, set, lane } = await campaign();
    expect(await sweep()).toEqual([lane]);
    await rows(`queue = '${mailbox}'`);
    expect(await sweep()).toEqual([mailbox]);
    await set("status = 'paused'");
    expect(await sweep()).toEqual([]);
    // They are more than it looks at, and have been due for longer.
    await seed.notification({
      recipientIds: recipientIds.slice(0, 1),
      queue: mailbox,
      dueAt: minutesAgo(1),
    });
    expect(await sweep()).toEqual([mailbox]);
  });

  it("wakes a mailbox for what was snoozed, whatever became of its campaign", async () => {
    await database.seed.recipients(1);
    const { rows, set } = await campaign();
    await rows(`leg = 'snooze:1', queue = '${mailbox}'`);
    await set("status = 'completed', finished_at = now()");
    expect(await sweep()).toEqual([mailbox]);
  });

  it("wakes a campaign of which nothing is open any more that it owes", async () => {
    await database.seed.recipients(2);
    const { rows, workflow } = await campaign();
    const other = await campaign();
    for (const waiting of [rows, other.rows]) await waiting("due_at = now() + interval '1 hour'");
    expect(await sweep()).toEqual([]);
    await rows(`queue = '${mailbox}'`);
    expect(await sweep()).toEqual([]);
    await rows("leg = 'snooze:1'");
    expect(await sweep()).toEqual([workflow]);
    await rows(ended);
    expect(await sweep()).toEqual([workflow]);
  });

  it("wakes a campaign that was recalled while something of it was snoozed", async () => {
    await database.seed.recipients(1);
    const { rows, set, workflow } = await campaign();
    await rows(`leg = 'snooze:1', queue = '${mailbox}', due_at = now() + interval '1 hour'`);
    await set("status = 'completed', finished_at = now()");
    expect(await sweep()).toEqual([]);
    await set("recalled_at = now()");
    expect(await sweep()).toEqual([workflow]);
    await rows(ended);
    expect(await sweep()).toEqual([]);
  });
});
