// Before anything else of ours: schemas can only be described in OpenAPI if they are made after its library is there.
import { startApi, type Api } from "../api/harness.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import type { Pool } from "pg";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { batchRows, createExpired, type Removal } from "../../ledger/retention.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { createUncachedClock, atLedgerTime } from "../support/ledger-time.ts";
import { createRemoveExpired, type RemovalRound } from "../../activities/remove-expired.ts";
import { campaignGate } from "../../domain/delivery/gates.ts";
import { newUuid } from "../../domain/ids.ts";
import { retentionTables, type RetentionTable } from "../../domain/retention.ts";
import { createPool } from "../../ledger/worker-pool.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { wantedMessages } from "../support/wanted.ts";
import { createExpiringRows, daysAgo } from "../support/expiring.ts";
import { createSeeder } from "../support/seed.ts";

const retention = { deliveriesDays: 90, auditDays: 365, idempotencyDays: 3, inboxDays: 90 };
const [old, recent] = [daysAgo(91), daysAgo(89)];

let api: Api;
let pool: Pool;
let seed: ReturnType<typeof createSeeder>;
let make: ReturnType<typeof createExpiringRows>;

beforeAll(async () => {
  api = await startApi();
  pool = createPool({
    url: api.pool.options.connectionString!,
    connections: 4,
    logger: pino({ level: "silent" }),
  });
  seed = createSeeder(pool);
  make = createExpiringRows(pool);
});
beforeEach(() =>
  pool.query(
    "TRUNCATE recipients, templates, template_versions, notifications, campaigns, open_deliveries, ended_deliveries, earlier_attempts, gates, audit_entries, idempotency_keys, events, groups, inline_contents, attachments CASCADE",
  ),
);
afterAll(async () => {
  await pool.end();
  await api.stop();
});

/**
 * Gives two notifications a content, an attachment and a copy, and makes some that are used by none: long unused, and used a short time
 * ago although they are old.
 */
async function makeRequestParts(gone: string, kept: string) {
  const content = async (usedAt: Date) => {
    const id = newUuid(old);
    await pool.query("INSERT INTO inline_contents VALUES ($1, $2, '{}', $3, $4)", [
      id,
      id,
      old,
      usedAt,
    ]);
    return id;
  };
  const attachment = async (usedAt: Date) => {
    const id = newUuid(old);
    await pool.query(
      "INSERT INTO attachments (id, hash, size, key, description, content, created_by, created_at, used_at) VALUES ($1, $2, 1, '', '', '', 'test', $3, $4)",
      [id, id, old, usedAt],
    );
    return id;
  };
  const contents = [await content(old), await content(recent), await content(old)];
  const attachments = [await attachment(old), await attachment(recent), await attachment(old)];
  for (const [index, id] of [gone, kept].entries()) {
    const place = index * 2;
    await pool.query("UPDATE notifications SET content_id = $2 WHERE id = $1", [
      id,
      contents[place],
    ]);
    await pool.query("INSERT INTO notification_attachments VALUES ($1, 0, $2)", [
      id,
      attachments[place],
    ]);
    await pool.query(
      "INSERT INTO notification_copies (notification_id, position, kind, address) VALUES ($1, 0, 'cc', 'a@example.org')",
      [id],
    );
  }
  return { keptContents: contents.slice(1), keptAttachments: attachments.slice(1) };
}

type Deps = Parameters<typeof createRemoveExpired>[0];

function remove(
  table: RetentionTable,
  deps: Partial<Deps> = {},
  environment = new MockActivityEnvironment(),
  after: string | null = null,
): Promise<Removal> {
  const activity = createRemoveExpired({
    pool,
    retention,
    clock: createUncachedClock(pool),
    ...deps,
  });
  const round = environment.run(activity, { table, after }) as Promise<RemovalRound>;
  return round.then(({ asOf: _asOf, ...removal }) => removal);
}

async function removeAll(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of retentionTables) {
    const { removed, after } = await remove(table);
    expect(after).toBeNull();
    counts[table] = removed;
  }
  return counts;
}

const idsIn = async (table: string, column = "id") =>
  new Set(
    (await pool.query<{ id: string }>(`SELECT ${column} AS id FROM ${table}`)).rows.map(
      ({ id }) => id,
    ),
  );

