import { describe, expect, it } from "vitest";
import { laneNames, shardNames } from "../../domain/delivery/queues.ts";
import { newUuid } from "../../domain/ids.ts";
import { cancelCampaignDeliveries, reprioritiseCampaign } from "../../ledger/campaign-rows.ts";
import { applyOperatorChange } from "../../ledger/operator-changes.ts";
import { completeDeliveries, snoozeDeliveries } from "../../ledger/recipient-actions.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { eraseDeliveries } from "../../ledger/transitions.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase();

const mailboxShards = 1;
const mailbox = "mailbox/0";

interface Row {
  status: string;
  reason: string | null;
  detail: string | null;
  priority: string;
  groupId: string | null;
  holdCount: number;
  leaseToken: string | null;
  dueAt: Date | null;
  /** By the clock of PostgreSQL. */
  finishedNow: boolean | null;
}

async function rowOf(id: string): Promise<Row> {
  const { rows } = await database.pool.query<Row>(
    `SELECT status, reason, detail, priority, group_id AS "groupId", hold_count AS "holdCount", lease_token AS "leaseToken", due_at AS "dueAt",
       finished_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS "finishedNow" FROM deliveries WHERE id = $1`,
    [id],
  );
  return rows[0]!;
}

const change = (id: string, sql: string) =>
  database.pool.query(`UPDATE deliveries SET ${sql} WHERE id = $1`, [id]);

/** An open campaign with one delivery outside its lanes, in a mailbox; a batch holds it. */
async function waiting(): Promise<{
  id: string;
  recipientId: string;
  campaignId: string;
  groupId: string;
}> {
  const { pool, seed } = database;
  const [recipientId] = await seed.recipients(1);
  const campaign = await seed.campaign();
  await pool.query(
    "UPDATE campaigns SET status = 'running', frozen_at = now(), audience_count = 1 WHERE id = $1",
    [campaign.id],
  );
  const [id, groupId] = [newUuid(), newUuid()];
  await pool.query(
    `INSERT INTO groups (id, kind, recipient_id, channel, priority, status, member_count, closes_at)
     VALUES ($1, 'batch', $2, 'email', 'normal', 'open', 1, now() + interval '1 hour')`,
    [groupId, recipientId],
  );
  await pool.query(
    `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at, reason, group_id)
     VALUES ($1, $2, $3, 'email', 'normal', $4, now() + interval '1 hour', 'batch', $5)`,
    [id, campaign.id, recipientId, mailbox, groupId],
  );
  return { id, recipientId: recipientId!, campaignId: campaign.id, groupId };
}

type Waiting = Awaited<ReturnType<typeof waiting>>;

/** Adds one attempt that was never answered. */
async function leaveUnanswered(id: string): Promise<void> {
  await change(id, "attempt_count = 1, reason = 'retry'");
  await database.pool.query(
    `INSERT INTO attempts (delivery_id, number, outcome, failure, started_at, finished_at) VALUES ($1, 1, 'unknown', 'timeout', now(), now())`,
    [id],
  );
}

const within = <Result>(work: (execute: ReturnType<typeof executeOn>) => Promise<Result>) =>
  inTransaction(database.pool, (client) => work(executeOn(client)));

const cancels: [string, (row: Waiting) => Promise<unknown>, string][] = [
  [
    "a cancellation of its campaign",
    async ({ campaignId }) =>
      cancelCampaignDeliveries(database.pool, {
        id: campaignId,
        lanes: laneNames("cmp_0", 1),
        mailboxes: shardNames("mailbox", mailboxShards),
      }),
    "campaign_cancelled",
  ],
  [
    "an operator who cancels it",
    ({ id }) =>
      within((execute) =>
        applyOperatorChange(execute, { action: "cancel" }, [id], { mailboxShards }),
      ),
    "delivery_cancelled",
  ],
  [
    "a recipient who is done with it",
    ({ id }) => within((execute) => completeDeliveries(execute, { delivery: id })),
    "completed",
  ],
  [
    "the erasure of its recipient",
    ({ recipientId }) => within((execute) => eraseDeliveries(execute, recipientId)),
    "recipient_erased",
  ],
];

