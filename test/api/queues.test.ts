import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inTransaction } from "../../ledger/transaction.ts";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { Priority } from "../../domain/priority.ts";
import { queueName, shardOf, waitingDigests } from "../../domain/delivery/queues.ts";
import { heldReasons, type Reason } from "../../domain/delivery/reasons.ts";
import { createSeeder } from "../support/seed.ts";
import { type Api, makeKey, startApi } from "./harness.ts";

const mailboxShards = 4;

let api: Api;
let ada: string;
let bob: string;
let templateVersionId: string;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards } });
  [ada, bob] = (await createSeeder(api.pool).recipients(2)) as [string, string];
  templateVersionId = await createSeeder(api.pool).templateVersion();
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, earlier_attempts, notifications, campaigns, groups, audit_entries CASCADE`;
  api.woken.length = 0;
});
afterAll(() => api.stop());

const later = new Date("2099-01-01T00:00:00.000Z");
const before = () => new Date(Date.now() - 60_000);

const mailbox = (recipient: string) =>
  queueName({ kind: "mailbox", shard: shardOf(recipient, mailboxShards) });
const critical = (recipient: string) =>
  queueName({ kind: "critical", shard: shardOf(recipient, mailboxShards) });

interface Wanted {
  recipient?: string;
  queue?: string;
  priority?: Priority;
  dueAt?: Date;
  status?: DeliveryStatus;
  reason?: Reason | null;
  group?: string | null;
  type?: string;
  /** Somebody holds it. */
  leased?: boolean;
}

/** A delivery of a notification, as workers leave it; its UUID. */
async function row({
  recipient = ada,
  queue = mailbox(recipient),
  priority = "normal",
  dueAt = later,
  status = "pending",
  reason = null,
  group = null,
  type,
  leased = false,
}: Wanted = {}): Promise<string> {
  const [id] = await createSeeder(api.pool).notification({
    recipientIds: [recipient],
    queue,
    priority,
    dueAt,
    templateVersionId,
  });
  const open = status === "pending" || status === "sending";
  await api.pool.query(
    `UPDATE deliveries SET status = $2::delivery_status, reason = $3, group_id = $4, due_at = CASE WHEN $5 THEN due_at END,
       finished_at = CASE WHEN NOT $5 THEN now() END, lease_until = CASE WHEN $6 THEN now() + interval '1 minute' END
     WHERE id = $1`,
    [id, status, reason, group, open, leased],
  );
  if (type !== undefined)
    await api.pool.query(
      `UPDATE notifications SET type_id = (SELECT id FROM notification_types WHERE key = $2)
       WHERE id = (SELECT notification_id FROM deliveries WHERE id = $1)`,
      [id, type],
    );
  return id!;
}

async function campaignRow(
  status: string,
  dueAt = later,
): Promise<{ id: string; campaign: string }> {
  const { id: campaign, publicId: name } = await createSeeder(api.pool).campaign({
    templateVersionId,
  });
  await api.pool.query("UPDATE campaigns SET status = $2::campaign_status WHERE id = $1", [
    campaign,
    status,
  ]);
  const id = newUuid();
  await api.pool.query(
    `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at) VALUES ($1, $2, $3, 'email', 'normal', $4, $5)`,
    [id, campaign, ada, queueName({ kind: "lane", campaignId: name, lane: 0 }), dueAt],
  );
  return { id, campaign: name };
}

async function group(
  kind: "batch" | "digest",
  memberCount: number,
  status: "open" | "closed" = "open",
): Promise<string> {
  const id = newUuid();
  await api.pool.query(
    `INSERT INTO groups (id, kind, recipient_id, type_id, priority, channel, status, member_count, maximum_size, closes_at)
     VALUES ($1, $2::group_kind, $3, CASE WHEN $2::text = 'batch' THEN (SELECT id FROM notification_types WHERE key = 'task.deadline') END,
       CASE WHEN $2::text = 'batch' THEN 'normal'::priority END, 'email', $4::group_status, $5, 5, $6)`,
    [id, kind, ada, status, memberCount, later],
  );
  return id;
}

const groupRow = async (id: string) =>
  api.prisma.group.findUniqueOrThrow({
    where: { id },
    select: { status: true, memberCount: true },
  });

const delivery = (id: string) => api.prisma.delivery.findUniqueOrThrow({ where: { id } });

const named = (id: string) => publicId("delivery", id);

const post = (path: string, body?: unknown, headers = {}) =>
  api.send("POST", `/v1/deliveries/${path}`, body, { "x-request-id": "a-change", ...headers });

const trail = async () =>
  (await api.send("GET", "/v1/audit?action=delivery&sort=createdAt")).body.items;

const isNow = (at: Date | null) => Math.abs(at!.getTime() - Date.now()) < 30_000;

describe("POST /v1/deliveries/{id}/send", () => {
  it.each<[string, Wanted]>([
    ["its time", {}],
    ...[...heldReasons, "retry", "snoozed", "provider_rate", "decide_again"].map(
      (reason): [string, Wanted] => [reason, { reason: reason as Reason }],
    ),
    ["its turn", { dueAt: before() }],
  ])("sends what waits for %s", async (_, wanted) => {
    const id = await row(wanted);
    const { status, body } = await post(`${named(id)}/send`);
    expect([status, body]).toMatchObject([
      200,
      { status: "pending", reason: "send_requested", group: null, queue: mailbox(ada) },
    ]);
    expect(isNow((await delivery(id)).dueAt)).toBe(true);
    expect(api.woken).toEqual([mailbox(ada)]);
    expect(await trail()).toMatchObject([
      {
        action: "delivery.send",
        resource: named(id),
        requestId: "a-change",
        before: { reason: wanted.reason ?? null },
        after: { reason: "send_requested" },
      },
    ]);
  });

  it.each([waitingDigests, queueName({ kind: "digest", lane: 2 })])(
    "takes what waits in %s to its recipient’s mailbox",
    async (queue) => {
      const id = await row({ queue, reason: "digest", group: await group("digest", 1) });
      expect((await post(`${named(id)}/send`)).body).toMatchObject({ queue: mailbox(ada) });
      expect(api.woken).toEqual([mailbox(ada)]);
    },
  );

  it("leaves critical deliveries in their queue, and a campaign’s in its lane, and wakes the campaign", async () => {
    const urgent = await row({ queue: critical(ada), priority: "critical" });
    await post(`${named(urgent)}/send`);
    const { id, campaign } = await campaignRow("running");
    const { queue } = await delivery(id);
    expect((await post(`${named(id)}/send`)).body).toMatchObject({ queue });
    expect(api.woken).toEqual([critical(ada), campaign]);
  });

  it("lets a group go on without it, and closes one that has no other", async () => {
    const [pair, single] = [await group("batch", 2), await group("digest", 1)];
    const sent = await row({ reason: "batch", group: pair });
    const kept = await row({ reason: "batch", group: pair });
    const alone = await row({ reason: "digest", queue: waitingDigests, group: single });
    for (const id of [sent, alone]) await post(`${named(id)}/send`);
    expect(await groupRow(pair)).toEqual({ status: "open", memberCount: 1 });
    expect(await groupRow(single)).toEqual({ status: "closed", memberCount: 0 });
    expect(await delivery(kept)).toMatchObject({ groupId: pair, reason: "batch", dueAt: later });
    expect((await trail())[0]).toMatchObject({
      before: { group: publicId("group", pair) },
      after: { group: null },
    });
  });

  it.each<[string, Wanted, string]>([
    ["what is being handed over", { status: "sending", leased: true }, "handed over"],
    ["what was sent", { status: "sent" }, "Only a pending delivery"],
    ["what failed", { status: "failed", reason: "provider_rejected" }, "Only a pending delivery"],
  ])("does not touch %s", async (_, wanted, why) => {
    const id = await row(wanted);
    const untouched = await delivery(id);
    const reply = await post(`${named(id)}/send`);
    expect([reply.status, reply.body.detail]).toEqual([409, expect.stringContaining(why)]);
    expect(await delivery(id)).toEqual(untouched);
    expect([api.woken, await trail()]).toEqual([[], []]);
  });

  it("does not wait for a lock on the row, nor for a campaign that is not running", async () => {
    const id = await row({ reason: "quiet_hours" });
    await inTransaction(api.pool, async (client) => {
      await client.query("SELECT FROM open_deliveries WHERE id = $1 FOR UPDATE", [id]);
      expect((await post(`${named(id)}/send`)).status).toBe(409);
    });
    const paused = await campaignRow("paused");
    expect((await post(`${named(paused.id)}/send`)).body.detail).toContain("is not running");
    expect((await delivery(paused.id)).dueAt).toEqual(later);
  });
});

describe("POST /v1/deliveries/{id}/reprioritise", () => {
  const reprioritise = (id: string, priority: Priority) =>
    post(`${named(id)}/reprioritise`, { priority });

  it.each(heldReasons)("lets what waits for %s be decided again, now", async (reason) => {
    const id = await row({ reason, queue: reason === "digest" ? waitingDigests : mailbox(ada) });
    expect(await reprioritise(id, "high")).toMatchObject({
      status: 200,
      body: { priority: "high", reason: "decide_again", group: null, queue: mailbox(ada) },
    });
    expect(isNow((await delivery(id)).dueAt)).toBe(true);
    expect(api.woken).toEqual([mailbox(ada)]);
  });

  it.each([null, "retry", "snoozed", "retry_requested"] as const)(
    "leaves what waits for something else (%s) to its time",
    async (reason) => {
      const id = await row({ reason });
      expect((await reprioritise(id, "low")).body).toMatchObject({ priority: "low", reason });
      expect((await delivery(id)).dueAt).toEqual(later);
    },
  );

  it("keeps the place of what is due, and lets nobody hold it for the priority that it had", async () => {
    const dueAt = before();
    const id = await row({ dueAt });
    await reprioritise(id, "high");
    const now = (await delivery(id)).dueAt!;
    expect(now).not.toEqual(dueAt);
    expect(now.getTime() - dueAt.getTime()).toBeLessThan(10);
  });

  it("moves to and from the queues of what is critical, and wakes where it is then", async () => {
    const id = await row({ reason: "quiet_hours" });
    expect((await reprioritise(id, "critical")).body.queue).toBe(critical(ada));
    expect((await reprioritise(id, "low")).body.queue).toBe(mailbox(ada));
    const elsewhere = await row({ queue: queueName({ kind: "mailbox", shard: 99 }) });
    expect((await reprioritise(elsewhere, "high")).body.queue).toBe("mailbox/99");
    expect(api.woken).toEqual([critical(ada), mailbox(ada), "mailbox/99"]);
    const { notificationId } = await delivery(id);
    expect(
      await api.prisma.notification.findUniqueOrThrow({ where: { id: notificationId! } }),
    ).toMatchObject({ priority: "normal" });
  });

  it("leaves its group", async () => {
    const batch = await group("batch", 2);
    const id = await row({ reason: "batch", group: batch });
    await row({ reason: "batch", group: batch });
    await reprioritise(id, "high");
    expect((await delivery(id)).groupId).toBeNull();
    expect(await groupRow(batch)).toEqual({ status: "open", memberCount: 1 });
  });

  it("changes nothing if it already has that priority, and wakes nothing", async () => {
    const id = await row({ reason: "quiet_hours" });
    const untouched = await delivery(id);
    expect(await reprioritise(id, "normal")).toMatchObject({
      status: 200,
      body: { priority: "normal", reason: "quiet_hours" },
    });
    expect(await delivery(id)).toEqual(untouched);
    expect([api.woken, await trail()]).toEqual([[], []]);
  });

  it("is refused for a campaign’s, which has the priority of the campaign, and for what does not wait", async () => {
    const { id } = await campaignRow("running");
    expect((await reprioritise(id, "high")).body.detail).toContain("campaign");
    const sending = await row({ status: "sending", leased: true });
    const sent = await row({ status: "sent" });
    for (const refused of [id, sending, sent]) {
      expect((await reprioritise(refused, "high")).status).toBe(409);
      expect((await delivery(refused)).priority).toBe("normal");
    }
    expect((await post(`${named(sent)}/reprioritise`, { priority: "urgent" })).status).toBe(422);
    expect((await post(`${named(sent)}/reprioritise`)).status).toBe(422);
    expect([api.woken, await trail()]).toEqual([[], []]);
  });
});

describe("cancelling and retrying what is in groups", () => {
  it("takes what is cancelled out of its group", async () => {
    const [batch, digest] = [await group("batch", 2), await group("digest", 1)];
    const cancelled = await row({ reason: "batch", group: batch });
    await row({ reason: "batch", group: batch });
    const alone = await row({ reason: "digest", queue: waitingDigests, group: digest });
    for (const id of [cancelled, alone])
      expect((await post(`${named(id)}/cancel`)).body).toMatchObject({
        status: "cancelled",
        group: null,
      });
    expect(await groupRow(batch)).toEqual({ status: "open", memberCount: 1 });
    expect(await groupRow(digest)).toEqual({ status: "closed", memberCount: 0 });
    // No workflow drains what waits for digests.
    expect(api.woken).toEqual([mailbox(ada)]);
  });

  it("leaves together what went out together, and is tried again", async () => {
    const batch = await group("batch", 2, "closed");
    const ids = [];
    for (const _ of [1, 2])
      ids.push(await row({ status: "failed", reason: "provider_rejected", group: batch }));
    await api.pool.query("UPDATE deliveries SET attempt_count = 1");
    expect((await post("retry", { ids: ids.map(named) })).body.changed).toBe(2);
    for (const id of ids)
      expect(await delivery(id)).toMatchObject({ status: "pending", groupId: batch });
    expect(await groupRow(batch)).toEqual({ status: "closed", memberCount: 2 });
  });

  it("goes out as one after all where its message could not be made", async () => {
    const digest = await group("digest", 2, "closed");
    for (const _ of [1, 2])
      await row({ status: "failed", reason: "template_error", group: digest });
    const body = { where: { group: publicId("group", digest) } };
    expect((await post("retry", body)).body.changed).toBe(2);
    expect(await groupRow(digest)).toEqual({ status: "full", memberCount: 2 });
  });
});

describe("some, or all that match", () => {
  it("are sent, and what is left is counted by why", async () => {
    const held = await row({ reason: "quiet_hours" });
    const sending = await row({ status: "sending", leased: true });
    const sent = await row({ status: "sent" });
    const paused = await campaignRow("paused");
    const ids = [held, sending, sent, paused.id].map(named);
    expect(await post("send", { ids: [...ids, "dlv_01jd3v8qyee7fr8xmcsnh5hbcd"] })).toMatchObject({
      status: 200,
      body: {
        changed: 1,
        skipped: { notFound: 1, notPending: 1, sending: 1, campaignNotRunning: 1 },
        nextCursor: null,
      },
    });
    expect(await trail()).toMatchObject([
      {
        action: "delivery.send",
        resource: "deliveries",
        requestId: "a-change",
        after: { ids: 5, changed: 1 },
      },
    ]);
    expect(api.woken).toEqual([mailbox(ada)]);
  });

  it("are sent by reason, type and group", async () => {
    const batch = await group("batch", 2);
    const deadline = await row({ type: "task.deadline", reason: "quiet_hours" });
    const habit = await row({ type: "habit.reminder", reason: "quiet_hours" });
    const member = await row({ type: "task.deadline", reason: "batch", group: batch });
    const where = { type: "task.deadline", reason: ["quiet_hours"] };
    expect((await post("send", { where, dryRun: true })).body).toMatchObject({
      matched: 1,
      changed: 0,
    });
    expect((await post("send", { where })).body).toMatchObject({ changed: 1 });
    expect((await delivery(deadline)).reason).toBe("send_requested");
    expect((await delivery(habit)).reason).toBe("quiet_hours");
    expect((await post("send", { where: { group: publicId("group", batch) } })).body).toMatchObject(
      { changed: 1 },
    );
    expect((await delivery(member)).groupId).toBeNull();
    expect((await post("send", { where: { type: "no.such" } })).body).toMatchObject({ changed: 0 });
    const [first, second] = await trail();
    const type = await api.prisma.notificationType.findUniqueOrThrow({
      where: { key: "task.deadline" },
    });
    expect(first.after.where).toEqual({
      type: publicId("notificationType", type.id),
      reason: ["quiet_hours"],
    });
    expect(second.after.where).toEqual({ group: publicId("group", batch) });
  });

  it("are given another priority, of many recipients and groups at once", async () => {
    const [one, two] = [await group("batch", 1), await group("batch", 1, "closed")];
    const ids = [
      await row({ reason: "batch", group: one }),
      await row({ recipient: bob, reason: "quiet_hours" }),
      await row({ reason: "retry", group: two }),
      await row({ priority: "critical", queue: critical(ada) }),
    ];
    await campaignRow("running");
    const where = { status: ["pending"] };
    expect((await post("reprioritise", { where, priority: "critical" })).body).toEqual({
      changed: 3,
      skipped: { notFound: 0, notPending: 0, sending: 0, ofCampaign: 1, samePriority: 1 },
      nextCursor: null,
    });
    for (const id of ids)
      expect(await delivery(id)).toMatchObject({ priority: "critical", groupId: null });
    expect((await groupRow(one)).status).toBe("closed");
    expect(new Set(api.woken)).toEqual(new Set([critical(ada), critical(bob)]));
    expect(await trail()).toMatchObject([
      {
        action: "delivery.reprioritise",
        after: { where, priority: "critical", changed: 3, skipped: { ofCampaign: 1 } },
      },
    ]);
  });

  it.each<[string, unknown, string]>([
    ["no priority", { ids: ["dlv_01jd3v8qyee7fr8xmcsnh5hbcd"] }, "/priority"],
    ["an unknown priority", { where: { queue: "mailbox/0" }, priority: "urgent" }, "/priority"],
    ["an empty filter", { where: {}, priority: "high" }, "/where"],
    [
      "another group",
      { where: { group: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd" }, priority: "low" },
      "/where/group",
    ],
    ["a type that is none", { where: { type: "'; --" }, priority: "low" }, "/where/type"],
  ])("reprioritise refuses %s", async (_, body, field) => {
    const reply = await post("reprioritise", body);
    expect([reply.status, reply.body.errors?.[0]?.field]).toEqual([422, field]);
  });

  it("are for senders", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const id = named(await row());
    for (const path of ["send", "reprioritise", `${id}/send`, `${id}/reprioritise`])
      expect((await post(path, { where: {} }, { authorization: `Bearer ${secret}` })).status).toBe(
        403,
      );
  });
});

describe("GET /v1/queues", () => {
  const queues = async (query = "") => {
    const { status, body } = await api.send("GET", `/v1/queues${query}`);
    expect([status, body.errors]).toEqual([200, undefined]);
    return body;
  };

  it("counts what waits by queue, type, priority and reason, what is due first", async () => {
    const dueAt = before();
    await row({ dueAt });
    await row({ dueAt: new Date(dueAt.getTime() + 1_000) });
    await row({ reason: "quiet_hours", type: "task.deadline", priority: "low" });
    await row({ reason: "quiet_hours", type: "task.deadline", priority: "low" });
    await row({ status: "sending", leased: true, dueAt });
    await row({ status: "sent" });
    await campaignRow("paused", dueAt);
    const body = await queues();
    expect(body.items).toEqual([
      {
        queue: mailbox(ada),
        type: null,
        priority: "normal",
        reason: null,
        waiting: 2,
        due: 2,
        sending: 1,
        oldestDueAt: dueAt.toISOString(),
        oldestDueSeconds: expect.any(Number),
        nextDueAt: null,
      },
      {
        queue: mailbox(ada),
        type: "task.deadline",
        priority: "low",
        reason: "quiet_hours",
        waiting: 2,
        due: 0,
        sending: 0,
        oldestDueAt: null,
        oldestDueSeconds: null,
        nextDueAt: later.toISOString(),
      },
      // It is not due while its campaign is paused.
      expect.objectContaining({ priority: "normal", waiting: 1, due: 0, oldestDueAt: null }),
    ]);
    expect(body.items[0].oldestDueSeconds).toBeGreaterThanOrEqual(60);
    expect(body).toMatchObject({ total: { waiting: 5, due: 2, sending: 1 }, more: 0 });
  });

  it("counts what waits of one campaign", async () => {
    const { id, campaign } = await campaignRow("running", before());
    await campaignRow("running", before());
    await row({ dueAt: before() });
    expect(await queues(`?by=reason&campaign=${campaign}`)).toMatchObject({
      items: [{ reason: null, waiting: 1, due: 1 }],
      total: { waiting: 1, due: 1, sending: 0 },
    });
    await api.pool.query("UPDATE deliveries SET leg = 'snooze:1' WHERE id = $1", [id]);
    expect(await queues(`?by=reason&campaign=${campaign}`)).toMatchObject({ items: [] });
  });

  it("groups only by the requested dimensions", async () => {
    await row({ reason: "quiet_hours" });
    await row({ reason: "quiet_hours", recipient: bob, type: "habit.reminder" });
    await row({ reason: "digest", queue: waitingDigests, priority: "low" });
    const by = await queues("?by=reason,reason");
    expect(by.items).toMatchObject([
      { reason: "quiet_hours", waiting: 2 },
      { reason: "digest", waiting: 1 },
    ]);
    expect(by.items[0]).not.toHaveProperty("queue");
    expect(await queues("?by=reason&limit=1")).toMatchObject({
      items: [{ reason: "quiet_hours" }],
      total: { waiting: 3 },
      more: 1,
    });
    expect((await queues("?by=type")).items).toMatchObject([
      { type: null, waiting: 2 },
      { type: "habit.reminder", waiting: 1 },
    ]);
    expect((await queues("?by=priority")).items).toMatchObject([
      { priority: "normal", waiting: 2 },
      { priority: "low", waiting: 1 },
    ]);
  });

  it("counts only what its filters hold for", async () => {
    await row({ reason: "quiet_hours", type: "task.deadline" });
    await row({ reason: "digest", queue: waitingDigests, priority: "low" });
    const total = async (query: string) => (await queues(query)).total.waiting;
    expect(await total("?type=task.deadline")).toBe(1);
    expect(await total("?type=no.such")).toBe(0);
    expect(await total(`?queue=${waitingDigests}`)).toBe(1);
    expect(await total("?priority=normal,high")).toBe(1);
    expect(await total("?reason=digest,batch")).toBe(1);
    expect(await total("?reason=digest&priority=high")).toBe(0);
    expect(await queues("?reason=snoozed")).toEqual({
      items: [],
      total: { waiting: 0, due: 0, sending: 0 },
      more: 0,
    });
    for (const query of ["?by=colour", "?by=", "?limit=0", "?queue=nowhere", "?reason=nonsense"])
      expect([query, (await api.send("GET", `/v1/queues${query}`)).status]).toEqual([query, 422]);
  });
});

describe("what deliveries and groups show", () => {
  it("a delivery says of which type and group it is, and by what it was decided about", async () => {
    const batch = await group("batch", 1);
    const id = await row({ type: "task.deadline", reason: "batch", group: batch });
    const undecided = {
      type: "task.deadline",
      group: publicId("group", batch),
      holdCount: 0,
      decided: null,
    };
    expect((await api.send("GET", `/v1/deliveries/${named(id)}`)).body).toMatchObject(undecided);
    await api.prisma.openDelivery.update({
      where: { id },
      data: {
        holdCount: 2,
        decidedAt: later,
        policyVersion: 3,
        typeVersion: 1,
        preferencesVersion: 0,
      },
    });
    const decided = {
      at: later.toISOString(),
      policyVersion: 3,
      typeVersion: 1,
      preferencesVersion: 0,
    };
    const list = await api.send("GET", "/v1/deliveries?type=task.deadline");
    expect(list.body.items).toMatchObject([{ ...undecided, holdCount: 2, decided }]);
  });

  it("deliveries are listed by type, group, reason, and the queue of digests", async () => {
    const batch = await group("batch", 1);
    const member = await row({ type: "task.deadline", reason: "batch", group: batch });
    const waits = await row({ reason: "digest", queue: waitingDigests });
    const { id } = await campaignRow("running");
    const campaign = (await delivery(id)).campaignId!;
    await api.prisma
      .$executeRaw`UPDATE campaigns SET type_id = (SELECT id FROM notification_types WHERE key = 'report.weekly') WHERE id = ${campaign}::uuid`;
    const found = async (query: string) =>
      (await api.send("GET", `/v1/deliveries?${query}`)).body.items.map((item: { id: string }) =>
        parsePublicId("delivery", item.id),
      );
    expect(await found("type=task.deadline")).toEqual([member]);
    expect(await found("type=report.weekly")).toEqual([id]);
    expect(await found("type=no.such")).toEqual([]);
    expect(await found(`group=${publicId("group", batch)}`)).toEqual([member]);
    expect(await found("reason=digest")).toEqual([waits]);
    expect(await found("reason=digest,batch&status=pending")).toEqual([waits, member]);
    expect(await found("reason=digest&status=sending")).toEqual([]);
    expect(await found(`queue=${waitingDigests}`)).toEqual([waits]);
  });

  it("a group shows its members", async () => {
    const batch = await group("batch", 2);
    const members = [
      await row({ type: "task.deadline", reason: "batch", group: batch }),
      await row({ type: "task.deadline", reason: "batch", group: batch }),
    ];
    const path = `/v1/groups/${publicId("group", batch)}`;
    const { status, body } = await api.send("GET", path);
    expect([status, body]).toMatchObject([
      200,
      {
        id: publicId("group", batch),
        kind: "batch",
        recipient: publicId("recipient", ada),
        channel: "email",
        type: "task.deadline",
        priority: "normal",
        status: "open",
        memberCount: 2,
        maximumSize: 5,
        adapted: null,
        closesAt: later.toISOString(),
        closedAt: null,
      },
    ]);
    expect(body.members.map(({ id }: { id: string }) => id)).toEqual(members.map(named));
    const digest = await api.send(
      "GET",
      `/v1/groups/${publicId("group", await group("digest", 0))}`,
    );
    expect(digest.body).toMatchObject({ kind: "digest", type: null, priority: null, members: [] });
    expect((await api.send("GET", "/v1/groups/grp_01jd3v8qyee7fr8xmcsnh5hbcd")).status).toBe(404);
  });
});
