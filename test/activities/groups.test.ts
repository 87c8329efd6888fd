import { minuteMs } from "../../domain/time/durations.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createSweepDigests, type Sweep } from "../../activities/sweep-digests.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { digestLaneNames, waitingDigests } from "../../domain/delivery/queues.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { mailbox, createPolicyWorld, shown } from "../support/policy-world.ts";

let database: LedgerDatabase;
let pool: Pool;
let world: ReturnType<typeof createPolicyWorld>;

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
beforeEach(async () => {
  moment = 0;
  await database.empty();
  await pool.query("TRUNCATE policy_versions");
  world = createPolicyWorld(pool);
});
afterAll(() => database.drop());

/** Beyond the clock, so that time is what a test says it is; a Monday at 07:00. */
const start = new Date("2040-01-02T07:00:00Z");
let moment = 0;
const after = (minutes: number) => new Date(start.getTime() + minutes * minuteMs);

/** Inserts a delivery with its own entity and subject, requested shortly after the previous one. */
async function deadline(recipientId: string, task: string, at = start): Promise<string> {
  const type = "task.deadline";
  const delivery = await world.ask({
    recipientId,
    type,
    at: new Date(at.getTime() + ++moment),
    occursAt: after(600),
  });
  const version = newUuid();
  await pool.query(
    `WITH version AS (
       INSERT INTO template_versions (id, template_id, version, content, variables)
       SELECT $2, v.template_id, (SELECT max(version) + 1 FROM template_versions), $3, '{}'
       FROM deliveries d JOIN notifications n ON n.id = d.notification_id JOIN template_versions v ON v.id = n.template_version_id WHERE d.id = $1
       RETURNING id
     )
     UPDATE notifications n SET entity_id = $4, data = jsonb_build_object('task', $4::text), actions = '[{"action":"complete"}]', template_version_id = version.id
     FROM version, deliveries d WHERE d.id = $1 AND n.id = d.notification_id`,
    [delivery, version, { email: { subject: "Do {{ task }}", html: "{{ task }}" } }, task],
  );
  return delivery;
}

const groups = async () =>
  (
    await pool.query<{ id: string; status: string; members: number }>(
      "SELECT id, status, member_count AS members FROM groups ORDER BY id",
    )
  ).rows;

const cancel = (ids: readonly string[]) =>
  pool.query(
    "UPDATE deliveries SET status = 'cancelled', reason = 'delivery_cancelled', due_at = NULL, finished_at = now() WHERE id = ANY($1)",
    [ids],
  );

