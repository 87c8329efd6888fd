import fc from "fast-check";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import { findAnalyticsDifferences } from "../../ledger/analytics-differences.ts";
import { findCountDifferences } from "../../ledger/delivery-counts.ts";
import {
  type EngagementKind,
  eraseEngagements,
  recordEngagements,
} from "../../ledger/engagement.ts";
import { foldAnalytics } from "../../ledger/folding-analytics.ts";
import { foldCounts } from "../../ledger/folding-counts.ts";
import { freezeAudience } from "../../ledger/freeze-audience.ts";
import { createLedger, type SettledDelivery } from "../../ledger/ledger.ts";
import { applyOperatorChange } from "../../ledger/operator-changes.ts";
import { recordReceipt } from "../../ledger/receipts.ts";
import { snoozeDeliveries } from "../../ledger/recipient-actions.ts";
import { createExpired } from "../../ledger/retention.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { eraseDeliveries } from "../../ledger/transitions.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { wantedMessages } from "../support/wanted.ts";

const database = useLedgerDatabase();
const queue = "mailbox/0";
const shards = { mailboxShards: 1 };
const days = (count: number) => new Date(Date.now() + count * 86_400_000);

/** The numbers of deliveries and those of reports, by day and by quarter hour. */
const differences = async () => [
  ...(await findCountDifferences(executeOn(database.pool))),
  ...(await findAnalyticsDifferences(executeOn(database.pool))),
  ...(await findAnalyticsDifferences(executeOn(database.pool), {
    from: days(-30),
    until: days(30),
    width: 15,
  })),
];

/** The numbers by status, of cells and changes. */
async function counted(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ status: string; count: number }>(
    `SELECT status, sum(count)::int AS count FROM (
       SELECT status, count FROM delivery_counts UNION ALL SELECT status, count FROM delivery_count_changes
       UNION ALL SELECT 'pending', -count FROM delivery_count_changes WHERE status <> 'pending'
     ) AS c GROUP BY status HAVING sum(count) <> 0 ORDER BY status`,
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

const cells = async () =>
  (
    await database.pool.query<{ width: number; status: string; count: number; removed: number }>(
      "SELECT width, status, count, removed FROM delivery_counts ORDER BY width, status",
    )
  ).rows;

/** Claims what is due, and settles it with these statuses in turn. */
async function send(statuses: readonly SettledDelivery["settlement"][], limit = 20): Promise<void> {
  const { pool } = database;
  const ledger = createLedger(pool);
  const rows = await ledger.due({ queue, channels: ["email", "push"], limit, except: [] });
  const token = newUuid();
  const { claimed } = await ledger.settleAndClaim({
    settled: [],
    wanted: wantedMessages(rows),
    token,
    leaseMs: 10_000,
    localAheadMs: 0,
  });
  await ledger.settle(
    rows
      .filter(({ id }) => claimed.has(id))
      .map(({ id, channel, attemptCount }, place) => ({
        id,
        token,
        channel,
        attemptCount: attemptCount + 1,
        attempts: [
          {
            provider: "smtp-1",
            outcome: "sent",
            failure: null,
            response: "250 ok",
            startedAt: new Date(),
            finishedAt: new Date(),
          },
        ],
        settlement: statuses[place % statuses.length]!,
      })),
  );
}

const sentSettlement = { status: "sent", reason: null } as const;
const failedSettlement = { status: "failed", reason: "provider_rejected" } as const;

async function ids(condition: string, limit = 10): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    `SELECT id FROM deliveries WHERE ${condition} ORDER BY random() LIMIT ${limit}`,
  );
  return rows.map(({ id }) => id);
}

const change = async (action: "cancel" | "retry", condition: string) =>
  inTransaction(database.pool, async (client) =>
    applyOperatorChange(
      executeOn(client),
      action === "cancel" ? { action } : { action, includeUnknown: true, templateVersion: null },
      await ids(condition),
      shards,
    ),
  );

