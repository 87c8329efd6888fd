import type { Pool } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import fc from "fast-check";
import { newUuid } from "../../domain/ids.ts";
import type { Preferences } from "../../domain/policy/preferences.ts";
import { waitingDigests } from "../../domain/delivery/queues.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { type LedgerDatabase, useLedgerDatabase } from "../support/ledger-database.ts";

const mailbox = "mailbox/0";
const digestLane = "digest/lane/0";
const type = "habit.reminder";

const database = useLedgerDatabase();
let pool: Pool;
let seed: LedgerDatabase["seed"];

beforeAll(() => void ({ pool, seed } = database));

/** Beyond the clock, so that time is what a test says it is; a whole hour, some hours before a midnight. */
const start = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 + 86_400_000 + 64_800_000);
const after = (minutes: number) => new Date(start.getTime() + minutes * 60_000);
/** When a campaign asks whether what was due then has been sent. */
const askedAfter = (minutes: number) => new Date(after(minutes).getTime() + 5_000).toISOString();

/** Inserts recipients with these preferences. */
const people = (count: number, preferences: Preferences = {}) =>
  seed.recipients(count, { preferences });

/** To everybody, frozen at `start`. */
async function campaign(options: Parameters<LedgerDatabase["seed"]["campaign"]>[0] = {}) {
  const made = await seed.campaign({ startAt: start, laneCount: 1, type, ...options });
  return {
    ...made,
    set: (changes: string) =>
      pool.query(`UPDATE campaigns SET ${changes} WHERE id = $1`, [made.id]),
  };
}
type Campaign = Awaited<ReturnType<typeof campaign>>;

async function rowsOf({ id }: Pick<Campaign, "id">) {
  const { rows } = await pool.query<{
    recipientId: string;
    status: string;
    reason: string | null;
    queue: string;
    groupId: string | null;
    dueAt: Date | null;
  }>(
    `SELECT recipient_id AS "recipientId", status, reason, queue, group_id AS "groupId", due_at AS "dueAt" FROM deliveries
     WHERE campaign_id = $1 ORDER BY recipient_id, leg`,
    [id],
  );
  return rows;
}

const groups = async () =>
  (
    await pool.query<{ status: string; memberCount: number }>(
      `SELECT status, member_count AS "memberCount" FROM groups ORDER BY member_count DESC, status`,
    )
  ).rows;

/** As the workflow of digests does when their time has come. */
const moveDigests = (at: Date) =>
  pool.query("UPDATE deliveries SET queue = $1 WHERE queue = $2 AND due_at <= $3", [
    digestLane,
    waitingDigests,
    at,
  ]);