describe("items of inboxes", () => {
  it("are removed once they have been there for long, whatever their delivery is", async () => {
    const [recipientId] = await seed.recipients(1);
    const insert = async (id: string, arrived: Date) => {
      await pool.query(
        "INSERT INTO inbox_items (id, recipient_id, title, body, priority, created_at) VALUES ($1, $2, 'A', 'B', 'normal', $3)",
        [id, recipientId, arrived],
      );
      return id;
    };
    await insert(newUuid(old), old);
    // Those that were held for long have arrived later than their id says.
    const kept = [await insert(newUuid(old), recent), await insert(newUuid(), new Date())];
    expect(await remove("inbox_items")).toEqual({ removed: 1, after: null });
    expect(await idsIn("inbox_items")).toEqual(new Set(kept));
  });

  it("are removed in batches, and so are the engagement and the outages of deliveries that are removed", async () => {
    const [recipientId] = await seed.recipients(1);
    await pool.query(
      "INSERT INTO inbox_items (id, recipient_id, title, body, priority, created_at) SELECT gen_random_uuid(), $1, 'A', 'B', 'normal', $2::timestamptz + n * interval '1 ms' FROM generate_series(1, $3::int) n",
      [recipientId, old, batchRows + 10],
    );
    const { deliveries } = await make.notification({ recipients: [recipientId!], at: old });
    const other = newUuid();
    for (const id of [...deliveries, other])
      await Promise.all([
        pool.query(
          "INSERT INTO engagements (delivery_id, recipient_id, seen_at, handed_at, channel) VALUES ($1, $2, now(), now(), 'email')",
          [id, recipientId],
        ),
        pool.query("INSERT INTO diversions VALUES ($1, 'email', now(), now())", [id]),
      ]);
    expect(await remove("inbox_items")).toEqual({ removed: batchRows + 10, after: null });
    await remove("deliveries");
    expect(await idsIn("engagements", "delivery_id")).toEqual(new Set([other]));
    expect(await idsIn("diversions", "delivery_id")).toEqual(new Set([other]));
  });
});

describe("attachments of campaigns", () => {
  it("are kept until the campaign has been over for as long as deliveries are kept", async () => {
    const campaigns = [
      await make.campaign({ finishedAt: null }),
      await make.campaign({ finishedAt: recent }),
      await make.campaign({ finishedAt: old }),
    ];
    const files: string[] = [];
    for (const { id } of campaigns) {
      const file = newUuid(old);
      files.push(file);
      await pool.query(
        "INSERT INTO attachments (id, hash, size, key, description, content, created_by, created_at, used_at) VALUES ($1, $2, 1, '', '', '', 'test', $3, $3)",
        [file, file, old],
      );
      await pool.query("UPDATE campaigns SET attachment_ids = ARRAY[$2::uuid] WHERE id = $1", [
        id,
        file,
      ]);
    }
    expect(await remove("attachments")).toEqual({ removed: 1, after: null });
    expect(await idsIn("attachments")).toEqual(new Set(files.slice(0, 2)));
  });
});

