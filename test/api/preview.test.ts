import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../domain/policy/rules.ts";
import { publicId } from "../../domain/ids.ts";
import { dayMs, hourMs, minuteMs } from "../../domain/time/durations.ts";
import { somePriority, somePreferences, someZone } from "../../domain/policy/policy.testing.ts";
import { queueName, waitingDigests } from "../../domain/delivery/queues.ts";
import { mailbox, createPolicyWorld } from "../support/policy-world.ts";
import { type Api, startApi } from "./harness.ts";

let api: Api;
let world: ReturnType<typeof createPolicyWorld>;
let worker: ReturnType<(typeof world)["idealWorker"]>;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1 } });
  world = createPolicyWorld(api.pool);
  worker = world.idealWorker();
  await api.pool.query(
    `UPDATE notification_types SET version = 2, document = document || '{"limits": {"perHour": 2}, "timeToLiveSeconds": 172800}' WHERE key = 'report.weekly'`,
  );
  await api.pool.query(
    "INSERT INTO notification_type_versions SELECT id, version, document, 'test' FROM notification_types WHERE key = 'report.weekly'",
  );
});
afterEach(() => api.pool.query("DELETE FROM deliveries; DELETE FROM policy_versions"));
afterAll(() => api.stop());

async function previewed(body: object) {
  const reply = await api.send("POST", "/v1/decisions/preview", body);
  expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
  return reply.body;
}

const named = (recipientId: string) => publicId("recipient", recipientId);
/** Tomorrow, by UTC. */
const tomorrow = (time: string) =>
  new Date(`${new Date(Date.now() + dayMs).toISOString().slice(0, 10)}T${time}:00.000Z`);