describe("a batch", () => {
  it("is one mail in the name of the group, and all its members have one outcome", async () => {
    const recipient = await world.recipient();
    const members: string[] = [];
    for (const task of ["a", "b", "c"]) members.push(await deadline(recipient, task));
    const { dispatch, requests } = world.worker();
    await dispatch(after(1));
    expect(requests).toEqual([]);
    await dispatch(after(31));

    const [group] = await groups();
    expect(group).toMatchObject({ status: "closed", members: 3 });
    expect(requests).toMatchObject([
      {
        messageId: publicId("group", group!.id),
        templateVersionId: "default-batch-1",
        data: {
          count: 3,
          title: "3 task deadlines approaching",
          items: [{ title: "Do a" }, { title: "Do b" }, { title: "Do c" }],
          more: 0,
          entityIds: ["a", "b", "c"],
        },
        actions: [{ action: "complete", label: "Mark all as done" }],
      },
    ]);
    const { rows } = await pool.query<{ delivery: string; attempt: object }>(
      `SELECT d.id AS delivery, to_jsonb(a) - 'delivery_id' AS attempt FROM deliveries d JOIN attempts a ON a.delivery_id = d.id
       WHERE d.status = 'sent' AND d.group_id = $1 ORDER BY d.id`,
      [group!.id],
    );
    expect(rows.map(({ delivery }) => delivery)).toEqual(members);
    for (const { attempt } of rows) expect(attempt).toEqual(rows[0]!.attempt);
  });

  it("whose own summary cannot be rendered goes out in the words that every summary has", async () => {
    const recipient = await world.recipient();
    const version = await world.seed.templateVersion("{% assign x = data | broken %}");
    await pool.query(
      "UPDATE templates SET key = 'ours' WHERE id = (SELECT template_id FROM template_versions WHERE id = $1)",
      [version],
    );
    await pool.query(
      `UPDATE notification_types SET document = document || '{"summaryTemplate":"ours"}' WHERE key = 'task.deadline'`,
    );
    for (const task of ["a", "b"]) await deadline(recipient, task);
    const { dispatch, requests } = world.worker(({ templateVersionId }) =>
      templateVersionId === version ? "template_error" : "sent",
    );
    try {
      await dispatch(after(1));
      await dispatch(after(31));
    } finally {
      await pool.query(
        "UPDATE notification_types SET document = document - 'summaryTemplate' WHERE key = 'task.deadline'",
      );
    }
    const [group] = await groups();
    expect(requests).toMatchObject([
      { messageId: publicId("group", group!.id), templateVersionId: version },
      { messageId: publicId("group", group!.id), templateVersionId: "default-batch-1" },
    ]);
    expect(await database.statuses()).toEqual({ sent: 2 });
  });

  it("waits for a transaction that removes members, without blocking it", async () => {
    const recipient = await world.recipient();
    await deadline(recipient, "a");
    const { dispatch } = world.worker();
    await dispatch(after(1));
    await deadline(recipient, "b", after(2));
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("SELECT FROM groups FOR UPDATE");
      const merged = dispatch(after(3));
      const waits =
        "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      await expect
        .poll(async () => (await pool.query<{ count: number }>(waits)).rows[0]!.count)
        .toBe(1);
      await client.query("SELECT FROM open_deliveries FOR UPDATE");
      await client.query("COMMIT");
      await merged;
    } finally {
      client.release();
    }
    expect(await groups()).toMatchObject([{ status: "open", members: 2 }]);
  });

  it("fails as a whole", async () => {
    const recipient = await world.recipient();
    for (const task of ["a", "b"]) await deadline(recipient, task);
    const { dispatch, requests } = world.worker(() => "permanent");
    await dispatch(after(1));
    await dispatch(after(31));
    expect(requests).toHaveLength(1);
    expect(await database.statuses()).toEqual({ failed: 2 });
  });

  it("is retried with the same Message-ID, without members that were removed meanwhile", async () => {
    const recipient = await world.recipient();
    const members: string[] = [];
    for (const task of ["a", "b", "c"]) members.push(await deadline(recipient, task));
    let outcome: "transient" | "sent" = "transient";
    const { dispatch, requests } = world.worker(() => outcome);
    await dispatch(after(1));
    await dispatch(after(31));
    expect(await database.statuses()).toEqual({ pending: 3 });
    await cancel([members[1]!]);
    outcome = "sent";
    await dispatch(after(40));
    expect(await database.statuses()).toEqual({ sent: 2, cancelled: 1 });
    expect(requests.map(({ data }) => data["count"])).toEqual([3, 2]);
    expect(requests[1]!.messageId).toBe(requests[0]!.messageId);
  });

  it("with one remaining member is sent as that member; without members it is not sent", async () => {
    const [one, none] = [await world.recipient(), await world.recipient()];
    const left = await deadline(one, "a");
    const gone = [await deadline(one, "b"), await deadline(none, "c"), await deadline(none, "d")];
    const { dispatch, requests } = world.worker();
    await dispatch(after(1));
    await cancel(gone);
    await dispatch(after(31));
    expect(requests).toMatchObject([{ messageId: shown(left), data: { task: "a" } }]);
    expect(await database.statuses()).toEqual({ sent: 1, cancelled: 3 });
  });
});

