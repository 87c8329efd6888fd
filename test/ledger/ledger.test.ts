import { DuePlaces } from "../../activities/dispatch/due-places.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import type { Pool } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import {
  createLedger,
  type DueDelivery,
  type Ledger,
  type SettledDelivery,
} from "../../ledger/ledger.ts";
import { newUuid } from "../../domain/ids.ts";
import type { Attempt } from "../../domain/delivery/attempt.ts";
import { wantedMessages } from "../support/wanted.ts";
import { type LedgerDatabase, useLedgerDatabase } from "../support/ledger-database.ts";

const leaseMs = 10_000;
const queue = "mailbox/0";

const database = useLedgerDatabase();
let pool: Pool;
let ledger: Ledger;
let seed: LedgerDatabase["seed"];

beforeAll(async () => {
  ({ pool, seed } = database);
  ledger = createLedger(pool);
});

const inMs = (ms: number) => new Date(Date.now() + ms);
const due = (limit = 100, at?: Date) =>
  atLedgerTime(pool, at, () => ledger.due({ queue, channels: ["email"], limit, except: [] }));
const claim = async (rows: readonly DueDelivery[], token: string, at?: Date) => {
  const wanted = wantedMessages(rows);
  const turn = { settled: [], wanted, token, leaseMs, localAheadMs: 0 };
  return (await atLedgerTime(pool, at, () => ledger.settleAndClaim(turn))).claimed;
};
const sentAttempt = (): Attempt => ({
  provider: "smtp-1",
  outcome: "sent",
  failure: null,
  response: "250 ok",
  startedAt: new Date(),
  finishedAt: new Date(),
});
const sent = (id: string, token: string): SettledDelivery => ({
  id,
  token,
  channel: "email",
  attemptCount: 1,
  attempts: [sentAttempt()],
  settlement: { status: "sent", reason: null },
});
const outlook = async () => {
  const { next, open } = await ledger.outlook(queue);
  const { dueAt = null, reason = null } = next.get("email") ?? {};
  return { nextDueAt: dueAt, reason, open };
};
const statusOf = async (id: string) =>
  (await pool.query<{ status: string }>("SELECT status FROM deliveries WHERE id = $1", [id]))
    .rows[0]!.status;

describe("due", () => {
  it("serves a higher priority first, and a lower one that has waited long enough before it", async () => {
    const [recipient] = await seed.recipients(1);
    const send = async (priority: "critical" | "high" | "normal" | "low", dueAt: Date) =>
      (await seed.notification({ recipientIds: [recipient!], queue, priority, dueAt }))[0]!;
    const low = await send("low", inMs(-1_000));
    const normal = await send("normal", inMs(-1_000));
    const agedNormal = await send("normal", inMs(-40_000));
    const agedLow = await send("low", inMs(-350_000));
    const high = await send("high", inMs(-1_000));
    const critical = await send("critical", inMs(-1_000));
    expect((await due()).map(({ id }) => id)).toEqual([
      agedLow,
      agedNormal,
      critical,
      high,
      normal,
      low,
    ]);
  });

  it("leaves out what is not due yet, and finds it by the workflow's time", async () => {
    await seed.notification({
      recipientIds: await seed.recipients(1),
      queue,
      dueAt: inMs(3_600_000),
    });
    expect(await due()).toHaveLength(0);
    expect(await due(100, inMs(3_600_001))).toHaveLength(1);
  });

  it("leaves out what the caller has in hand", async () => {
    const [first, second] = await seed.notification({
      recipientIds: await seed.recipients(2),
      queue,
    });
    expect(
      (
        await ledger.due({
          queue,
          channels: ["email"],
          limit: 10,
          except: [first!],
        })
      ).map(({ id }) => id),
    ).toEqual([second]);
  });

  it("finds nothing of a campaign that does not run, and all of it when it runs again", async () => {
    const recipients = await seed.recipients(3);
    const campaign = await seed.campaign();
    await pool.query("UPDATE campaigns SET status = 'running'");
    await pool.query(
      "INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at) SELECT uuid_v7(now()), $1, id, 'email', 'normal', $2, now() FROM unnest($3::uuid[]) AS id",
      [campaign.id, queue, recipients],
    );
    const rows = await due();
    expect(rows).toHaveLength(3);
    await pool.query("UPDATE campaigns SET status = 'paused'");
    expect(await due()).toHaveLength(0);
    expect(await claim(rows, newUuid())).toEqual(new Set());
    expect(await outlook()).toMatchObject({
      nextDueAt: null,
      open: 3,
    });
    await pool.query("UPDATE campaigns SET status = 'running'");
    expect(await due()).toHaveLength(3);
  });
});