describe("POST /v1/decisions/preview", () => {
  it("says what would be decided, by what, and when it would be sent", async () => {
    const recipientId = await world.recipient({
      preferences: {
        quietHours: [{ start: "00:00", end: "07:00" }],
        digest: { mode: "daily", time: "08:00" },
      },
    });
    const at = tomorrow("03:00");
    const body = await previewed({ recipient: named(recipientId), type: "task.deadline", at });
    const hold = { kind: "hold", reason: "quiet_hours", adapted: null };
    const merge = { kind: "merge", reason: "digest", adapted: null };
    expect(body).toMatchObject({
      recipient: named(recipientId),
      at: at.toISOString(),
      versions: { policy: 0, type: 1, preferences: 1 },
      decision: { ...hold, until: tomorrow("07:00").toISOString() },
      afterwards: [
        {
          at: tomorrow("07:00").toISOString(),
          decision: { ...merge, until: tomorrow("08:00").toISOString() },
        },
        { at: tomorrow("08:00").toISOString(), decision: { kind: "send", until: null } },
      ],
      outcome: { status: "sent", at: tomorrow("08:00").toISOString(), reason: null, others: 0 },
    });
    expect(body.rules.map(({ name }: { name: string }) => name)).toEqual(
      rules.map(({ name }) => name),
    );
    expect(body.summary).toMatch(
      /^It would wait until \S+T07:00.* for the recipient’s quiet hours to end\. It would be sent at \S+T08:00/,
    );
  });

  it("takes its priority from the type, unless another one is given", async () => {
    const recipient = named(
      await world.recipient({ preferences: { quietHours: [{ start: "00:00", end: "24:00" }] } }),
    );
    const alert = await previewed({ recipient, type: "security.alert" });
    expect(alert).toMatchObject({
      decision: { kind: "send" },
      afterwards: [],
      outcome: { status: "sent" },
      summary: "It would be sent at once.",
    });
    const mild = await previewed({ recipient, type: "security.alert", priority: "low" });
    expect(mild).toMatchObject({
      decision: { kind: "hold", reason: "quiet_hours" },
      outcome: { status: "waiting", reason: "quiet_hours" },
    });
  });

  it("looks at what waits already, and at what was sent", async () => {
    const recipientId = await world.recipient({ preferences: { maxPerHour: 1 } });
    const recipient = named(recipientId);
    await world.ask({ recipientId, dedupKey: "door" });
    await world.ask({ recipientId, type: "habit.reminder" });
    await worker.dispatch(new Date());
    expect(await previewed({ recipient, dedupKey: "door" })).toMatchObject({
      decision: { kind: "suppress", reason: "duplicate" },
      outcome: { status: "suppressed", reason: "duplicate" },
    });
    expect(await previewed({ recipient, type: "habit.reminder" })).toMatchObject({
      decision: { kind: "merge", reason: "batch" },
      afterwards: [{ decision: { kind: "hold", reason: "recipient_limit" } }, expect.anything()],
      outcome: { status: "sent", others: 1 },
    });
  });

  it("leaves no place for a message that a newer one, sent meanwhile, supersedes", async () => {
    const recipientId = await world.recipient({
      preferences: { quietHours: [{ start: "00:00", end: "07:00" }] },
    });
    await world.ask({ recipientId, collapseKey: "score", at: tomorrow("02:00") });
    await worker.dispatch(tomorrow("02:00"));
    const at = tomorrow("04:00");
    const recipient = named(recipientId);
    const outcome = async () => (await previewed({ recipient, at })).outcome;
    expect(await outcome()).toMatchObject({ status: "sent", at: tomorrow("07:01").toISOString() });
    await world.ask({
      recipientId,
      collapseKey: "score",
      at: tomorrow("03:00"),
      priority: "critical",
    });
    await worker.dispatch(tomorrow("03:00"));
    expect(await outcome()).toMatchObject({ status: "sent", at: tomorrow("07:00").toISOString() });
  });

  it("leaves no place for a less urgent message that comes back with it and passes the limit", async () => {
    const recipientId = await world.recipient({
      preferences: { quietHours: [{ start: "00:00", end: "07:00" }] },
    });
    await world.policy({ limits: { perMinute: 1 } });
    await world.ask({ recipientId, at: tomorrow("02:00"), bypassRateLimit: true });
    await worker.dispatch(tomorrow("02:00"));
    const at = tomorrow("03:00");
    const { outcome } = await previewed({ recipient: named(recipientId), at, priority: "high" });
    expect(outcome).toMatchObject({ status: "sent", at: tomorrow("07:00").toISOString() });
    const delivery = await world.ask({ recipientId, at, priority: "high" });
    await worker.dispatch(at);
    await worker.dispatch(tomorrow("07:00"));
    const { rows } = await api.pool.query("SELECT status FROM deliveries WHERE id = $1", [
      delivery,
    ]);
    expect(rows).toEqual([{ status: "sent" }]);
  });

  it("writes nothing", async () => {
    const counts = async () =>
      (
        await api.pool.query(
          "SELECT (SELECT count(*) FROM deliveries), (SELECT count(*) FROM audit_entries), (SELECT count(*) FROM groups), (SELECT count(*) FROM grant_logs)",
        )
      ).rows;
    const recipient = named(await world.recipient());
    const before = await counts();
    await previewed({ recipient, type: "habit.reminder" });
    expect(await counts()).toEqual(before);
    expect(api.woken).toEqual([]);
  });

  it.each([
    ["/recipient", { recipient: "nobody" }],
    ["/type", { type: "no.such" }],
    ["/priority", { priority: "urgent" }],
    ["/expiresAt", { expiresAt: "soon" }],
  ])("refuses %s that is none", async (field, wrong) => {
    const recipient = named(await world.recipient());
    const { status, body } = await api.send("POST", "/v1/decisions/preview", {
      recipient,
      ...wrong,
    });
    expect([status, body.errors]).toMatchObject([422, [{ in: "body", field }]]);
  });
});

/** Runs everything that is due for a recipient by an instant, each when it is due. */
async function run(recipientId: string, until: Date): Promise<void> {
  for (let round = 0; round < 80; round++) {
    const { rows } = await api.pool.query<{ dueAt: Date | null }>(
      `SELECT min(due_at) AS "dueAt" FROM deliveries WHERE recipient_id = $1 AND status = 'pending'`,
      [recipientId],
    );
    const [{ dueAt }] = rows as [{ dueAt: Date | null }];
    if (dueAt === null || dueAt > until) return;
    const lane = queueName({ kind: "digest", lane: 0 });
    await api.pool.query(
      "UPDATE deliveries SET queue = $1 WHERE queue = $2 AND due_at <= $3 AND recipient_id = $4",
      [lane, waitingDigests, dueAt, recipientId],
    );
    // Which of them comes first is open; what is previewed takes it that what is by itself does.
    for (const queue of [mailbox, lane]) await worker.dispatch(dueAt, queue);
  }
  throw new Error("it goes on without end");
}