describe("a campaign whose messages are batched", () => {
  it("waits for those, and completes when they are out", async () => {
    await people(3);
    await people(1, { batching: { enabled: false } });
    const [first, second] = [await campaign(), await campaign()];
    const worker = createCampaignWorker(pool);
    for (const { publicId: id } of [first, second])
      expect(await worker.run(id, start)).toMatchObject({
        next: "wait",
        why: "3 wait in batches, digests and mailboxes",
        until: expect.stringContaining(askedAfter(30).slice(0, "2026-01-01T00:00".length)),
      });
    expect(worker.woken).toContain(mailbox);
    expect(await database.statuses()).toEqual({ pending: 6, sent: 2 });
    expect(await groups()).toEqual(Array(3).fill({ status: "open", memberCount: 2 }));

    await worker.dispatch(mailbox, after(30));
    // One recipient gets two messages, and three get one message for both campaigns.
    expect(worker.requests).toHaveLength(5);
    for (const { publicId: id } of [first, second])
      expect(await worker.advance(id, after(30))).toEqual({
        next: "finished",
        status: "completed",
        audience: 4,
        counts: { sent: 4 },
        reconciled: true,
      });
  });

  it("asks again in half a minute at the soonest, and has their queues look at what is due", async () => {
    await people(2);
    const { publicId: id } = await campaign();
    const worker = createCampaignWorker(pool);
    await worker.run(id, start);
    worker.woken.length = 0;
    const inHalfAMinute = { next: "wait", waitMs: 30_000 };
    expect(await worker.advance(id, after(29.9))).toMatchObject(inHalfAMinute);
    expect(worker.woken).toEqual([]);
    expect(await worker.advance(id, after(31))).toMatchObject(inHalfAMinute);
    expect(worker.woken).toEqual([mailbox]);
  });

  it("waits for its members though others of their group have gone", async () => {
    const [person] = await people(1);
    const [first, second] = [await campaign(), await campaign()];
    const worker = createCampaignWorker(pool);
    for (const { publicId: id } of [first, second]) await worker.run(id, start);
    await first.set("status = 'paused'");
    expect(await worker.advance(first.publicId, after(30))).toMatchObject({ why: "Paused" });
    await worker.dispatch(mailbox, after(30));
    expect(worker.requests).toMatchObject([{ recipient: { id: person } }]);
    expect(await worker.advance(second.publicId, after(30))).toMatchObject({ counts: { sent: 1 } });
    expect(await rowsOf(first)).toMatchObject([{ status: "pending", reason: "batch" }]);
    // It stays where it is, and wakes no queue.
    expect(await worker.dispatch(mailbox, after(60))).toMatchObject({ nextDueAt: null, open: 1 });

    await first.set("status = 'running'");
    worker.woken.length = 0;
    expect(await worker.advance(first.publicId, after(90))).toMatchObject({
      next: "wait",
      why: "1 waits in batches, digests and mailboxes",
    });
    expect(worker.woken).toEqual([mailbox]);
    await worker.dispatch(mailbox, after(90));
    expect(worker.requests).toHaveLength(2);
    expect(await worker.advance(first.publicId, after(90))).toMatchObject({
      next: "finished",
      counts: { sent: 1 },
      reconciled: true,
    });
  });

  it("has its members decided again when its priority changes", async () => {
    await people(2);
    await people(1, { digest: { mode: "daily", time: "00:00" } });
    const [first, second] = [await campaign(), await campaign()];
    const worker = createCampaignWorker(pool);
    for (const { publicId: id } of [first, second]) await worker.run(id, start);
    await first.set("priority = 'high'");
    worker.woken.length = 0;
    await worker.advance(first.publicId, after(1));
    expect(worker.woken).toEqual([mailbox]);
    expect(await rowsOf(first)).toMatchObject(
      Array(3).fill({ reason: "decide_again", queue: mailbox, groupId: null }),
    );
    expect(await groups()).toEqual(Array(3).fill({ status: "open", memberCount: 1 }));
    await worker.dispatch(mailbox, after(1));
    expect(await worker.advance(first.publicId, after(1))).toMatchObject({
      next: "finished",
      counts: { sent: 3 },
    });
    expect(await worker.advance(second.publicId, after(1))).toMatchObject({
      why: "3 wait in batches, digests and mailboxes",
    });
  });
});

describe("a campaign whose messages are digested", () => {
  it("waits for each in turn", async () => {
    await people(2, { digest: { mode: "hourly" } });
    await people(1, { digest: { mode: "daily", time: "00:00" } });
    const made = await campaign({ startAt: after(5) });
    const worker = createCampaignWorker(pool);
    expect(await worker.run(made.publicId, after(5))).toMatchObject({
      next: "wait",
      why: "3 wait in batches, digests and mailboxes",
      until: askedAfter(60),
    });
    // Not moved yet: no queue can be woken for them.
    worker.woken.length = 0;
    await worker.advance(made.publicId, after(60));
    expect(worker.woken).toEqual([]);
    await moveDigests(after(60));
    await worker.advance(made.publicId, after(60));
    expect(worker.woken).toEqual([digestLane]);
    await worker.dispatch(digestLane, after(60));
    expect(await worker.advance(made.publicId, after(61))).toMatchObject({
      why: "1 waits in batches, digests and mailboxes",
      until: askedAfter(360),
    });
    await moveDigests(after(360));
    await worker.dispatch(digestLane, after(360));
    expect(await worker.advance(made.publicId, after(360))).toMatchObject({
      next: "finished",
      audience: 3,
      counts: { sent: 3 },
      reconciled: true,
    });
  });
});