describe.each(cancels)("%s", (_, cancel, cause) => {
  it("ends a delivery that waits as cancelled, by the clock of the database, and leaves its group", async () => {
    const row = await waiting();
    await cancel(row);
    expect(await rowOf(row.id)).toMatchObject({
      status: "cancelled",
      reason: cause,
      detail: null,
      groupId: null,
      dueAt: null,
      finishedNow: true,
    });
    const { rows } = await database.pool.query("SELECT status, member_count FROM groups");
    expect(rows).toEqual([{ status: "closed", member_count: 0 }]);
  });

  it("ends a delivery whose hand-over was never answered as unknown, in its group", async () => {
    const row = await waiting();
    await leaveUnanswered(row.id);
    await cancel(row);
    expect(await rowOf(row.id)).toMatchObject({
      status: "unknown",
      reason: "outcome_unknown",
      groupId: row.groupId,
      finishedNow: true,
    });
  });

  it("ends a delivery whose attempts were all answered as cancelled", async () => {
    const row = await waiting();
    await leaveUnanswered(row.id);
    await database.pool.query("UPDATE attempts SET outcome = 'transient'");
    await cancel(row);
    expect((await rowOf(row.id)).status).toBe("cancelled");
  });

  it("ends a delivery whose hand-over was cut off as unknown, with that attempt", async () => {
    const row = await waiting();
    await change(
      row.id,
      "status = 'sending', attempt_count = 1, lease_token = gen_random_uuid(), lease_until = now() - interval '1 second'",
    );
    await cancel(row);
    expect(await rowOf(row.id)).toMatchObject({
      status: "unknown",
      reason: "outcome_unknown",
      leaseToken: null,
    });
    const { rows } = await database.pool.query(
      "SELECT number, outcome, failure FROM attempts WHERE delivery_id = $1",
      [row.id],
    );
    expect(rows).toEqual([{ number: 1, outcome: "unknown", failure: "interrupted" }]);
  });

  it("leaves a delivery that is being handed over", async () => {
    const row = await waiting();
    await change(
      row.id,
      "status = 'sending', attempt_count = 1, lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'",
    );
    await cancel(row);
    expect(await rowOf(row.id)).toMatchObject({ status: "sending", finishedNow: null });
  });
});

/** A worker that has locked a row to claim it, and locks its group next. */
async function claiming<Result>(row: Waiting, meanwhile: () => Promise<Result>): Promise<Result> {
  let change: Promise<Result> | undefined;
  await inTransaction(database.pool, async (client) => {
    await client.query("SET LOCAL deadlock_timeout = '100ms'");
    await client.query("SELECT FROM open_deliveries WHERE id = $1 FOR NO KEY UPDATE", [row.id]);
    change = meanwhile();
    change.catch(() => {});
    await untilItLooked();
    await client.query("SELECT FROM groups WHERE id = $1 FOR UPDATE", [row.groupId]);
  });
  return change!;
}

