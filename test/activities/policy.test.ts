import type { Pool } from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { minuteMs } from "../../domain/time/durations.ts";
import type { Preferences } from "../../domain/policy/preferences.ts";
import type { Priority } from "../../domain/priority.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { createPolicyWorld } from "../support/policy-world.ts";
import type { Answer } from "../support/recording-channel.ts";

const queue = "mailbox/0";

const database = useLedgerDatabase({ truncate: "policy_versions" });
type World = ReturnType<typeof createPolicyWorld>;
let pool: Pool;
let world: World;
beforeEach(() => {
  ({ pool } = database);
  world = createPolicyWorld(pool);
});

/** Creates a worker on the ledger that dispatches at a given instant. */
const worker = (answer?: Answer) => world.worker(answer);

/** Inserts one recipient with these preferences. */
async function person(preferences: Preferences = {}, timeZone = "UTC"): Promise<string> {
  const [id] = await database.seed.recipients(1, { preferences, timeZone });
  return id!;
}

/** Inserts a delivery owed to `recipient`, and returns its id. */
const owe = (
  recipientId: string,
  at: Date,
  {
    own = {},
    name = queue,
    ...request
  }: {
    type?: string;
    priority?: Priority;
    own?: Partial<Parameters<World["ask"]>[0]>;
    name?: string;
  } = {},
): Promise<string> => world.ask({ recipientId, at, queue: name, ...request, ...own });

const setPolicy = (changes: Record<string, unknown>) => database.seed.policy(changes);

const rowsOf = async (recipient: string) =>
  (
    await pool.query<{
      id: string;
      status: string;
      reason: string | null;
      dueAt: Date | null;
    }>(
      `SELECT id, status, reason, due_at AS "dueAt" FROM deliveries WHERE recipient_id = $1 ORDER BY id`,
      [recipient],
    )
  ).rows;

const grantsTo = async (recipient: string) =>
  (
    await pool.query<{ granted: Date[] }>(
      "SELECT granted FROM grant_logs WHERE recipient_id = $1",
      [recipient],
    )
  ).rows[0]?.granted ?? [];

/** Beyond the clock, so that time is what a test says it is. */
const start = new Date(Math.ceil(Date.now() / 3_600_000) * 3_600_000 + 3_600_000);
const after = (minutes: number) => new Date(start.getTime() + minutes * minuteMs);

describe("quiet hours", () => {
  it("hold until they end, and let what is critical through", async () => {
    const until = after(60);
    const at = (date: Date) => date.toISOString().slice(11, 16);
    const recipient = await person({ quietHours: [{ start: at(start), end: at(until) }] });
    const waiting = await owe(recipient, start);
    await owe(recipient, start, { priority: "critical" });
    const { dispatch, requests } = worker();
    expect(await dispatch(after(1))).toMatchObject({
      counts: { held: 1, sent: 1 },
      nextDueAt: until.toISOString(),
      waitsFor: "quiet_hours",
    });
    expect(requests).toHaveLength(1);
    expect((await rowsOf(recipient)).find(({ id }) => id === waiting)).toMatchObject({
      status: "pending",
      reason: "quiet_hours",
      dueAt: until,
    });
    expect(await dispatch(until)).toMatchObject({ counts: { sent: 1 }, nextDueAt: null });
  });

  it("release what they held one a minute, the most urgent first", async () => {
    const at = (date: Date) => date.toISOString().slice(11, 16);
    const recipient = await person({ quietHours: [{ start: at(start), end: at(after(60)) }] });
    const ids = [];
    for (const priority of ["low", "normal", "high"] as const)
      ids.push(await owe(recipient, start, { priority }));
    const { dispatch, requests } = worker();
    await dispatch(after(1));
    for (const minute of [60, 61, 62]) await dispatch(after(minute));
    expect(requests.map(({ messageId }) => messageId)).toHaveLength(3);
    const sent = await pool.query<{ id: string }>(
      "SELECT id FROM deliveries WHERE status = 'sent' ORDER BY decided_at",
    );
    expect(sent.rows.map(({ id }) => id)).toEqual(ids.reverse());
    const granted = (await grantsTo(recipient)).map((date) => date.getTime());
    expect(granted[1]! - granted[0]!).toBeGreaterThanOrEqual(minuteMs);
    expect(granted[2]! - granted[1]!).toBeGreaterThanOrEqual(minuteMs);
  });

  it("release the batches that come of what they held one a minute, too", async () => {
    const at = (date: Date) => date.toISOString().slice(11, 16);
    const recipient = await person({ quietHours: [{ start: at(start), end: at(after(120)) }] });
    for (const type of ["report.weekly", "habit.reminder", "task.deadline"])
      for (let n = 0; n < 2; n++) await owe(recipient, start, { type });
    const { dispatch, requests } = worker();
    await dispatch(start);
    // Its window is not over when the night is.
    await owe(recipient, after(110), { type: "report.weekly", priority: "low" });
    await dispatch(after(111));
    for (const [minute, sent] of [
      [120, 1],
      [121.5, 2],
      [123, 3],
      [139, 3],
      [140.5, 4],
    ] as const) {
      await dispatch(after(minute));
      expect(requests).toHaveLength(sent);
    }
    const granted = (await grantsTo(recipient)).map((date) => date.getTime());
    for (const [index, instant] of granted.slice(1).entries())
      expect(instant - granted[index]!).toBeGreaterThanOrEqual(minuteMs);
    expect(await database.statuses()).toEqual({ sent: 7 });
  });
});