describe("maintenance", () => {
  it("removes what is past its retention and nothing else, and finds nothing the second time", async () => {
    const recipients = await seed.recipients(1);
    const over = await make.campaign({ finishedAt: old });
    const running = await make.campaign({ finishedAt: null });
    const notification = (at: Date) => make.notification({ recipients, at });
    const gone = await notification(old);
    const keptNotifications = [
      await notification(recent),
      // Accepted long ago, due only now.
      await make.notification({ recipients, at: old, status: "pending" }),
      // Accepted long ago, sent not so long ago.
      await make.notification({ recipients, at: old, finishedAt: recent }),
    ];
    const goneDeliveries = await make.deliveries({ campaign: over.id, count: 3, at: old });
    const keptDeliveries = [
      ...keptNotifications.flatMap(({ deliveries }) => deliveries),
      ...(await make.deliveries({ campaign: over.id, count: 2, at: old, finishedAt: recent })),
      ...(await make.deliveries({ campaign: running.id, count: 2, at: old })),
      ...(await make.deliveries({ campaign: running.id, count: 1, at: old, status: "sending" })),
    ];
    const keptAudit = [await make.auditEntry(daysAgo(364)), await make.auditEntry(new Date())];
    await make.auditEntry(daysAgo(366));
    await make.idempotencyKey("old", daysAgo(4));
    await make.idempotencyKey("recent", daysAgo(2));
    for (const { publicId } of [over, running]) await make.gate(campaignGate(publicId));
    await make.gate("something/else");
    await make.event({ delivery: goneDeliveries[0]!, at: old });
    const keptEvents = [
      // Of what is not kept any more, but not so long ago; long ago, of what is kept.
      await make.event({ delivery: goneDeliveries[0]!, at: recent }),
      await make.event({ delivery: keptDeliveries[0]!, at: old }),
    ];

    const [recipient] = recipients as [string];
    for (const delivery of [undefined, gone.deliveries[0]!])
      await make.group({ recipient, at: old, ...(delivery && { delivery }) });
    const keptGroups = [
      await make.group({ recipient, at: recent }),
      await make.group({ recipient, at: old, delivery: keptDeliveries[0]! }),
    ];

    for (const [key, at] of [
      ["old", daysAgo(31)],
      ["recent", daysAgo(29)],
    ] as const)
      await pool.query("INSERT INTO inbound_reports VALUES ($1, 'smtp', 'delayed', NULL, $2)", [
        key,
        at,
      ]);

    const requests = await makeRequestParts(gone.id, keptNotifications[0]!.id);

    expect(await removeAll()).toEqual({
      deliveries: goneDeliveries.length + gone.deliveries.length,
      notifications: 1,
      gates: 1,
      audit_entries: 1,
      idempotency_keys: 1,
      events: 1,
      groups: 2,
      inline_contents: 1,
      attachments: 1,
      inbox_items: 0,
      topic_subscriptions: 0,
      inbound_reports: 1,
    });
    expect(await idsIn("inbound_reports", "key")).toEqual(new Set(["recent"]));
    expect(await idsIn("inline_contents")).toEqual(new Set(requests.keptContents));
    expect(await idsIn("attachments")).toEqual(new Set(requests.keptAttachments));
    expect(await idsIn("notification_copies", "notification_id")).toEqual(
      new Set([keptNotifications[0]!.id]),
    );
    expect(await idsIn("groups")).toEqual(new Set(keptGroups));
    expect(await idsIn("events")).toEqual(new Set(keptEvents));
    expect(await idsIn("deliveries")).toEqual(new Set(keptDeliveries));
    // Each delivery that has ended was made with an attempt.
    expect(await idsIn("attempts", "delivery_id")).toEqual(
      new Set(
        (
          await pool.query<{ id: string }>("SELECT id FROM deliveries WHERE due_at IS NULL")
        ).rows.map(({ id }) => id),
      ),
    );
    expect(await idsIn("notifications")).toEqual(new Set(keptNotifications.map(({ id }) => id)));
    expect(await idsIn("audit_entries")).toEqual(new Set(keptAudit));
    expect(await idsIn("idempotency_keys", "key")).toEqual(new Set(["recent"]));
    expect(await idsIn("gates", "key")).toEqual(
      new Set([campaignGate(running.publicId), "something/else"]),
    );

    expect(await removeAll()).toEqual(
      Object.fromEntries(retentionTables.map((table) => [table, 0])),
    );
  });

  it("keeps the account of a campaign adding up at every instant, while it runs and afterwards", async () => {
    const { id, publicId } = await make.campaign({ finishedAt: old, audience: 4_000 });
    for (const [status, count] of [
      ["sent", 3_000],
      ["failed", 700],
      ["suppressed", 300],
    ] as const)
      await make.deliveries({ campaign: id, count, at: old, status });
    const account = async () =>
      (await api.send("GET", `/v1/campaigns/${publicId}/reconciliation`)).body;
    const before = await account();
    expect(before).toMatchObject({ audience: 4_000, sent: 3_000, failed: 700, reconciled: true });

    let removing = true;
    const removal = remove("deliveries").finally(() => (removing = false));
    let looks = 0;
    while (removing) {
      expect(await account()).toEqual(before);
      looks++;
    }
    expect(await removal).toEqual({ removed: 4_000, after: null });
    expect(looks).toBeGreaterThan(2);
    expect(await account()).toEqual(before);
    expect((await idsIn("deliveries")).size).toBe(0);
    expect((await api.send("GET", `/v1/campaigns/${publicId}/progress`)).body).toMatchObject({
      audience: 4_000,
      counts: { sent: 3_000, failed: 700, suppressed: 300, pending: 0 },
    });
    expect(await advanceCampaign(pool, publicId)).toMatchObject({
      next: "finished",
      counts: { sent: 3_000, failed: 700, suppressed: 300 },
      reconciled: true,
    });
  });

  it("keeps the deliveries of a recalled campaign while it may be corrected", async () => {
    const campaign = async (recalledAt: Date) => {
      const made = await make.campaign({ finishedAt: old, recalledAt });
      return {
        ...made,
        deliveries: await make.deliveries({ campaign: made.id, count: 2, at: old }),
      };
    };
    const lately = await campaign(daysAgo(29));
    const longAgo = await campaign(daysAgo(31));
    const awaited = await campaign(daysAgo(80));
    const correction = await make.campaign({ finishedAt: null, corrects: awaited.id });
    await make.campaign({ finishedAt: old, corrects: longAgo.id });

    await remove("deliveries");
    const kept = new Set([...lately.deliveries, ...awaited.deliveries]);
    expect(await idsIn("deliveries")).toEqual(kept);

    await pool.query("UPDATE campaigns SET frozen_at = now() WHERE id = $1", [correction.id]);
    await remove("deliveries");
    expect(await idsIn("deliveries")).toEqual(new Set(lately.deliveries));
  });

  it("goes on where it was cut off, past what it keeps", async () => {
    const { id } = await make.campaign({ finishedAt: old });
    const kept = await make.deliveries({
      campaign: id,
      count: batchRows,
      at: old,
      finishedAt: recent,
    });
    await make.deliveries({ campaign: id, count: 2 * batchRows, at: daysAgo(90.5) });
    const firsts: unknown[] = [];
    let statements = 0;
    const breaking = {
      query: (text: string, values: unknown[]) => {
        firsts.push(values[0]);
        if (++statements === 3) throw new Error("the connection is gone");
        return pool.query(text, values);
      },
    } as unknown as Pool;
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") });
    const beats: Removal[] = [];
    environment.on("heartbeat", (details: Removal) => beats.push(details));
    await expect(remove("deliveries", { pool: breaking }, environment)).rejects.toThrow("gone");
    expect(beats).toMatchObject([{ removed: 0 }, { removed: batchRows }]);

    const retry = new MockActivityEnvironment({ attempt: 2, heartbeatDetails: beats.at(-1) });
    expect(await remove("deliveries", { pool: breaking }, retry)).toEqual({
      removed: 2 * batchRows,
      after: null,
    });
    // No page was read twice: each begins where one before ended.
    expect(new Set(firsts).size).toBe(firsts.length - 1);
    expect(firsts[3]).toBe(firsts[2]);
    expect(await idsIn("deliveries")).toEqual(new Set(kept));
  });

  it("ends a round at its time, or when its worker stops, and says where to go on", async () => {
    const { id } = await make.campaign({ finishedAt: old });
    await make.deliveries({ campaign: id, count: 2 * batchRows + 1, at: old });
    const first = await remove("deliveries", { roundMs: 0 });
    expect(first).toEqual({ removed: batchRows, after: expect.any(String) });
    const environment = new MockActivityEnvironment();
    environment.on("heartbeat", () => environment.cancel());
    const second = await remove("deliveries", {}, environment, first.after);
    expect(second.removed).toBe(batchRows);
    expect(await remove("deliveries", {}, undefined, second.after)).toEqual({
      removed: 1,
      after: null,
    });
  });

  it("uses the ledger's clock, and no clock that is ahead of it", async () => {
    const recipients = await seed.recipients(1);
    await make.notification({ recipients, at: recent });
    const activity = createRemoveExpired({ pool, retention, clock: createUncachedClock(pool) });
    const run = (asOf?: Date) =>
      new MockActivityEnvironment().run(activity, {
        table: "deliveries" as const,
        asOf: asOf?.toISOString(),
        after: null,
      }) as Promise<RemovalRound>;
    // What the workflows of earlier versions said, whose clock was Temporal's.
    expect(await run(daysAgo(-60))).toMatchObject({ removed: 0, after: null });
    const later = daysAgo(-30);
    await atLedgerTime(pool, later, async () => {
      expect(await run(new Date())).toMatchObject({ removed: 0, after: null });
      const { removed, asOf } = await run();
      expect(removed).toBe(1);
      expect(Date.parse(asOf)).toBeGreaterThanOrEqual(later.getTime());
    });
  });
});