/** Another transaction has begun to look at deliveries, and goes on. */
async function untilItLooked(): Promise<void> {
  await expect
    .poll(
      async () => {
        const { rows } = await database.pool.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM pg_stat_activity
         WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%ROLLBACK TO SAVEPOINT%'`,
        );
        return rows[0]!.count;
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThan(0);
}

const repeated: [string, (row: Waiting) => Promise<unknown>, Partial<Row>][] = [
  [
    "the erasure of its recipient",
    ({ recipientId }) => within((execute) => eraseDeliveries(execute, recipientId)),
    { status: "cancelled", reason: "recipient_erased" },
  ],
  [
    "a recipient who is done with it",
    ({ id }) => within((execute) => completeDeliveries(execute, { delivery: id })),
    { status: "cancelled", reason: "completed" },
  ],
  [
    "a recipient who puts it off",
    ({ id }) =>
      within((execute) =>
        snoozeDeliveries(
          execute,
          newUuid(),
          { delivery: id },
          { until: new Date(Date.now() + 3_600_000).toISOString(), mailboxShards },
        ),
      ),
    { status: "pending", reason: "snoozed", groupId: null },
  ],
];

describe("a transition that must leave no delivery out", () => {
  it.each(repeated)(
    "waits for no row while it holds a group, and finds the row in the end: %s",
    async (_, act, ends) => {
      const row = await waiting();
      await claiming(row, () => act(row));
      expect(await rowOf(row.id)).toMatchObject(ends);
    },
  );

  it("skips a locked row in an operator's request, and reports it", async () => {
    const row = await waiting();
    await inTransaction(database.pool, async (client) => {
      await client.query("SELECT FROM open_deliveries WHERE id = $1 FOR NO KEY UPDATE", [row.id]);
      const outcome = await within((execute) =>
        applyOperatorChange(execute, { action: "cancel" }, [row.id], { mailboxShards }),
      );
      expect(outcome).toMatchObject({ changed: [], skipped: { sending: 1 } });
    });
    expect((await rowOf(row.id)).status).toBe("pending");
  });
});

const queuesOf = (campaignId: string) => ({
  id: campaignId,
  lanes: laneNames("cmp_0", 1),
  mailboxes: shardNames("mailbox", mailboxShards),
});

/** The same delivery, as one of a notification: an operator gives those of campaigns no priority of their own. */
async function ofNotification(row: Waiting): Promise<void> {
  const [copy] = await database.seed.notification({
    recipientIds: await database.seed.recipients(1),
    queue: mailbox,
  });
  await database.pool.query(
    "UPDATE deliveries d SET campaign_id = NULL, notification_id = o.notification_id FROM (SELECT notification_id FROM deliveries WHERE id = $2) o WHERE d.id = $1",
    [row.id, copy],
  );
}

type Act = (row: Waiting) => Promise<unknown>;

const reprioritisations: [string, Act, Act][] = [
  [
    "an operator's",
    ofNotification,
    ({ id }) =>
      within((execute) =>
        applyOperatorChange(execute, { action: "reprioritise", priority: "high" }, [id], {
          mailboxShards,
        }),
      ),
  ],
  [
    "that of its campaign",
    ({ campaignId }) =>
      database.pool.query("UPDATE campaigns SET priority = 'high' WHERE id = $1", [campaignId]),
    ({ campaignId }) => reprioritiseCampaign(database.pool, queuesOf(campaignId)),
  ],
];

describe.each(reprioritisations)("another priority, %s", (_, prepare, reprioritise) => {
  it("has what policy defers decided again, outside its group, and not as slow", async () => {
    const row = await waiting();
    await prepare(row);
    await reprioritise(row);
    const changed = await rowOf(row.id);
    expect(changed).toMatchObject({
      priority: "high",
      reason: "decide_again",
      detail: null,
      groupId: null,
      holdCount: 1,
    });
    expect(changed.dueAt!.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
  });

  it("keeps the reason of what waits for something else", async () => {
    const row = await waiting();
    await change(row.id, "reason = 'retry', group_id = NULL");
    await prepare(row);
    await reprioritise(row);
    expect(await rowOf(row.id)).toMatchObject({
      priority: "high",
      reason: "retry",
      holdCount: 0,
    });
  });

  it("passes over a row that somebody is writing, and waits for nobody", async () => {
    const row = await waiting();
    await prepare(row);
    await inTransaction(database.pool, async (client) => {
      await client.query("SELECT FROM open_deliveries WHERE id = $1 FOR NO KEY UPDATE", [row.id]);
      await reprioritise(row);
    });
    expect((await rowOf(row.id)).priority).toBe("normal");
  });
});

describe("another priority of what is being handed over", () => {
  const sending =
    "status = 'sending', reason = NULL, attempt_count = 1, lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute', due_at = now()";

  it("is its campaign's, for it may come back to be tried again; nothing else of it changes", async () => {
    const row = await waiting();
    await change(row.id, sending);
    const before = await rowOf(row.id);
    await database.pool.query("UPDATE campaigns SET priority = 'high' WHERE id = $1", [
      row.campaignId,
    ]);
    await reprioritiseCampaign(database.pool, queuesOf(row.campaignId));
    expect(await rowOf(row.id)).toEqual({ ...before, priority: "high" });
  });

  it("is refused to an operator while the delivery is being handed over", async () => {
    const row = await waiting();
    await ofNotification(row);
    await change(row.id, sending);
    const outcome = await within((execute) =>
      applyOperatorChange(execute, { action: "reprioritise", priority: "high" }, [row.id], {
        mailboxShards,
      }),
    );
    expect(outcome).toMatchObject({ changed: [], skipped: { sending: 1 } });
    expect((await rowOf(row.id)).priority).toBe("normal");
  });
});

describe("a delivery that policy suppresses", () => {
  const suppress = (row: Waiting, readDueAt: Date) =>
    createLedger(database.pool).decided([
      {
        id: row.id,
        readDueAt,
        decidedAt: new Date(),
        reason: "expired",
        dueAt: null,
        holdCount: 0,
        groupId: row.groupId,
        policyVersion: 0,
        typeVersion: null,
        preferencesVersion: 0,
      },
    ]);

  it("ends as suppressed, for the reason that it was suppressed for", async () => {
    const row = await waiting();
    await suppress(row, (await rowOf(row.id)).dueAt!);
    expect(await rowOf(row.id)).toMatchObject({ status: "suppressed", reason: "expired" });
  });

  it("ends as unknown where its hand-over was never answered: it may have arrived", async () => {
    const row = await waiting();
    await leaveUnanswered(row.id);
    await suppress(row, (await rowOf(row.id)).dueAt!);
    expect(await rowOf(row.id)).toMatchObject({
      status: "unknown",
      reason: "outcome_unknown",
      finishedNow: true,
    });
  });
});