describe("an outage", () => {
  it("releases what was due in it one a minute, alone or together", async () => {
    const recipient = await person();
    const { dispatch, requests, channel } = worker();
    for (const type of ["report.weekly", "habit.reminder", "habit.reminder"])
      await owe(recipient, start, { type });
    await dispatch(start);
    await owe(recipient, after(31));
    channel.recoveredAt = () => after(60);
    for (const [minute, sent] of [
      [60, 1],
      [61.5, 2],
      [63, 3],
    ] as const) {
      await dispatch(after(minute));
      expect(requests).toHaveLength(sent);
    }
    expect(await database.statuses()).toEqual({ sent: 4 });
  });
});

describe("limits", () => {
  it("are exact over two workers and two queues at once", async () => {
    await setPolicy({ limits: { perMinute: 7 }, preferences: { maxPerHour: 1_000 } });
    const recipient = await person();
    for (let n = 0; n < 20; n++)
      await owe(recipient, start, { name: n % 2 === 0 ? queue : "mailbox/1" });
    const workers = [worker(), worker()];
    for (let round = 0; round < 12; round++)
      await Promise.all(
        workers.flatMap(({ dispatch }) => [
          dispatch(after(round / 4)),
          dispatch(after(round / 4), "mailbox/1"),
        ]),
      );
    await expect.poll(() => grantsTo(recipient)).toHaveLength(20);
    const granted = (await grantsTo(recipient)).map((date) => date.getTime());
    for (const [index, at] of granted.entries())
      if (index >= 7) expect(at - granted[index - 7]!).toBeGreaterThanOrEqual(minuteMs);
    expect(await database.statuses()).toEqual({ sent: 20 });
  });

  it.each([
    ["the organisation", { messages: 4, seconds: 30 }, null],
    ["a type", null, { messages: 3, seconds: 45 }],
    ["both", { messages: 4, seconds: 30 }, { messages: 2, seconds: 20 }],
  ])(
    "on bursts, set by %s, are exact over two workers and two queues at once",
    async (_, organisation, ofType) => {
      await setPolicy({
        limits: { perMinute: 1_000, ...(organisation && { burst: organisation }) },
        preferences: { maxPerHour: 1_000 },
      });
      const setTypeLimits = (limits: object, batchable: boolean) =>
        pool.query(
          "UPDATE notification_types SET version = version + 1, document = document || $1 WHERE key = 'habit.reminder'",
          [{ limits, batchable }],
        );
      await setTypeLimits({ burst: ofType }, false);
      const recipient = await person();
      for (let n = 0; n < 16; n++)
        await owe(recipient, start, {
          name: n % 2 === 0 ? queue : "mailbox/1",
          type: "habit.reminder",
        });
      const workers = [worker(), worker()];
      for (let round = 0; round < 40; round++)
        await Promise.all(
          workers.flatMap(({ dispatch }) => [
            dispatch(after(round / 6)),
            dispatch(after(round / 6), "mailbox/1"),
          ]),
        );
      await expect.poll(() => grantsTo(recipient)).toHaveLength(16);
      const granted = (await grantsTo(recipient)).map((date) => date.getTime());
      for (const burst of [organisation, ofType])
        for (const [index, at] of granted.entries())
          if (burst && index >= burst.messages)
            expect(at - granted[index - burst.messages]!).toBeGreaterThanOrEqual(
              burst.seconds * 1_000,
            );
      expect(await database.statuses()).toEqual({ sent: 16 });
      await setTypeLimits({}, true);
    },
  );

  it("give a permit back that nothing came of", async () => {
    const recipient = await person();
    await owe(recipient, start);
    await worker(() => "transient").dispatch(after(1));
    await expect.poll(() => grantsTo(recipient)).toEqual([]);
  });

  it("let high priority pass the recipient's limit, and not the organisation's", async () => {
    await setPolicy({ limits: { perMinute: 3 } });
    const recipient = await person({ maxPerHour: 1 });
    await owe(recipient, start);
    await owe(recipient, start);
    for (let n = 0; n < 4; n++) await owe(recipient, start, { priority: "high" });
    const { dispatch, requests } = worker();
    await dispatch(after(1));
    await dispatch(after(1.1));
    expect(requests).toHaveLength(3);
    const reasons = (await rowsOf(recipient)).flatMap(({ reason }) => reason ?? []).sort();
    expect(reasons).toEqual(["organisation_limit", "recipient_limit", "recipient_limit"]);
  });

  it("of a type hold its messages, and no others", async () => {
    await pool.query(
      `UPDATE notification_types SET version = version + 1, document = document || '{"limits": {"perHour": 1}, "batchable": false}' WHERE key = 'habit.reminder'`,
    );
    const recipient = await person();
    for (const type of ["habit.reminder", "habit.reminder", "security.alert"])
      await owe(recipient, start, { type });
    await owe(recipient, start);
    const { dispatch, requests } = worker();
    await dispatch(after(1));
    expect(requests).toHaveLength(3);
    expect((await rowsOf(recipient)).flatMap(({ reason }) => reason ?? [])).toEqual(["type_limit"]);
    await pool.query(
      `UPDATE notification_types SET version = version + 1, document = document || '{"limits": {}, "batchable": true}' WHERE key = 'habit.reminder'`,
    );
  });
});