describe("turn", () => {
  it("gives each row to one of many claimers that all saw it", async () => {
    await seed.notification({ recipientIds: await seed.recipients(50), queue });
    const rows = await due();
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(rows, newUuid())));
    expect(claims.reduce((sum, { size }) => sum + size, 0)).toBe(50);
    expect(new Set(claims.flatMap((ours) => [...ours])).size).toBe(50);
  });

  it("refuses a row that was cancelled or held since it was seen", async () => {
    const [cancelled, held] = await seed.notification({
      recipientIds: await seed.recipients(2),
      queue,
    });
    const rows = await due();
    await pool.query(
      "UPDATE deliveries SET status = 'cancelled', reason = 'delivery_cancelled', due_at = NULL WHERE id = $1",
      [cancelled],
    );
    await pool.query("UPDATE deliveries SET due_at = now() + interval '1 hour' WHERE id = $1", [
      held,
    ]);
    expect(await claim(rows, newUuid())).toEqual(new Set());
  });

  it("refuses a row that was tried since it was seen, though it is due again", async () => {
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const [seen] = await due();
    const token = newUuid();
    await claim([seen!], token);
    const settlement = { status: "pending", reason: "retry", dueAt: new Date() } as const;
    await ledger.settle([
      { id: seen!.id, token, channel: "email", attemptCount: 1, attempts: [], settlement },
    ]);
    expect(await claim([seen!], newUuid())).toEqual(new Set());
    expect(await claim(await due(), newUuid())).toEqual(new Set([seen!.id]));
  });

  it("keeps a row from others until its lease has run out, and then says that it was interrupted", async () => {
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const dead = newUuid();
    const [row] = await due();
    await claim([row!], dead);
    expect(await due()).toHaveLength(0);
    const { nextDueAt, reason } = await outlook();
    expect(reason).toBe("interrupted");
    const [again] = await due(10, nextDueAt!);
    expect(again).toMatchObject({ id: row!.id, interrupted: true, token: dead, attemptCount: 1 });
  });

  it("renews a lease for its holder only", async () => {
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const token = newUuid();
    const [row] = await due();
    await claim([row!], token);
    const before = (await outlook()).nextDueAt!;
    await ledger.renew({ rows: [{ id: row!.id, token: newUuid() }], leaseMs: 60_000 });
    expect((await outlook()).nextDueAt).toEqual(before);
    await ledger.renew({ rows: [{ id: row!.id, token }], leaseMs: 120_000 });
    expect((await outlook()).nextDueAt!.getTime()).toBeGreaterThan(before.getTime() + 50_000);
  });
});

describe("due, page by page", () => {
  it("goes on from where it was, on each priority, and reads each row once", async () => {
    const recipientIds = await seed.recipients(7);
    const dueAt = inMs(-60_000);
    for (const priority of ["high", "low"] as const)
      await seed.notification({ recipientIds, queue, priority, dueAt });
    const places = new DuePlaces();
    const read: string[] = [];
    for (;;) {
      const page = await ledger.due({
        queue,
        channels: ["email"],
        limit: 4,
        except: [],
        after: places.all,
      });
      places.advance(page);
      read.push(...page.map(({ id }) => id));
      if (page.length < 4) break;
    }
    expect(read).toHaveLength(14);
    expect(new Set(read).size).toBe(14);
    expect(await due()).toHaveLength(14);
  });
});