const wanted = fc.record({
  type: fc.constantFrom("task.deadline", "habit.reminder", "report.weekly", undefined),
  priority: somePriority,
  batchable: fc.boolean(),
  bypassRateLimit: fc.integer({ min: 0, max: 7 }).map((of) => of === 0),
  dedupKey: fc.option(fc.constantFrom("a", "b"), { freq: 2, nil: undefined }),
  collapseKey: fc.option(fc.constantFrom("c", "d"), { freq: 2, nil: undefined }),
  occursInMinutes: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
});

describe("what is previewed", () => {
  it("is what then happens", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          preferences: somePreferences,
          timeZone: someZone,
          perMinute: fc.integer({ min: 1, max: 4 }),
          burst: fc.option(
            fc.record({
              messages: fc.integer({ min: 1, max: 3 }),
              seconds: fc.constantFrom(10, 90, 1_800),
            }),
          ),
          engaged: fc.boolean(),
          before: fc.array(fc.tuple(wanted, fc.integer({ min: 0, max: 180 })), { maxLength: 6 }),
          own: wanted,
          inMinutes: fc.integer({ min: 181, max: 2 * 1_440 }),
        }),
        async ({ preferences, timeZone, perMinute, burst, engaged, before, own, inMinutes }) => {
          await api.pool.query(
            "DELETE FROM attempts; DELETE FROM deliveries; DELETE FROM groups; DELETE FROM notifications; DELETE FROM gates",
          );
          await world.policy({ limits: { perMinute, ...(burst && { burst }) } });
          const recipientId = await world.recipient({ timeZone, preferences });
          if (engaged)
            await api.pool.query("UPDATE recipients SET engaged_hours = $2 WHERE id = $1", [
              recipientId,
              Array.from({ length: 24 }, (_, hour) => hour),
            ]);
          const at = new Date(Math.ceil(Date.now() / minuteMs + inMinutes) * minuteMs);
          const detailed = ({ occursInMinutes, ...more }: typeof own, when: Date) => ({
            ...more,
            ...(occursInMinutes !== undefined && {
              occursAt: new Date(when.getTime() + hourMs + occursInMinutes * minuteMs),
            }),
          });
          const earlier = before.toSorted(([, a], [, b]) => b - a);
          for (const [one, minutesBefore] of earlier) {
            const when = new Date(at.getTime() - minutesBefore * minuteMs - 2_000);
            await run(recipientId, new Date(when.getTime() - 1));
            await world.ask({ recipientId, at: when, ...detailed(one, when) });
          }
          await run(recipientId, new Date(at.getTime() - 1));
          const { batchable, bypassRateLimit, ...fields } = detailed(own, at);
          const foreseen = await previewed({
            recipient: named(recipientId),
            at,
            ...fields,
            ...(!batchable && { batchable }),
            ...(bypassRateLimit && { bypassRateLimit }),
          });
          const delivery = await world.ask({ recipientId, at, ...detailed(own, at) });
          await run(recipientId, new Date(at.getTime() + 40 * dayMs));
          const { rows } = await api.pool.query<{
            status: string;
            reason: string | null;
            decidedAt: Date;
            others: number;
          }>(
            `SELECT d.status, d.reason, d.decided_at AS "decidedAt",
               (SELECT count(*)::int FROM deliveries o WHERE o.group_id = d.group_id AND o.status = 'sent' AND o.id <> d.id) AS others
             FROM deliveries d WHERE d.id = $1`,
            [delivery],
          );
          const [came] = rows as [(typeof rows)[number]];
          const expected = foreseen.outcome;
          expect([came.status, came.reason, came.status === "sent" ? came.others : 0]).toEqual([
            expected.status === "waiting" ? "pending" : expected.status,
            expected.reason,
            expected.others,
          ]);
          if (came.status === "pending") return;
          expect(came.decidedAt.toISOString()).toBe(expected.at);
        },
      ),
      { numRuns: 100 },
    );
  });
});