describe("batches", () => {
  it("take what comes within the window, and go out as one message when it ends", async () => {
    const recipient = await person();
    const { dispatch, requests } = worker();
    await owe(recipient, start, { type: "habit.reminder" });
    expect(await dispatch(start)).toMatchObject({
      counts: { held: 1 },
      nextDueAt: after(30).toISOString(),
      waitsFor: "batch",
    });
    await owe(recipient, after(10), { type: "habit.reminder" });
    await owe(recipient, after(10), { type: "report.weekly", priority: "low" });
    await dispatch(after(10));
    expect(await dispatch(after(30))).toMatchObject({ counts: { sent: 2 } });
    expect(requests).toHaveLength(1);
    expect(requests[0]!.messageId).toMatch(/^grp_/);
    expect(await grantsTo(recipient)).toHaveLength(1);
    // One by itself.
    expect(await dispatch(after(40))).toMatchObject({ counts: { sent: 1 }, open: 0 });
    expect(requests[1]!.messageId).toMatch(/^dlv_/);
  });

  it("of snoozed deliveries go out at their own time, whatever the digest", async () => {
    const recipient = await person({ digest: { mode: "daily" } });
    for (let n = 0; n < 2; n++) await owe(recipient, start, { type: "habit.reminder" });
    await pool.query("UPDATE deliveries SET reason = 'snoozed'");
    const { dispatch, requests } = worker();
    expect(await dispatch(start)).toMatchObject({ counts: { sent: 2 }, open: 0 });
    expect(requests.map(({ messageId }) => messageId)).toEqual([expect.stringMatching(/^grp_/)]);
  });

  it("close before what a member is about is over", async () => {
    const recipient = await person();
    await owe(recipient, start, { type: "task.deadline", own: { occursAt: after(12) } });
    expect(await worker().dispatch(start)).toMatchObject({ nextDueAt: after(12).toISOString() });
  });

  it("go out at once when they are full", async () => {
    const recipient = await person({ batching: { maximumSize: 3 } });
    for (let n = 0; n < 7; n++) await owe(recipient, start, { type: "habit.reminder" });
    const { dispatch, requests } = worker();
    await dispatch(start);
    await dispatch(after(0.1));
    expect(requests).toHaveLength(2);
    expect(await database.statuses()).toEqual({ sent: 6, pending: 1 });
  });

  it("are retried as a whole, under the same name", async () => {
    const recipient = await person();
    for (let n = 0; n < 3; n++) await owe(recipient, start, { type: "habit.reminder" });
    let tries = 0;
    const { dispatch, requests } = worker(() => (++tries === 1 ? "transient" : "sent"));
    await dispatch(start);
    await dispatch(after(30));
    expect(await database.statuses()).toEqual({ pending: 3 });
    await dispatch(after(32));
    expect(await database.statuses()).toEqual({ sent: 3 });
    expect(new Set(requests.map(({ messageId }) => messageId)).size).toBe(1);
  });
});

