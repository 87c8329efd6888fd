import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { publicId } from "../../domain/ids.ts";
import { dayMs, minuteMs } from "../../domain/time/durations.ts";
import { createPolicyWorld, shown } from "../support/policy-world.ts";
import { type Api, startApi } from "./harness.ts";

let api: Api;
let world: ReturnType<typeof createPolicyWorld>;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1, vapidPublicKey: "a key" } });
  world = createPolicyWorld(api.pool);
});
afterEach(() => api.pool.query("DELETE FROM deliveries; DELETE FROM policy_versions"));
afterAll(() => api.stop());

const from = new Date(Math.floor(Date.now() / dayMs) * dayMs - 3 * dayMs);
const until = new Date(from.getTime() + dayMs);
const window = { from, until };
/** By UTC, in minutes of the first day of the window. */
const minute = (of: number) => new Date(from.getTime() + of * minuteMs);

async function simulated(body: object) {
  const reply = await api.send("POST", "/v1/policies/simulate", { window, ...body });
  expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
  return reply.body;
}

/** Three recipients: one gets ten messages within ten minutes, and one gets three of a type that is batched. */
async function past() {
  const [busy, batched, calm] = [
    await world.recipient(),
    await world.recipient(),
    await world.recipient({ preferences: { maxPerHour: 1 } }),
  ];
  const ofBusy: string[] = [];
  for (let n = 0; n < 10; n++)
    ofBusy.push(await world.ask({ recipientId: busy, at: minute(600 + n) }));
  for (let n = 0; n < 3; n++)
    await world.ask({ recipientId: batched, at: minute(600 + n), type: "habit.reminder" });
  await world.ask({ recipientId: calm, at: minute(600) });
  // Neither in the window, nor still owed.
  await world.ask({ recipientId: busy, at: new Date(from.getTime() - 1) });
  await world.ask({ recipientId: busy, at: until });
  const cancelled = await world.ask({ recipientId: busy, at: minute(700) });
  await api.pool.query(
    "UPDATE deliveries SET status = 'cancelled', reason = 'delivery_cancelled', due_at = NULL, finished_at = now() WHERE id = $1",
    [cancelled],
  );
  return { busy, batched, calm, ofBusy };
}

const sent = { status: "sent", reason: null, channel: "email", passedOver: [], stages: [] };
const nothing = { recipients: 0, count: 0, examples: [] };