describe("a digest", () => {
  const sweep = (at: Date) =>
    atLedgerTime(
      pool,
      at,
      () =>
        new MockActivityEnvironment().run(
          createSweepDigests({ pool, wake: () => Promise.resolve() }),
        ) as Promise<Sweep>,
    );
  const daily = { digest: { mode: "daily", time: "08:00" } };

  it("is one mail by type at its time, to each who has something waiting", async () => {
    const [one, other, idle] = await Promise.all(
      [daily, daily, daily].map((preferences) => world.recipient({ preferences })),
    );
    for (const task of ["a", "b"]) await deadline(one!, task);
    await world.ask({ recipientId: one!, type: "report.weekly", priority: "low", at: start });
    await deadline(other!, "c", after(10));
    const single = await world.ask({ recipientId: idle!, at: start });
    const { dispatch, requests } = world.worker();
    await dispatch(after(11));
    // What has no type waits for no digest.
    expect(requests).toMatchObject([{ messageId: shown(single) }]);
    expect(await sweep(after(59))).toMatchObject({ deliveries: 0 });

    const { deliveries, recipients, lanes } = await sweep(after(60));
    expect({ deliveries, recipients }).toEqual({ deliveries: 4, recipients: 2 });
    for (const lane of lanes) await dispatch(after(60), lane);
    expect(await database.statuses()).toEqual({ sent: 5 });
    const [, ...digests] = requests;
    expect(digests).toHaveLength(2);
    const own = await groups();
    expect(digests.find(({ data }) => data["count"] === 3)).toMatchObject({
      templateVersionId: "default-digest-1",
      data: {
        title: "Your digest: 3 notifications",
        sections: [
          {
            type: { key: "task.deadline" },
            count: 2,
            items: [{ title: "Do a" }, { title: "Do b" }],
          },
          { type: { key: "report.weekly" }, count: 1, items: [{ title: "Hello" }] },
        ],
      },
    });
    expect(own.map(({ id }) => publicId("group", id))).toContain(
      digests.find(({ data }) => data["count"] === 3)!.messageId,
    );
    // One by itself needs no summary.
    expect(digests.find(({ data }) => data["task"] === "c")!.messageId).toMatch(/^dlv_/);

    // Nothing pending, nothing sent.
    expect(await sweep(after(24 * 60 + 60))).toEqual({ deliveries: 0, recipients: 0, lanes: [] });
    for (const lane of digestLaneNames) await dispatch(after(24 * 60 + 60), lane);
    expect(requests).toHaveLength(3);
  });

  it("is whole though only some of its members were moved before it is sent", async () => {
    const recipient = await world.recipient({ preferences: daily });
    const [first] = [await deadline(recipient, "a"), await deadline(recipient, "b")];
    const { dispatch, requests } = world.worker();
    await dispatch(after(1));
    await pool.query("UPDATE deliveries SET queue = $2 WHERE id = $1", [first, digestLaneNames[0]]);
    await dispatch(after(60), digestLaneNames[0]);
    expect(requests).toMatchObject([{ data: { count: 2 } }]);
    expect(await sweep(after(60))).toMatchObject({ deliveries: 0 });
    expect(await database.statuses()).toEqual({ sent: 2 });
  });

  it("that no provider took goes out when one does, and not with the next", async () => {
    const recipient = await world.recipient({ preferences: daily });
    for (const task of ["a", "b"]) await deadline(recipient, task);
    const { channel, dispatch, requests } = world.worker();
    await dispatch(after(1));
    const { lanes } = await sweep(after(60));
    vi.spyOn(channel, "send").mockResolvedValueOnce({
      kind: "held",
      reason: "provider_unavailable",
      // By the worker's own clock.
      until: new Date(Date.now() + 10 * 60_000),
    });
    await dispatch(after(60), lanes[0]);
    expect(await database.statuses()).toEqual({ pending: 2 });
    // Others come before it then, and it waits once more.
    await world.ask({ recipientId: recipient, priority: "high", at: after(70) });
    await dispatch(after(70));
    await dispatch(after(70), lanes[0]);
    expect(await database.statuses()).toEqual({ pending: 2, sent: 1 });
    await dispatch(after(72), lanes[0]);
    expect(requests.slice(1)).toMatchObject([{ data: { count: 2 } }]);
    expect(await database.statuses()).toEqual({ sent: 3 });
    expect(await groups()).toMatchObject([{ status: "closed", members: 2 }]);
  });

  it("is one mail however much has gathered", async () => {
    const recipient = await world.recipient({ preferences: daily });
    const types = ["task.deadline", "habit.reminder", "report.weekly"];
    for (let n = 0; n < 450; n++)
      await world.ask({ recipientId: recipient, type: types[n % 3], at: start });
    const { dispatch, requests } = world.worker();
    for (let rows = 450; rows > 0;) {
      await dispatch(after(1));
      rows = (await pool.query("SELECT FROM deliveries WHERE queue = $1", [mailbox])).rowCount!;
    }
    const { rowCount } = await pool.query("SELECT FROM deliveries WHERE queue = $1", [
      waitingDigests,
    ]);
    expect(rowCount).toBe(450);
    const { lanes } = await sweep(after(60));
    expect(lanes).toHaveLength(1);
    await dispatch(after(60), lanes[0]);
    expect(await database.statuses()).toEqual({ sent: 450 });
    expect(requests).toMatchObject([{ data: { count: 450 } }]);
    const { sections } = requests[0]!.data as { sections: { count: number; more: number }[] };
    expect(sections.map(({ count, more }) => [count, more])).toEqual([
      [150, 140],
      [150, 140],
      [150, 140],
    ]);
  });
});