describe("digests", () => {
  it("take every type that may be in one, and wait for their time", async () => {
    const recipient = await person({ digest: { mode: "hourly" } });
    await owe(recipient, after(5), { type: "habit.reminder" });
    await owe(recipient, after(6), { type: "report.weekly", priority: "low" });
    await owe(recipient, after(6), { type: "task.deadline", priority: "high" });
    const { dispatch, requests } = worker();
    expect(await dispatch(after(7))).toMatchObject({ counts: { held: 2, sent: 1 }, open: 0 });
    await pool.query(
      "UPDATE deliveries SET queue = 'digest/lane/0' WHERE queue = 'digest/waiting'",
    );
    expect(await dispatch(after(60), "digest/lane/0")).toMatchObject({ counts: { sent: 2 } });
    expect(requests).toHaveLength(2);
    expect(requests[1]!.messageId).toMatch(/^grp_/);
  });
});

/** As its workflow does, until nothing waits for another's decision. */
async function dispatchUntilDecided(at: Date = after(1)): Promise<void> {
  const { dispatch } = worker();
  for (let second = 0; second < 4; second += 1)
    await dispatch(new Date(at.getTime() + second * 1_500));
}

const messagesTo = async (recipient: string) =>
  (await rowsOf(recipient)).map(({ status, reason }) => reason ?? status);