describe("giveBack", () => {
  it("takes as many grants out of a log as are given back, also those of one instant", async () => {
    const [recipientId] = (await seed.recipients(1)) as [string];
    const [first, second] = [
      new Date("2040-01-01T00:00:00.123Z"),
      new Date("2040-01-01T00:00:01Z"),
    ];
    await pool.query(
      "INSERT INTO grant_logs (recipient_id, granted, types) VALUES ($1, $2::timestamptz[], '{1,2,3,4}')",
      [recipientId, [first, first, first, second]],
    );
    const permit = (at: Date) => ({ recipientId, at: at.getTime() });
    await ledger.giveBack([permit(first), permit(first), permit(second), permit(new Date(0))]);
    const { rows } = await pool.query("SELECT granted, types FROM grant_logs");
    expect(rows).toEqual([{ granted: [first], types: [3] }]);
    await ledger.giveBack([permit(first)]);
    expect((await pool.query("SELECT granted, types FROM grant_logs")).rows).toEqual([
      { granted: [], types: [] },
    ]);
  });

  it("leaves what others are granted meanwhile", async () => {
    const recipientIds = await seed.recipients(3);
    await seed.notification({ recipientIds, queue });
    const rows = await due();
    const { granted } = await ledger.settleAndClaim({
      settled: [],
      wanted: wantedMessages(rows),
      token: newUuid(),
      leaseMs,
      localAheadMs: 0,
    });
    await seed.notification({ recipientIds, queue });
    const others = (await due()).filter(({ id }) => !rows.some((row) => row.id === id));
    await Promise.all([
      ledger.giveBack([...granted.values()]),
      ledger.giveBack([...granted.values()].reverse()),
      claim(others, newUuid()),
    ]);
    const { rows: logs } = await pool.query<{ granted: Date[] }>("SELECT granted FROM grant_logs");
    expect(logs.map((log) => log.granted.length)).toEqual([1, 1, 1]);
  });
});

describe("settle", () => {
  it("writes the outcome and its attempt, and closes the row", async () => {
    const [id] = await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const token = newUuid();
    await claim(await due(), token);
    expect(await statusOf(id!)).toBe("sending");
    await ledger.settle([sent(id!, token)]);
    const { rows } = await pool.query(
      "SELECT d.status, d.due_at, d.lease_token, d.finished_at IS NOT NULL AS finished, a.number, a.provider FROM deliveries d JOIN attempts a ON a.delivery_id = d.id",
    );
    expect(rows).toEqual([
      {
        status: "sent",
        due_at: null,
        lease_token: null,
        finished: true,
        number: 1,
        provider: "smtp-1",
      },
    ]);
    expect(await outlook()).toEqual({
      nextDueAt: null,
      reason: null,
      open: 0,
    });
  });

  it("leaves a row alone that another holds by now, or that is closed", async () => {
    const [id] = await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const [dead, live] = [newUuid(), newUuid()];
    await claim(await due(), dead);
    const later = inMs(leaseMs + 1_000);
    await claim(await due(10, later), live, later);
    await ledger.settle([sent(id!, dead)]);
    expect(await statusOf(id!)).toBe("sending");
    await ledger.settle([{ ...sent(id!, live), attemptCount: 2 }]);
    await ledger.settle([
      {
        id: id!,
        token: null,
        channel: "email",
        attemptCount: 0,
        attempts: [],
        settlement: { status: "suppressed", reason: "no_address" },
      },
    ]);
    expect(await statusOf(id!)).toBe("sent");
  });

  it("does not retry a row that another holds by now", async () => {
    const [id] = await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const [dead, live] = [newUuid(), newUuid()];
    await claim(await due(), dead);
    const later = inMs(leaseMs + 1_000);
    await claim(await due(10, later), live, later);
    const settlement = { status: "pending", reason: "retry", dueAt: new Date() } as const;
    await ledger.settle([
      { id: id!, token: dead, channel: "email", attemptCount: 1, attempts: [], settlement },
    ]);
    expect(await statusOf(id!)).toBe("sending");
    await ledger.settle([
      { id: id!, token: live, channel: "email", attemptCount: 2, attempts: [], settlement },
    ]);
    expect(await statusOf(id!)).toBe("pending");
  });

  it("numbers the attempts of one hand-over after those before it", async () => {
    const [id] = await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const token = newUuid();
    await claim(await due(), token);
    const failed: Attempt = {
      ...sentAttempt(),
      outcome: "transient",
      failure: "connection",
      provider: "smtp-1",
    };
    await ledger.settle([
      {
        id: id!,
        token,
        channel: "email",
        attemptCount: 2,
        attempts: [failed, { ...failed, provider: "smtp-2" }],
        settlement: { status: "pending", reason: "retry", dueAt: inMs(60_000) },
      },
    ]);
    const { rows } = await pool.query("SELECT number, provider FROM attempts ORDER BY number");
    expect(rows).toEqual([
      { number: 1, provider: "smtp-1" },
      { number: 2, provider: "smtp-2" },
    ]);
    expect(await outlook()).toMatchObject({
      reason: "retry",
      open: 1,
    });
  });
});