describe("a cancelled campaign", () => {
  it("cancels what waits wherever it does, and leaves groups to their other members", async () => {
    await people(2);
    await people(1, { digest: { mode: "hourly" } });
    await people(1, { batching: { enabled: false } });
    const [first, second] = [await campaign(), await campaign()];
    const worker = createCampaignWorker(pool);
    for (const { publicId: id } of [first, second]) await worker.run(id, start);
    await people(1);
    const alone = await campaign();
    await worker.run(alone.publicId, start);
    expect((await groups()).map(({ memberCount }) => memberCount)).toEqual([3, 3, 3, 1]);

    await first.set("status = 'cancelled'");
    expect(await worker.advance(first.publicId, after(1))).toEqual({
      next: "finished",
      status: "cancelled",
      audience: 4,
      counts: { cancelled: 3, sent: 1 },
      reconciled: true,
    });
    await alone.set("status = 'cancelled'");
    expect(await worker.advance(alone.publicId, after(1))).toMatchObject({ reconciled: true });
    expect(await groups()).toEqual([
      ...Array(3).fill({ status: "open", memberCount: 1 }),
      { status: "closed", memberCount: 0 },
    ]);
    for (const row of [...(await rowsOf(first)), ...(await rowsOf(alone))])
      expect(row).toMatchObject(
        row.status === "sent" ? {} : { reason: "campaign_cancelled", groupId: null, dueAt: null },
      );
    await worker.dispatch(mailbox, after(30));
    await moveDigests(after(60));
    await worker.dispatch(digestLane, after(60));
    expect(await worker.advance(second.publicId, after(60))).toMatchObject({
      counts: { sent: 4 },
      reconciled: true,
    });
  });

  it("waits for a batch that is being handed over; one that was cut off may have been received", async () => {
    await people(2);
    const made = await campaign();
    const worker = createCampaignWorker(pool);
    await worker.run(made.publicId, start);
    const until = new Date(Date.now() + 60_000);
    await pool.query(
      "UPDATE deliveries SET status = 'sending', attempt_count = 1, lease_token = $1, lease_until = $2, due_at = now()",
      [newUuid(), until],
    );
    await made.set("status = 'cancelled'");
    expect(await worker.advance(made.publicId, new Date())).toMatchObject({
      next: "wait",
      until: until.toISOString(),
    });
    await pool.query("UPDATE deliveries SET lease_until = now() - interval '1 second'");
    expect(await worker.advance(made.publicId, new Date())).toMatchObject({
      next: "finished",
      counts: { unknown: 2 },
      reconciled: true,
    });
  });

  it("is wound up while dispatches go on merging and sending what they have read", async () => {
    await people(60);
    await people(60, { batching: { enabled: false } });
    const made = await campaign({ laneCount: 4 });
    const worker = createCampaignWorker(pool);
    const step = await worker.advance(made.publicId, start);
    const cancelled = made.set("status = 'cancelled'");
    const [finished] = await Promise.all([
      cancelled.then(() => worker.advance(made.publicId, after(1))),
      worker.drain(made.publicId, step.next === "drain" ? step.lanes : [], start),
    ]);
    const last =
      finished.next === "wait" ? await worker.advance(made.publicId, after(2)) : finished;
    expect(last).toMatchObject({ next: "finished", audience: 120, reconciled: true });
    expect((await rowsOf(made)).filter(({ dueAt }) => dueAt !== null)).toEqual([]);
  });
});

describe("what was snoozed", () => {
  const snooze = (of: Campaign, until: Date, state = "") =>
    pool.query(
      `INSERT INTO deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, due_at, reason)
       SELECT uuid_v7(now()), campaign_id, recipient_id, 'snooze:1', channel, priority, $2, $3, 'snoozed' FROM deliveries
       WHERE campaign_id = $1 AND leg = 'primary' ${state}`,
      [of.id, mailbox, until],
    );

  it("keeps a campaign from nothing, and is in no account of it", async () => {
    await people(2);
    const made = await campaign({ type: "security.alert" });
    const worker = createCampaignWorker(pool);
    const step = await worker.advance(made.publicId, start);
    await worker.drain(made.publicId, step.next === "drain" ? step.lanes : [], start);
    await snooze(made, after(60));
    const over = { next: "finished", status: "completed", counts: { sent: 2 }, reconciled: true };
    expect(await worker.advance(made.publicId, start)).toMatchObject(over);
    await worker.dispatch(mailbox, after(60));
    expect(worker.requests).toHaveLength(4);
    expect(await worker.advance(made.publicId, after(60))).toMatchObject(over);
  });

  it("does not come again when its campaign is cancelled or recalled", async () => {
    await people(1);
    for (const end of ["status = 'cancelled'", "recalled_at = now()"]) {
      const made = await campaign({ type: "security.alert" });
      const worker = createCampaignWorker(pool);
      await worker.run(made.publicId, start);
      await snooze(made, after(60));
      await made.set(end);
      expect(await worker.advance(made.publicId, after(1))).toMatchObject({
        next: "finished",
        counts: { sent: 1 },
        reconciled: true,
      });
      expect(await rowsOf(made)).toMatchObject([
        { status: "sent" },
        { status: "cancelled", reason: "campaign_cancelled", dueAt: null },
      ]);
    }
  });
});