describe("POST /v1/policies/simulate", () => {
  it("says of the past what was, where nothing is to be different", async () => {
    await past();
    const body = await simulated({});
    const batch = 30 * 60;
    const totals = {
      deliveries: 14,
      messages: 12,
      saved: 2,
      suppressed: {},
      waiting: 0,
      delayed: {
        count: 3,
        totalSeconds: batch + (batch - 60) + (batch - 120),
        p50Seconds: batch - 60,
        p95Seconds: batch,
      },
      channels: { email: 14 },
      passedOver: {},
      later: 0,
    };
    expect(body).toEqual({
      recipients: 3,
      deliveries: 14,
      cutOffAt: null,
      before: totals,
      after: totals,
      more: nothing,
      fewer: nothing,
      later: nothing,
      earlier: nothing,
      rerouted: nothing,
    });
  });

  it("shows who would have received messages later under tighter limits", async () => {
    const { busy, ofBusy } = await past();
    const body = await simulated({ policy: { preferences: { maxPerHour: 5 } } });
    expect(body.after).toMatchObject({ deliveries: 14, messages: 12, delayed: { count: 8 } });
    expect(body.later).toMatchObject({ recipients: 1, count: 5 });
    const [example] = body.later.examples;
    expect(example).toEqual({
      recipient: publicId("recipient", busy),
      delivery: shown(ofBusy[5]!),
      before: { ...sent, at: minute(605).toISOString(), messages: 10 },
      after: { ...sent, at: minute(660).toISOString(), messages: 10 },
    });
    expect([body.more, body.fewer, body.earlier]).toEqual([nothing, nothing, nothing]);
  });

  it("says who would have had more, and earlier, were a type not batched", async () => {
    const { batched } = await past();
    const body = await simulated({ types: { "habit.reminder": { batchable: false } } });
    expect(body.after).toMatchObject({ messages: 14, saved: 0, delayed: { count: 0 } });
    expect(body.more).toMatchObject({
      recipients: 1,
      count: 2,
      examples: [
        {
          recipient: publicId("recipient", batched),
          before: { at: minute(630).toISOString(), messages: 1 },
          after: { at: minute(600).toISOString(), messages: 3 },
        },
      ],
    });
    expect(body.earlier).toMatchObject({ recipients: 1, count: 3 });
  });

  it("says who would have had fewer, and for what reason nothing", async () => {
    const { batched } = await past();
    // What has its type's priority has what the type says then.
    const body = await simulated({
      policy: { preferences: { minimumPriority: "normal" } },
      types: { "habit.reminder": { priority: "low" } },
    });
    expect(body.after).toMatchObject({
      deliveries: 11,
      messages: 11,
      suppressed: { below_minimum_priority: 3 },
    });
    expect(body.fewer).toMatchObject({
      recipients: 1,
      count: 1,
      examples: [
        {
          recipient: publicId("recipient", batched),
          before: { status: "sent", messages: 1 },
          after: { status: "suppressed", reason: "below_minimum_priority", messages: 0 },
        },
      ],
    });
  });

  it("begins with the policy in force, and uses current preferences", async () => {
    const { calm } = await past();
    await world.ask({ recipientId: calm, at: minute(601) });
    await world.policy({ preferences: { batching: { enabled: false } } });
    const body = await simulated({ policy: { preferences: { batching: null } } });
    expect(body.before).toMatchObject({ messages: 15, saved: 0, delayed: { count: 1 } });
    expect(body.after).toMatchObject({ messages: 13, saved: 2 });
    expect(body.fewer).toMatchObject({ recipients: 1, count: 2 });
  });

  it("runs campaigns too, which limits count", async () => {
    const { busy } = await past();
    const campaign = await world.seed.campaign();
    await api.pool.query("UPDATE campaigns SET status = 'completed', frozen_at = $1", [
      minute(605),
    ]);
    await api.pool.query(
      `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, status, finished_at)
       VALUES (uuid_v7($1), $2, $3, 'email', 'normal', 'campaign/x/lane/0', 'sent', now())`,
      [minute(605), campaign.id, busy],
    );
    const body = await simulated({ policy: { limits: { perHour: 10 } } });
    expect(body.before).toMatchObject({ deliveries: 15, delayed: { count: 4 } });
    expect(body.after).toMatchObject({ deliveries: 15, delayed: { count: 4 } });
  });

  it("shows the channels of another route of the organisation or of a type, and what follows", async () => {
    const { batched, calm } = await past();
    await api.pool.query("UPDATE recipients SET address_channels = '{push}' WHERE id = $1", [calm]);
    await api.pool.query(
      `UPDATE template_versions SET content = content || '{"push": {"title": "Hello", "body": "Hello"}, "in_app": {"title": "Hello", "body": "Hello"}}'`,
    );
    const escalated = {
      stages: [
        { via: ["push", "in_app"] },
        { via: ["email"] },
        { via: ["email"], after: { minutes: 10, unless: "read" } },
        { via: ["email"], after: { minutes: 20, unless: "sent" } },
      ],
    };
    const body = await simulated({
      policy: { route: { stages: [{ via: ["push", "email"] }] } },
      types: { "habit.reminder": { route: escalated, batchable: false } },
    });
    expect(body.before).toMatchObject({ channels: { email: 14 }, passedOver: {}, later: 0 });
    // Eleven messages by the route of the policy, and three by that of the type, which has two stages that begin at once.
    expect(body.after).toMatchObject({
      deliveries: 17,
      channels: { push: 1, email: 13, in_app: 3 },
      passedOver: { push: 13 },
      later: 3,
    });
    expect(body.rerouted).toMatchObject({ recipients: 2, count: 4 });
    const exampleOf = (id: string) =>
      body.rerouted.examples.find(
        ({ recipient }: { recipient: string }) => recipient === publicId("recipient", id),
      );
    expect(exampleOf(calm)).toMatchObject({ before: sent, after: { ...sent, channel: "push" } });
    expect(exampleOf(batched).after).toMatchObject({
      channel: "in_app",
      passedOver: [{ channel: "push", why: "no_address" }],
      stages: [
        { stage: 1, channel: "email", after: null },
        { stage: 2, channel: "email", after: { minutes: 10, unless: "read" } },
        { stage: 3, channel: "email", after: { minutes: 20, unless: "sent" } },
      ],
    });
  });

  it("keeps the route of a request, and uses the routing rules of now", async () => {
    const [recipientId] = [await world.recipient()];
    const own = await world.ask({ recipientId, at: minute(600) });
    await world.ask({ recipientId, at: minute(601) });
    const { rows } = await api.pool.query<{ id: number }>(
      `INSERT INTO routes (hash, origin, document) VALUES ('a', 'request', '{"stages": [{"via": ["in_app"]}]}') RETURNING id`,
    );
    await api.pool.query("UPDATE deliveries SET route_id = $2 WHERE id = $1", [own, rows[0]!.id]);
    await api.pool.query(
      `UPDATE template_versions SET content = content || '{"in_app": {"title": "Hello", "body": "Hello"}}'`,
    );
    const rule = {
      key: "named",
      name: "Named",
      when: { field: "timeZone", equals: "UTC" },
      route: { stages: [{ via: ["email"] }, { via: ["in_app"] }] },
    };
    expect((await api.send("POST", "/v1/routing-rules", rule)).status).toBe(201);
    const body = await simulated({ policy: { route: { stages: [{ via: ["push"] }] } } });
    for (const totals of [body.before, body.after])
      expect(totals.channels).toEqual({ in_app: 2, email: 1 });
    await api.pool.query("TRUNCATE routing_rules CASCADE");
  });

  it("runs no more than it is asked to, and says how far it came", async () => {
    await past();
    const body = await simulated({ limit: 4 });
    expect(body).toMatchObject({ deliveries: 4, cutOffAt: minute(601).toISOString() });
  });

  it("changes nothing, and lets others be answered meanwhile", async () => {
    // Much that waits for long, of one person: the most that there is to do between two looks at what else came in.
    const recipientId = await world.recipient({ preferences: { maxPerHour: 1 } });
    const templateVersionId = await world.seed.templateVersion();
    await api.pool.query(
      `WITH asked AS (
         INSERT INTO notifications (id, template_version_id, send_at, created_at)
         SELECT uuid_v7(at), $2, at, at FROM generate_series($1::timestamptz, $1::timestamptz + interval '5 hours', interval '3 minutes') AS at
         RETURNING id, send_at
       )
       INSERT INTO deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at)
       SELECT uuid_v7(send_at), id, $3, 'email', 'normal', 'mailbox/0', send_at FROM asked`,
      [from, templateVersionId, recipientId],
    );
    const before = await api.pool.query("SELECT count(*) FROM deliveries");
    let done = false;
    const simulation = simulated({ policy: { limits: { perDay: 5 } } }).finally(
      () => (done = true),
    );
    const statuses: number[] = [];
    while (!done) statuses.push((await api.send("GET", "/v1/policy")).status);
    await simulation;
    expect(statuses.length).toBeGreaterThan(10);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await api.pool.query("SELECT count(*) FROM deliveries")).toMatchObject({
      rows: before.rows,
    });
    expect((await api.send("GET", "/v1/policy")).body.version).toBe(0);
  });

  it.each([
    ["/policy/limits/perMinute", { policy: { limits: { perMinute: 0 } } }],
    ["/policy/limit", { policy: { limit: {} } }],
    ["/policy/health/errorRate/poor", { policy: { health: { errorRate: { poor: 0.01 } } } }],
    ["/types/no.such", { types: { "no.such": {} } }],
    ["/types/task.deadline/channels", { types: { "task.deadline": { channels: [] } } }],
    ["/window/until", { window: { from: until, until: from } }],
    ["/window/until", { window: { from, until: new Date(from.getTime() + 32 * dayMs) } }],
    ["/window/until", { window: { from, until: "1999-01-01T00:00:00Z" } }],
    ["/limit", { limit: 50_001 }],
  ])("refuses %s that may not be", async (field, wrong) => {
    const { status, body } = await api.send("POST", "/v1/policies/simulate", { window, ...wrong });
    expect([status, body.errors]).toMatchObject([422, [{ in: "body", field }]]);
  });
});