describe("the same again", () => {
  it("is sent once within the window", async () => {
    const recipient = await person();
    for (const minute of [0, 2, 6, 20])
      await owe(recipient, after(minute), { own: { dedupKey: "k" } });
    const { dispatch, requests } = worker();
    for (const minute of [0, 2, 6, 20]) await dispatch(after(minute));
    // Each within five minutes of the one before, whatever became of that.
    expect((await rowsOf(recipient)).map(({ status }) => status)).toEqual([
      "sent",
      "suppressed",
      "suppressed",
      "sent",
    ]);
    expect(requests).toHaveLength(2);
  });

  it("in newer words goes out in their place, as long as it waits", async () => {
    await setPolicy({ preferences: { maxPerHour: 1 } });
    const recipient = await person();
    await owe(recipient, start);
    const { dispatch } = worker();
    await dispatch(start);
    for (const minute of [1, 2, 3])
      await owe(recipient, after(minute), { own: { collapseKey: "k" } });
    for (const minute of [1, 2, 3, 70, 75]) await dispatch(after(minute));
    expect((await rowsOf(recipient)).map(({ status, reason }) => reason ?? status)).toEqual([
      "sent",
      "superseded",
      "superseded",
      "sent",
    ]);
  });

  it("does not go out after newer words that went out while it waited", async () => {
    const recipient = await person({ quietHours: [{ start: "00:00", end: "24:00" }] });
    await owe(recipient, start, { own: { collapseKey: "k" } });
    const { dispatch } = worker();
    await dispatch(start);
    await owe(recipient, after(1), { priority: "critical", own: { collapseKey: "k" } });
    await dispatch(after(1));
    await pool.query("UPDATE recipients SET preferences = NULL WHERE id = $1", [recipient]);
    await pool.query("UPDATE deliveries SET due_at = $1 WHERE due_at IS NOT NULL", [after(2)]);
    await dispatch(after(2));
    expect((await rowsOf(recipient)).map(({ status, reason }) => reason ?? status)).toEqual([
      "superseded",
      "sent",
    ]);
  });

  it("does not go out beside newer words that are being handed over", async () => {
    const recipient = await person();
    const older = await owe(recipient, start, { own: { collapseKey: "k" } });
    await pool.query("UPDATE deliveries SET due_at = $2 WHERE id = $1", [older, after(2)]);
    await owe(recipient, after(1), { own: { collapseKey: "k" } });
    let answer: (outcome: "sent") => void = () => {};
    const answered = new Promise<"sent">((resolve) => void (answer = resolve));
    const first = worker(() => answered);
    const handingOver = first.dispatch(after(1));
    await expect.poll(() => first.requests).toHaveLength(1);
    await worker().dispatch(after(2));
    answer("sent");
    await handingOver;
    expect((await rowsOf(recipient)).map(({ status, reason }) => reason ?? status)).toEqual([
      "superseded",
      "sent",
    ]);
  });

  it.each([
    ["failed", "sent"],
    ["cancelled", "sent"],
    ["unknown", "superseded"],
  ])("goes out or not where newer words have ended as %s: %s", async (status, expected) => {
    const recipient = await person();
    const older = await owe(recipient, start, { own: { collapseKey: "k" } });
    const newer = await owe(recipient, after(1), { own: { collapseKey: "k" } });
    await pool.query(
      "UPDATE deliveries SET status = $2::delivery_status, reason = 'outcome_unknown', due_at = NULL, finished_at = $3 WHERE id = $1",
      [newer, status, after(2)],
    );
    await worker().dispatch(after(3));
    const row = (await rowsOf(recipient)).find(({ id }) => id === older)!;
    expect(row.reason ?? row.status).toBe(expected);
  });

  it.each([
    ["the same twice", ["a", "a"], ["sent", "duplicate"]],
    ["other words between the same", ["a", "b", "a"], ["superseded", "sent", "sent"]],
  ])(
    "goes out once, and not never, where both keys say something: %s",
    async (_, keys, messages) => {
      const recipient = await person();
      // Ids show the order of requests only to the millisecond.
      for (const [index, dedupKey] of keys.entries())
        await owe(recipient, new Date(start.getTime() + index), {
          own: { dedupKey, collapseKey: "k" },
        });
      await dispatchUntilDecided();
      expect(await messagesTo(recipient)).toEqual(messages);
    },
  );

  it.each<
    [string, { own: Record<string, unknown>; priority?: Priority; type?: string }, Preferences]
  >([
    ["pointless", { own: { expiresAt: start } }, {}],
    ["below what they want", { own: {}, priority: "low" }, { minimumPriority: "normal" }],
    ["switched off", { own: {}, type: "task.deadline" }, { types: { "task.deadline": false } }],
  ])("is sent if the first one was %s and therefore not sent", async (_, first, preferences) => {
    for (const together of [false, true]) {
      const recipient = await person(preferences);
      const { own, ...rest } = first;
      await owe(recipient, start, { ...rest, own: { ...own, dedupKey: "k" } });
      if (!together) await dispatchUntilDecided();
      await owe(recipient, new Date(start.getTime() + 1), { own: { dedupKey: "k" } });
      await dispatchUntilDecided();
      const [before, again] = await messagesTo(recipient);
      expect([before === "sent", again]).toEqual([false, "sent"]);
    }
  });

  it.each<[string, { own: Record<string, unknown>; priority?: Priority }, Preferences]>([
    ["pointless", { own: { expiresAt: start } }, {}],
    ["below what they want", { own: {}, priority: "low" }, { minimumPriority: "normal" }],
  ])("goes out where the newer words are %s", async (_, newer, preferences) => {
    const recipient = await person(preferences);
    const { own, ...rest } = newer;
    await owe(recipient, start, { own: { collapseKey: "k" } });
    await owe(recipient, new Date(start.getTime() + 1), {
      ...rest,
      own: { ...own, collapseKey: "k" },
    });
    await dispatchUntilDecided();
    const [older, ended] = await messagesTo(recipient);
    expect([older, ended === "sent"]).toEqual(["sent", false]);
  });

  it("is sent once if the first one waits for quiet hours, and again if the first one has expired by then", async () => {
    const at = (date: Date) => date.toISOString().slice(11, 16);
    const recipient = await person({ quietHours: [{ start: at(start), end: at(after(60)) }] });
    await owe(recipient, start, { own: { dedupKey: "k" } });
    await owe(recipient, after(1), { own: { dedupKey: "k" } });
    await owe(recipient, start, { own: { dedupKey: "l", expiresAt: after(30) } });
    await owe(recipient, after(2), { own: { dedupKey: "l" } });
    for (const minute of [3, 61, 62, 63]) await dispatchUntilDecided(after(minute));
    const messages = await messagesTo(recipient);
    expect(messages.toSorted()).toEqual(["duplicate", "expired", "sent", "sent"]);
  });

  it("does not go out once it is pointless", async () => {
    const recipient = await person();
    await owe(recipient, start, { own: { expiresAt: after(1) } });
    await worker().dispatch(after(1));
    expect(await rowsOf(recipient)).toEqual([
      expect.objectContaining({ status: "suppressed", reason: "expired" }),
    ]);
  });
});