describe("a lane", () => {
  it("has what quiet hours hold decided again when its campaign becomes critical", async () => {
    const at = (date: Date) => date.toISOString().slice(11, 16);
    await people(2, { quietHours: [{ start: at(start), end: at(after(60)) }] });
    const made = await campaign();
    const worker = createCampaignWorker(pool);
    expect(await worker.run(made.publicId, after(1))).toMatchObject({ next: "drain" });
    expect(await rowsOf(made)).toMatchObject(Array(2).fill({ reason: "quiet_hours" }));
    await made.set("priority = 'critical'");
    expect(await worker.run(made.publicId, after(2))).toMatchObject({ counts: { sent: 2 } });
  });
});

/** What holds of the ledger between any two statements of workers. */
async function expectConsistent(campaigns: readonly Campaign[], audience: number): Promise<void> {
  for (const { id } of campaigns) {
    const { rows } = await pool.query(
      "SELECT count(*)::int AS owed, count(DISTINCT recipient_id)::int AS people FROM deliveries WHERE campaign_id = $1 AND leg = 'primary'",
      [id],
    );
    expect(rows).toEqual([{ owed: audience, people: audience }]);
  }
  const { rows: wrong } = await pool.query(
    `SELECT g.id, g.status, g.member_count, count(d.id)::int AS members FROM groups g LEFT JOIN deliveries d ON d.group_id = g.id AND d.due_at IS NOT NULL
     GROUP BY g.id HAVING g.status <> 'closed' AND (g.member_count <> count(d.id) OR count(d.id) = 0)`,
  );
  expect(wrong).toEqual([]);
  const { rows: over } = await pool.query(
    `SELECT c.id FROM campaigns c WHERE c.finished_at IS NOT NULL
       AND EXISTS (SELECT FROM deliveries d WHERE d.campaign_id = c.id AND d.leg = 'primary' AND d.due_at IS NOT NULL)`,
  );
  expect(over).toEqual([]);
}

describe("whatever happens to campaigns and in whichever order", () => {
  const preferences: Preferences[] = [
    {},
    {},
    { batching: { maximumSize: 2 } },
    { batching: { enabled: false } },
    { digest: { mode: "hourly" } },
    { digest: { mode: "daily", time: "00:00" } },
    { maxPerHour: 1, batching: { enabled: false } },
  ];
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("run" as const), of: fc.nat(1) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("mailbox" as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("pass" as const),
        minutes: fc.constantFrom(1, 10, 31, 61),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("change" as const),
        of: fc.nat(1),
        to: fc.constantFrom("paused", "running", "high", "low", "cancelled"),
      }),
    },
  );

  it("their accounts add up at every step, and nobody receives one twice", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 10 }), async (steps) => {
        await database.empty();
        for (const wish of preferences) await people(1, wish);
        const campaigns = [await campaign(), await campaign({ laneCount: 2, priority: "low" })];
        const worker = createCampaignWorker(pool, ({ messageId }) =>
          messageId.charCodeAt(messageId.length - 1) % 5 === 0 ? "transient" : "sent",
        );
        let minutes = 0;
        const now = () => after(minutes);
        const drainOthers = async () => {
          await worker.dispatch(mailbox, now());
          await moveDigests(now());
          await worker.dispatch(digestLane, now());
        };
        for (const { publicId: id } of campaigns) await worker.advance(id, now());
        for (const one of steps) {
          const of = "of" in one ? campaigns[one.of]! : campaigns[0]!;
          if (one.kind === "run") await worker.run(of.publicId, now());
          else if (one.kind === "mailbox") await drainOthers();
          else if (one.kind === "pass") minutes += one.minutes;
          else if (one.to === "high" || one.to === "low")
            await of.set(`priority = '${one.to}', version = version + 1`);
          else
            await of.set(
              `status = CASE WHEN status IN ('running', 'paused') THEN '${one.to}' ELSE status END, version = version + 1`,
            );
          await expectConsistent(campaigns, preferences.length);
        }
        for (const { set } of campaigns)
          await set("status = CASE WHEN status = 'paused' THEN 'running' ELSE status END");
        for (let round = 0; round < 40; round++) {
          minutes += 61;
          const reached = [];
          for (const { publicId: id } of campaigns) reached.push(await worker.run(id, now()));
          await drainOthers();
          await expectConsistent(campaigns, preferences.length);
          if (reached.every(({ next }) => next === "finished")) break;
        }
        for (const { publicId: id } of campaigns)
          expect(await worker.advance(id, now())).toMatchObject({
            next: "finished",
            audience: preferences.length,
            reconciled: true,
          });
        const { rows: twice } = await pool.query(
          "SELECT delivery_id FROM attempts WHERE outcome = 'sent' GROUP BY 1 HAVING count(*) > 1",
        );
        expect(twice).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });
});