async function freeze(): Promise<void> {
  const campaign = await database.seed.campaign();
  await freezeAudience(database.pool, campaign.id, campaign.publicId);
}

describe("the numbers of deliveries", () => {
  it("are those of the ledger before and after they are folded", async () => {
    const { pool, seed } = database;
    const recipientIds = await seed.recipients(6);
    await seed.notification({ recipientIds, queue });
    await send(
      [sentSettlement, failedSettlement, { status: "pending", reason: "retry", dueAt: days(1) }],
      6,
    );
    expect(await counted()).toEqual({ failed: 2, pending: 2, sent: 2 });
    expect(await foldCounts(pool)).toBeGreaterThan(0);
    expect(await counted()).toEqual({ failed: 2, pending: 2, sent: 2 });
    expect((await pool.query("SELECT FROM delivery_count_changes")).rowCount).toBe(0);
    await change("retry", "status = 'failed'");
    expect(await counted()).toEqual({ pending: 4, sent: 2 });
    await foldCounts(pool);
    expect(await counted()).toEqual({ pending: 4, sent: 2 });
    // A cell that counts nothing is deleted.
    expect((await cells()).map(({ status }) => status)).not.toContain("failed");
  });

  it("are merged into quarter hours after two days and into hours after two weeks", async () => {
    const { pool, seed } = database;
    const [first, second] = await seed.recipients(2);
    for (const [recipient, minute] of [
      [first!, 1],
      [second!, 2],
    ] as const) {
      await seed.notification({ recipientIds: [recipient], queue });
      await pool.query(
        `UPDATE deliveries SET status = 'sent', due_at = NULL, created_at = date_trunc('hour', now()) + $2 * interval '1 minute',
           finished_at = date_trunc('hour', now()) + $2 * interval '1 minute' WHERE recipient_id = $1`,
        [recipient, minute],
      );
    }
    const one = { status: "sent", removed: 0 };
    await foldCounts(pool);
    expect(await cells()).toEqual([
      { ...one, width: 1, count: 1 },
      { ...one, width: 1, count: 1 },
    ]);
    await atLedgerTime(pool, days(3), () => foldCounts(pool));
    expect(await cells()).toEqual([{ ...one, width: 15, count: 2 }]);
    await atLedgerTime(pool, days(15), () => foldCounts(pool));
    expect(await cells()).toEqual([{ ...one, width: 60, count: 2 }]);
    expect(await atLedgerTime(pool, days(15), () => foldCounts(pool))).toBe(0);
  });

  it("keep what retention has removed, and say how much it is", async () => {
    const { pool, seed } = database;
    await seed.notification({ recipientIds: await seed.recipients(3), queue });
    await send([sentSettlement]);
    const expired = createExpired({
      pool,
      retention: { deliveriesDays: 1, auditDays: 1, idempotencyDays: 1, inboxDays: 1 },
    });
    await expired.remove({ table: "deliveries", now: days(2), after: null });
    await foldCounts(pool);
    expect(await cells()).toEqual([{ width: 1, status: "sent", count: 3, removed: 3 }]);
    expect(await differences()).toEqual([]);
  });

  it("are a difference where a row was changed past the ledger", async () => {
    const { pool, seed } = database;
    await seed.notification({ recipientIds: await seed.recipients(2), queue });
    const [id] = await ids("true", 1);
    await pool.query("DELETE FROM open_deliveries WHERE id = $1", [id]);
    expect(await findCountDifferences(executeOn(pool))).toMatchObject([
      { status: "pending", difference: 1 },
    ]);
    await pool.query("TRUNCATE open_deliveries, delivery_counts, delivery_count_changes CASCADE");
  });

  it("equal the ledger at any instant, with concurrent changes and killed connections", async () => {
    const { pool, seed } = database;
    const work: Record<string, () => Promise<unknown>> = {
      accept: async () => seed.notification({ recipientIds: await ids0(), queue }),
      freeze,
      send: () =>
        send([
          sentSettlement,
          failedSettlement,
          { status: "pending", reason: "retry", dueAt: new Date() },
        ]),
      suppress: () => send([{ status: "suppressed", reason: "no_address" }], 3),
      cancel: () => change("cancel", "status = 'pending'"),
      retry: () => change("retry", "status IN ('failed', 'unknown')"),
      snooze: async () => {
        const [id] = await ids("status IN ('sent', 'pending') AND notification_id IS NOT NULL", 1);
        if (id !== undefined)
          await inTransaction(pool, (client) =>
            snoozeDeliveries(
              executeOn(client),
              newUuid(),
              { delivery: id },
              { until: days(1).toISOString(), ...shards },
            ),
          );
      },
      receipt: async () => {
        await pool.query("UPDATE deliveries SET channel = 'push' WHERE id = ANY($1)", [
          await ids("status = 'sent'", 2),
        ]);
        const [id] = await ids("status = 'sent' AND channel = 'push'", 1);
        if (id !== undefined)
          await inTransaction(pool, (client) =>
            recordReceipt(executeOn(client), { delivery: id }, "seen"),
          );
      },
      erase: async () => {
        const [recipient] = await ids0(1);
        await inTransaction(pool, async (client) => {
          await eraseDeliveries(executeOn(client), recipient!);
          await eraseEngagements(executeOn(client), recipient!);
        });
      },
      /** Also of deliveries that are open, because they are tried again. */
      engage: async () => {
        const kinds = ["opened", "clicked", "bounced", "acted", "opened_by_machine"] as const;
        await inTransaction(pool, async (client) =>
          recordEngagements(
            executeOn(client),
            (await ids("true", 4)).map((id, place) => ({
              id,
              kind: kinds[(place + engaged++) % kinds.length]! satisfies EngagementKind,
              at: null,
              count: 1,
            })),
          ),
        );
      },
      foldEngagements: () => foldAnalytics(pool, 2),
      remove: () =>
        createExpired({
          pool,
          retention: { deliveriesDays: 1, auditDays: 1, idempotencyDays: 1, inboxDays: 1 },
        }).remove({
          table: "deliveries",
          now: days(2),
          after: null,
        }),
      fold: () => foldCounts(pool, 3),
      foldLater: () => atLedgerTime(pool, days(3), () => foldCounts(pool, 2)),
      compare: async () => expect(await differences()).toEqual([]),
    };
    let engaged = 0;
    /** The recipients are the same for all runs. */
    let people: string[] = [];
    const ids0 = async (limit = 5) => {
      if (people.length === 0) people = await seed.recipients(12);
      return people.slice(0, limit);
    };
    await ids0();
    const kill = async () => {
      const client = new pg.Client({ connectionString: database.url });
      // Another one may kill it.
      client.on("error", () => {});
      await client.connect();
      try {
        await client.query(
          "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' LIMIT 1",
        );
      } finally {
        await client.end();
      }
    };
    /** Work may fail because its connection was killed, because of a deadlock, or because rows are locked for long; nothing of it counts then. */
    const isExpected = (error: unknown) =>
      !(error instanceof Error && error.name === "AssertionError");
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.array(fc.constantFrom(...Object.keys(work), "kill"), { minLength: 1, maxLength: 6 }),
          {
            minLength: 3,
            maxLength: 10,
          },
        ),
        async (rounds) => {
          for (const round of rounds) {
            const results = await Promise.allSettled(
              round.map((name) => (name === "kill" ? kill() : work[name]!())),
            );
            for (const result of results)
              if (result.status === "rejected" && !isExpected(result.reason)) throw result.reason;
            expect(await differences()).toEqual([]);
          }
          await foldCounts(pool);
          await foldAnalytics(pool);
          expect(await differences()).toEqual([]);
        },
      ),
      { numRuns: 15 },
    );
    expect(Object.keys(await counted()).length).toBeGreaterThan(2);
  }, 300_000);
});
