import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLedger } from "../../ledger/ledger.ts";
import { releaseDeferredDeliveries } from "../../ledger/transitions.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { newUuid } from "../../domain/ids.ts";
import { queueName, shardOf, waitingDigests } from "../../domain/delivery/queues.ts";
import { heldReasons, type Reason } from "../../domain/delivery/reasons.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

const mailboxShards = 4;

let database: LedgerDatabase;
let ada: string;
let bob: string;
beforeAll(async () => {
  database = await createLedgerDatabase();
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE groups CASCADE");
  await database.empty();
  [ada, bob] = (await database.seed.recipients(2)) as [string, string];
});
afterAll(() => database.drop());

const later = new Date("2099-01-01T00:00:00Z");

interface Row {
  id: string;
  due: boolean;
  reason: Reason;
  queue: string;
  groupId: string | null;
  holdCount: number;
}

/** A row that waits for `reason`. */
async function waiting(
  recipient: string,
  reason: Reason,
  { queue = "mailbox/0", group = null }: { queue?: string; group?: string | null } = {},
): Promise<string> {
  const [id] = await database.seed.notification({ recipientIds: [recipient], queue, dueAt: later });
  await database.pool.query(
    "UPDATE deliveries SET reason = $2, hold_count = 3, group_id = $3 WHERE id = $1",
    [id, reason, group],
  );
  return id!;
}

async function group(recipient: string, kind: "batch" | "digest", memberCount: number) {
  const id = newUuid();
  await database.pool.query(
    "INSERT INTO groups (id, kind, recipient_id, channel, member_count, closes_at) VALUES ($1, $2, $3, 'email', $4, $5)",
    [id, kind, recipient, memberCount, later],
  );
  return id;
}

async function groups() {
  const { rows } = await database.pool.query<{ id: string; status: string; count: number }>(
    `SELECT id, status, member_count AS count, closed_at IS NOT NULL AS "closed" FROM groups`,
  );
  return new Map(rows.map(({ id, ...rest }) => [id, rest]));
}

async function rows(): Promise<Map<string, Omit<Row, "id">>> {
  const found = await database.pool.query<Row>(
    `SELECT id, due_at <= clock_timestamp() AS due, reason, queue, group_id AS "groupId", hold_count AS "holdCount" FROM deliveries`,
  );
  return new Map(found.rows.map(({ id, ...rest }) => [id, rest]));
}

const release = (...recipients: string[]) =>
  inTransaction(database.pool, (client) =>
    releaseDeferredDeliveries(executeOn(client), recipients, { mailboxShards }),
  );

describe("releasing what is held", () => {
  it.each(heldReasons)("lets what waits for %s be decided again, now", async (reason) => {
    const id = await waiting(ada, reason);
    const released = await release(ada);
    expect(released).toEqual([
      expect.objectContaining({ id, campaignId: null, queue: "mailbox/0" }),
    ]);
    expect((await rows()).get(id)).toEqual({
      due: true,
      reason: "decide_again",
      queue: "mailbox/0",
      groupId: null,
      holdCount: 3,
    });
  });

  it("does not change deliveries that wait for something else, are being handed over, or belong to others", async () => {
    for (const reason of ["retry", "snoozed", "provider_rate", "retry_requested"] as const)
      await waiting(ada, reason);
    await waiting(bob, "quiet_hours");
    const sending = await waiting(ada, "quiet_hours");
    await database.pool.query("UPDATE deliveries SET status = 'sending' WHERE id = $1", [sending]);
    const before = await rows();
    expect(await release(ada)).toEqual([]);
    expect(await rows()).toEqual(before);
    expect(await release()).toEqual([]);
  });

  it("takes what waited for a digest back to its recipient's mailbox, and a lane's row stays in its lane", async () => {
    const lane = queueName({ kind: "lane", campaignId: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd", lane: 1 });
    const ids = [
      await waiting(ada, "digest", { queue: waitingDigests }),
      await waiting(bob, "digest", { queue: queueName({ kind: "digest", lane: 3 }) }),
      await waiting(ada, "do_not_disturb", { queue: lane }),
    ];
    await release(ada, bob);
    const mailbox = (recipient: string) =>
      queueName({ kind: "mailbox", shard: shardOf(recipient, mailboxShards) });
    const after = await rows();
    expect(ids.map((id) => after.get(id)!.queue)).toEqual([mailbox(ada), mailbox(bob), lane]);
  });

  it("closes a group that loses all its members, and counts those of one that keeps some", async () => {
    const [batch, digest] = [await group(ada, "batch", 2), await group(ada, "digest", 2)];
    const [other] = [await group(bob, "batch", 1)];
    for (const _ of [1, 2]) await waiting(ada, "batch", { group: batch });
    await waiting(ada, "digest", { group: digest, queue: waitingDigests });
    // Was handed over without success: it goes out with its group.
    const kept = await waiting(ada, "retry", { group: digest });
    await waiting(bob, "batch", { group: other });
    await release(ada);
    expect(await groups()).toEqual(
      new Map([
        [batch, { status: "closed", count: 0, closed: true }],
        [digest, { status: "open", count: 1, closed: false }],
        [other, { status: "open", count: 1, closed: false }],
      ]),
    );
    expect((await rows()).get(kept)).toMatchObject({ groupId: digest, reason: "retry" });
  });

  it("lets no worker hold what it has read before, by what it knew then", async () => {
    const [id] = await database.seed.notification({ recipientIds: [ada], queue: "mailbox/0" });
    const ledger = createLedger(database.pool);
    const [read] = await ledger.due({
      queue: "mailbox/0",
      channels: ["email"],
      limit: 10,
      except: [],
    });
    expect(await release(ada)).toEqual([]);
    await ledger.decided([
      {
        id: id!,
        readDueAt: read!.dueAt,
        decidedAt: new Date(),
        reason: "quiet_hours",
        dueAt: later,
        holdCount: 1,
        groupId: null,
        policyVersion: 0,
        typeVersion: null,
        preferencesVersion: read!.preferencesVersion,
      },
    ]);
    expect((await rows()).get(id!)).toMatchObject({ due: true, reason: null });
  });

  it("passes over a row that somebody is writing, and waits for nobody", async () => {
    const [held, free] = [await waiting(ada, "batch"), await waiting(ada, "batch")];
    await inTransaction(database.pool, async (client) => {
      await client.query("SELECT FROM open_deliveries WHERE id = $1 FOR UPDATE", [held]);
      expect((await release(ada)).map(({ id }) => id)).toEqual([free]);
    });
    expect((await rows()).get(held)).toMatchObject({ due: false, reason: "batch" });
  });
});