describe("a batch", () => {
  const clients: (() => void)[] = [];
  afterEach(() => clients.splice(0).forEach((release) => release()));

  /** A transaction in which no lock is waited for longer than an instant. */
  async function impatient() {
    const client = await pool.connect();
    clients.push(() => client.release(true));
    await client.query("BEGIN");
    await client.query("SET LOCAL lock_timeout = '20ms'");
    return client;
  }
  const batch = (on: Pick<Pool, "query">, table: RetentionTable) =>
    createExpired({ pool: on as Pool, retention }).remove({ table, now: new Date(), after: null });

  it("does not block claims, settlements or accepting, however long it takes", async () => {
    const recipients = await seed.recipients(20);
    const { id } = await make.campaign({ finishedAt: old });
    await make.deliveries({ campaign: id, count: 500, at: old });
    const queue = "mailbox/0";
    await make.notification({ recipients, at: old });
    await make.notification({ recipients, at: old, status: "pending", queue });

    const removal = await impatient();
    for (const table of retentionTables) await batch(removal, table);
    const others = await impatient();
    const ledger = createLedger(others as unknown as Pool);
    const due = await ledger.due({ queue, channels: ["email"], limit: 100, except: [] });
    expect(due).toHaveLength(20);
    const token = newUuid();
    const wanted = wantedMessages(due);
    const { claimed } = await ledger.settleAndClaim({
      settled: [],
      wanted,
      token,
      leaseMs: 10_000,
      localAheadMs: 0,
    });
    expect(claimed.size).toBe(20);
    await ledger.settle(
      due.map((row) => ({
        ...row,
        token,
        attemptCount: 1,
        attempts: [],
        settlement: { status: "sent", reason: null },
      })),
    );
    await createExpiringRows(others).notification({
      recipients,
      at: new Date(),
      status: "pending",
    });
    await others.query("COMMIT");
    await removal.query("COMMIT");
    expect((await idsIn("deliveries")).size).toBe(40);
  });

  it("waits for no lock: rows that are locked, or whose campaign is, stay until the next run", async () => {
    const recipients = await seed.recipients(3);
    const [locked, free] = [
      await make.campaign({ finishedAt: old }),
      await make.campaign({ finishedAt: old }),
    ];
    const ofLocked = await make.deliveries({ campaign: locked.id, count: 2, at: old });
    const [first] = await make.deliveries({ campaign: free.id, count: 2, at: old });
    const [notification, other] = [
      await make.notification({ recipients, at: old }),
      await make.notification({ recipients, at: old }),
    ];
    await make.idempotencyKey("one", old);
    const entry = await make.auditEntry(daysAgo(400));
    await make.auditEntry(daysAgo(400));

    const holder = await impatient();
    await holder.query("SELECT FROM campaigns WHERE id = $1 FOR NO KEY UPDATE", [locked.id]);
    await holder.query("SELECT FROM ended_deliveries WHERE id = ANY ($1) FOR UPDATE", [
      [first, ...other.deliveries],
    ]);
    await holder.query("SELECT FROM audit_entries WHERE id = $1 FOR UPDATE", [entry]);
    await holder.query("SELECT FROM idempotency_keys FOR UPDATE");
    const removal = await impatient();
    for (const table of retentionTables) await batch(removal, table);
    await removal.query("COMMIT");
    await holder.query("COMMIT");

    expect(await idsIn("deliveries")).toEqual(new Set([first, ...ofLocked, ...other.deliveries]));
    expect(await idsIn("notifications")).toEqual(new Set([other.id]));
    expect(await idsIn("audit_entries")).toEqual(new Set([entry]));
    expect((await idsIn("idempotency_keys", "key")).size).toBe(1);
    expect(notification.deliveries).toHaveLength(3);
    await removeAll();
    expect((await idsIn("deliveries")).size).toBe(0);
  });

  it("counts each row once where two remove at the same time", async () => {
    const { id, publicId } = await make.campaign({ finishedAt: old, audience: 3_000 });
    await make.deliveries({ campaign: id, count: 3_000, at: old });
    const counts = await Promise.all([
      remove("deliveries"),
      // Under the triggers of foreign keys, which a worker may do without.
      remove("deliveries", { pool: api.pool }),
    ]);
    expect(counts.reduce((sum, { removed }) => sum + removed, 0)).toBe(3_000);
    expect((await api.send("GET", `/v1/campaigns/${publicId}/reconciliation`)).body).toMatchObject({
      sent: 3_000,
      reconciled: true,
    });
  });

  it("looks at a page of the index, and not at the table", async () => {
    const { id } = await make.campaign({ finishedAt: recent });
    await make.deliveries({ campaign: id, count: 5_000, at: recent });
    await make.deliveries({ campaign: id, count: 200, at: old, finishedAt: recent });
    const scans = async () =>
      (
        await pool.query<{ scans: string }>(
          "SELECT pg_stat_get_numscans('deliveries'::regclass) AS scans",
        )
      ).rows[0]!.scans;
    await pool.query("SELECT pg_stat_force_next_flush()");
    const before = await scans();
    await batch(pool, "deliveries");
    await pool.query("SELECT pg_stat_force_next_flush()");
    expect(await scans()).toBe(before);
  });
});
