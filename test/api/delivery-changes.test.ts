import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { changeDeliveries } from "../../api/deliveries/changes.ts";
import { applyOperatorChange } from "../../ledger/operator-changes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { advanceCampaign, createCampaignWorker } from "../support/campaign-worker.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 8);
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, earlier_attempts, notifications, campaigns, audit_entries CASCADE`;
  api.woken.length = 0;
});
afterAll(() => api.stop());

const post = (path: string, body?: unknown, headers = {}) =>
  api.send("POST", path, body, { "x-request-id": "a-change", ...headers });

interface Shown {
  id: string;
  status: string;
}

async function deliveriesOf(query: string): Promise<Shown[]> {
  return (await api.send("GET", `/v1/deliveries?limit=200&sort=createdAt&${query}`)).body.items;
}

async function notified(...recipients: string[]): Promise<Shown[]> {
  const { body } = await post("/v1/notifications", {
    recipients,
    template: { key: sampleTemplate.key },
    data: { order: "1" },
  });
  return deliveriesOf(`notification=${body.id}`);
}

/** As a worker leaves them. */
async function settle(
  deliveries: readonly Shown[],
  status: "sent" | "failed" | "unknown" | "sending",
): Promise<void> {
  const reasons = {
    failed: "provider_rejected",
    unknown: "outcome_unknown",
    sent: null,
    sending: null,
  };
  const reason = reasons[status];
  await api.prisma.$executeRaw`
    UPDATE deliveries SET status = ${status}::text::delivery_status, attempt_count = 3, reason = ${reason}, detail = ${reason},
      due_at = CASE ${status} WHEN 'sending' THEN due_at END, finished_at = CASE ${status} WHEN 'sending' THEN NULL ELSE now() END,
      lease_until = CASE ${status} WHEN 'sending' THEN now() + interval '1 minute' END
    WHERE id = ANY(${deliveries.map(({ id }) => parsePublicId("delivery", id)!)}::uuid[])`;
}

const advance = (campaignId: string, pool: Pool = api.pool) => advanceCampaign(pool, campaignId);

/** One that has begun: its audience of eight is in the ledger. */
async function begunCampaign(): Promise<{ id: string; deliveries: Shown[] }> {
  const { body } = await post("/v1/campaigns", {
    name: "c",
    template: { key: sampleTemplate.key },
    data: { order: "1" },
    audience: { all: true },
  });
  await post(`/v1/campaigns/${body.id}/start`);
  await advance(body.id);
  return { id: body.id, deliveries: await deliveriesOf(`campaign=${body.id}`) };
}

async function completedCampaign(failed: number): Promise<{ id: string; deliveries: Shown[] }> {
  const { id, deliveries } = await begunCampaign();
  await settle(deliveries.slice(0, failed), "failed");
  await settle(deliveries.slice(failed), "sent");
  expect(await advance(id)).toMatchObject({ next: "finished", status: "completed" });
  api.woken.length = 0;
  return { id, deliveries };
}

const campaignStatus = async (id: string) =>
  (await api.send("GET", `/v1/campaigns/${id}`)).body.status;

const trail = async () =>
  (await api.send("GET", "/v1/audit?action=delivery&sort=createdAt")).body.items;

describe("POST /v1/deliveries/{id}/retry", () => {
  it("has what was snoozed tried again without its campaign, which stays completed", async () => {
    const { id, deliveries } = await completedCampaign(0);
    const primary = parsePublicId("delivery", deliveries[0]!.id)!;
    const snoozed = newUuid();
    await api.prisma.$executeRaw`
      INSERT INTO deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, status, reason, finished_at)
      SELECT ${snoozed}::uuid, campaign_id, recipient_id, 'snooze:1', channel, priority, 'mailbox/0', 'failed', 'attempts_exhausted', now()
      FROM deliveries WHERE id = ${primary}::uuid`;
    const { body } = await post(`/v1/deliveries/${publicId("delivery", snoozed)}/retry`);
    expect(body).toMatchObject({ status: "pending", leg: "snooze:1" });
    expect(api.woken).toContain("mailbox/0");
    expect(await campaignStatus(id)).toBe("completed");
    expect(await advance(id)).toMatchObject({ counts: { sent: 8 }, reconciled: true });
  });

  it("sends what failed of its template with the version that it names, and leaves alone what has none such", async () => {
    const { id, deliveries } = await completedCampaign(2);
    const { body: versioned } = await post(`/v1/templates/${sampleTemplate.key}/versions`, {
      content: { email: { subject: "Mended", html: "<p>Mended {{ order }}</p>" } },
      variables: sampleTemplate.variables,
      activate: false,
    });
    expect(versioned).toMatchObject({ latestVersion: 2, activeVersion: { version: 1 } });
    const [first, second] = deliveries as [Shown, Shown];
    expect(await post(`/v1/deliveries/${first.id}/retry`, { templateVersion: 7 })).toMatchObject({
      status: 409,
      body: { detail: "The template of the delivery has no such version." },
    });
    expect(
      (await post("/v1/deliveries/retry", { where: { campaign: id }, templateVersion: 7 })).body,
    ).toMatchObject({ changed: 0, skipped: { noSuchVersion: 2 } });
    await post(`/v1/deliveries/${first.id}/retry`, { templateVersion: 2 });
    await post("/v1/deliveries/retry", { ids: [second.id] });
    const worker = createCampaignWorker(api.pool);
    await worker.run(id);
    const subjects = worker.requests.map(({ messageId, content }) => [
      messageId,
      content.email?.subject,
    ]);
    expect(new Map(subjects as [string, string][])).toEqual(
      new Map([
        [first.id, "Mended"],
        [second.id, sampleTemplate.content.email.subject],
      ]),
    );
    const shown = async (of: Shown) => (await api.send("GET", `/v1/deliveries/${of.id}`)).body;
    expect((await shown(first)).templateVersion).toMatchObject({ version: 2 });
    expect((await shown(second)).templateVersion).toMatchObject({ version: 1 });
  });

  it("makes what failed due now, with all its attempts before it again, and wakes its queue", async () => {
    const [delivery] = await notified("u0");
    await settle([delivery!], "failed");
    api.woken.length = 0;
    const { status, body } = await post(`/v1/deliveries/${delivery!.id}/retry`);
    expect([status, body]).toMatchObject([
      200,
      {
        id: delivery!.id,
        status: "pending",
        reason: "retry_requested",
        detail: null,
        attemptCount: 3,
        finishedAt: null,
      },
    ]);
    expect(Date.parse(body.dueAt)).toBeLessThanOrEqual(Date.now());
    const row = await api.prisma.delivery.findUniqueOrThrow({
      where: { id: parsePublicId("delivery", delivery!.id)! },
    });
    expect(row).toMatchObject({ forgivenCount: 3, leaseToken: null, leaseUntil: null });
    expect(api.woken).toEqual([body.queue]);
    expect(await trail()).toMatchObject([
      {
        action: "delivery.retry",
        resource: delivery!.id,
        requestId: "a-change",
        before: { status: "failed", reason: "provider_rejected" },
        after: { status: "pending", reason: "retry_requested" },
      },
    ]);
    // What the provider said may name an address, and the trail outlives the delivery.
    const [{ before }] = await trail();
    expect(before).not.toHaveProperty("detail");
  });

  it("opens a completed campaign again, and wakes it", async () => {
    const { id, deliveries } = await completedCampaign(2);
    const { version } = await api.prisma.campaign.findFirstOrThrow();
    expect((await post(`/v1/deliveries/${deliveries[0]!.id}/retry`)).status).toBe(200);
    expect(await api.prisma.campaign.findFirstOrThrow()).toMatchObject({
      status: "running",
      finishedAt: null,
      version: version + 1,
    });
    expect(api.woken).toEqual([id]);
    expect(await advance(id)).toMatchObject({ next: "drain", lanes: [expect.any(Number)] });
    await settle(deliveries.slice(0, 1), "sent");
    expect(await advance(id)).toMatchObject({
      next: "finished",
      counts: { sent: 7, failed: 1 },
      reconciled: true,
    });
  });

  it("retries deliveries with an unknown outcome only if requested", async () => {
    const [delivery] = await notified("u0");
    await settle([delivery!], "unknown");
    const path = `/v1/deliveries/${delivery!.id}/retry`;
    const refused = await post(path);
    expect(refused).toMatchObject({ status: 409, body: { type: "urn:tidings:problem:conflict" } });
    expect(refused.body.detail).toContain("includeUnknown");
    expect((await post(path, {})).status).toBe(409);
    expect(await post(path, { includeUnknown: true })).toMatchObject({
      status: 200,
      body: { status: "pending" },
    });
  });

  it("is refused for all else, and then changes nothing", async () => {
    const [pending, sent] = await notified("u0", "u1");
    await settle([sent!], "sent");
    const { id, deliveries } = await begunCampaign();
    await settle(deliveries, "failed");
    await post(`/v1/campaigns/${id}/cancel`);
    const [erased] = await notified("u7");
    await settle([erased!], "failed");
    await api.prisma.recipient.update({
      where: { externalId: "u7" },
      data: { erasedAt: new Date() },
    });
    api.woken.length = 0;
    for (const { id: refused } of [pending!, sent!, deliveries[0]!, erased!])
      expect([refused, (await post(`/v1/deliveries/${refused}/retry`)).status]).toEqual([
        refused,
        409,
      ]);
    await api.prisma.recipient.update({ where: { externalId: "u7" }, data: { erasedAt: null } });
    expect(api.woken).toEqual([]);
    expect(await trail()).toEqual([]);
    expect((await post(`/v1/deliveries/${deliveries[0]!.id}/retry`, { force: true })).status).toBe(
      422,
    );
  });

  it("is done once under a key", async () => {
    const [delivery] = await notified("u0");
    await settle([delivery!], "failed");
    const path = `/v1/deliveries/${delivery!.id}/retry`;
    const first = await post(path, undefined, { "idempotency-key": "again" });
    await settle([delivery!], "failed");
    const second = await post(path, undefined, { "idempotency-key": "again" });
    expect(second.body).toEqual(first.body);
    expect((await deliveriesOf("status=failed")).length).toBe(1);
  });
});

describe("POST /v1/deliveries/{id}/cancel", () => {
  it("cancels what waits", async () => {
    const [delivery] = await notified("u0");
    const { status, body } = await post(`/v1/deliveries/${delivery!.id}/cancel`);
    expect([status, body]).toMatchObject([
      200,
      { status: "cancelled", reason: "delivery_cancelled", dueAt: null },
    ]);
    expect(body.finishedAt).not.toBeNull();
    expect(await trail()).toMatchObject([
      { action: "delivery.cancel", before: { status: "pending" }, after: { status: "cancelled" } },
    ]);
    expect((await post(`/v1/deliveries/${delivery!.id}/cancel`)).status).toBe(409);
  });

  it("leaves what is being handed over, also when its worker is just about to say so", async () => {
    const [sending, claimed] = await notified("u0", "u1");
    await settle([sending!], "sending");
    expect((await post(`/v1/deliveries/${sending!.id}/cancel`)).body.detail).toContain(
      "handed over",
    );
    await inTransaction(api.pool, async (client) => {
      await client.query("SELECT FROM open_deliveries WHERE id = $1 FOR UPDATE", [
        parsePublicId("delivery", claimed!.id),
      ]);
      expect((await post(`/v1/deliveries/${claimed!.id}/cancel`)).status).toBe(409);
    });
  });

  it("lets a campaign complete that has nothing else to do", async () => {
    const { id, deliveries } = await begunCampaign();
    await settle(deliveries.slice(1), "sent");
    api.woken.length = 0;
    await post(`/v1/deliveries/${deliveries[0]!.id}/cancel`);
    expect(api.woken).toEqual([id]);
    expect(await advance(id)).toMatchObject({
      status: "completed",
      counts: { sent: 7, cancelled: 1 },
      reconciled: true,
    });
  });
});

describe("a retry that meets the completion of its campaign", () => {
  it("is not completed over: what is open is looked for again under the lock", async () => {
    const { id, deliveries } = await begunCampaign();
    await settle(deliveries.slice(0, 1), "failed");
    await settle(deliveries.slice(1), "sent");
    let met = false;
    // Between the look at the lanes and the transaction that completes.
    const pool = new Proxy(api.pool, {
      get(target, property) {
        if (property === "connect")
          return async () => {
            if (!met)
              expect((await post(`/v1/deliveries/${deliveries[0]!.id}/retry`)).status).toBe(200);
            met = true;
            return target.connect();
          };
        const value: unknown = Reflect.get(target, property);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    expect(await advance(id, pool)).toMatchObject({ next: "drain" });
    expect(met).toBe(true);
    expect(await campaignStatus(id)).toBe("running");
  });

  it("is waited for when it has begun, and opens the campaign when it comes second", async () => {
    const { id, deliveries } = await begunCampaign();
    await settle(deliveries.slice(0, 2), "failed");
    await settle(deliveries.slice(2), "sent");
    const step = await inTransaction(api.pool, async (client) => {
      await applyOperatorChange(
        executeOn(client),
        { action: "retry", includeUnknown: false, templateVersion: null },
        [parsePublicId("delivery", deliveries[0]!.id)!],
        { mailboxShards: 4 },
      );
      const completing = advance(id);
      await expect
        .poll(async () => {
          const { rows } = await api.pool.query<{ waiting: number }>(
            "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
          );
          return rows[0]!.waiting;
        })
        .toBe(1);
      return { completing };
    });
    expect(await step.completing).toMatchObject({ next: "drain" });
    await settle(deliveries.slice(0, 1), "sent");
    expect(await advance(id)).toMatchObject({ status: "completed" });
    await post(`/v1/deliveries/${deliveries[1]!.id}/retry`);
    expect(await campaignStatus(id)).toBe("running");
  });
});

describe("POST /v1/deliveries/retry", () => {
  it("tries a selection again, and says what it left and why", async () => {
    const failed = await notified("u0", "u1", "u2");
    await settle(failed, "failed");
    const [sent] = await notified("u3");
    await settle([sent!], "sent");
    const cancelled = await begunCampaign();
    await settle(cancelled.deliveries, "failed");
    await post(`/v1/campaigns/${cancelled.id}/cancel`);
    const { status, body } = await post("/v1/deliveries/retry", {
      ids: [
        ...[...failed, failed[0]!, sent!, ...cancelled.deliveries.slice(0, 2)].map(({ id }) => id),
        "dlv_01jd3v8qyee7fr8xmcsnh5hbcd",
      ],
    });
    expect([status, body]).toEqual([
      200,
      {
        changed: 3,
        skipped: {
          notFound: 1,
          notFailed: 1,
          noSuchVersion: 0,
          campaignCancelled: 2,
          recipientErased: 0,
        },
        nextCursor: null,
      },
    ]);
    expect(await deliveriesOf("status=pending")).toHaveLength(3);
    expect(await trail()).toMatchObject([
      {
        action: "delivery.retry",
        resource: "deliveries",
        requestId: "a-change",
        after: { ids: 7, changed: 3, campaignsReopened: 0, includeUnknown: false },
      },
    ]);
  });

  it("tries all that match again, and opens what was completed", async () => {
    const { id, deliveries } = await completedCampaign(3);
    const other = await notified("u0");
    await settle(other, "failed");
    const where = { campaign: id, reason: ["provider_rejected"] };
    expect((await post("/v1/deliveries/retry", { where, dryRun: true })).body).toEqual({
      matched: 3,
      changed: 0,
      skipped: {
        notFound: 0,
        notFailed: 0,
        noSuchVersion: 0,
        campaignCancelled: 0,
        recipientErased: 0,
      },
      nextCursor: null,
    });
    expect(await trail()).toEqual([]);
    expect((await post("/v1/deliveries/retry", { where })).body).toMatchObject({
      changed: 3,
      nextCursor: null,
    });
    expect(api.woken).toContain(id);
    expect(await campaignStatus(id)).toBe("running");
    expect(await trail()).toMatchObject([
      { after: { where: { campaign: id }, changed: 3, campaignsReopened: 1 } },
    ]);
    expect((await deliveriesOf("status=failed")).map((row) => row.id)).toEqual([other[0]!.id]);
    await settle(deliveries.slice(0, 3), "sent");
    expect(await advance(id)).toMatchObject({ counts: { sent: 8 }, reconciled: true });
  });

  it("writes no personal name to the trail", async () => {
    const failed = await notified("u0");
    await settle(failed, "failed");
    const { body: recipient } = await api.send("GET", "/v1/recipients/u0");
    await post("/v1/deliveries/retry", { where: { recipient: "u0" } });
    expect(await trail()).toMatchObject([
      { after: { where: { recipient: recipient.id }, changed: 1 } },
    ]);
  });

  it("is done with nothing to do, and is not audited", async () => {
    for (const where of [{ status: ["failed"] }, { recipient: "nobody" }, { status: ["sent"] }])
      expect((await post("/v1/deliveries/retry", { where })).body).toMatchObject({
        changed: 0,
        nextCursor: null,
      });
    expect(
      (await post("/v1/deliveries/retry", { where: { recipient: "nobody" }, dryRun: true })).body
        .matched,
    ).toBe(0);
    expect(await trail()).toEqual([]);
  });

  it("goes on where it was when its time is up, each batch for itself", async () => {
    const failed = await notified("u0", "u1", "u2", "u3", "u4");
    await settle(failed, "failed");
    const context = {
      get: (name: string) => (name === "caller" ? { id: "bootstrap" } : "in-parts"),
    } as unknown as Parameters<typeof changeDeliveries>[0];
    const deps = {
      pool: api.pool,
      wakes: { queue: () => {}, campaign: () => {}, flush: async () => {} },
      clock: () => new Date(),
      config: { mailboxShards: 4 },
    };
    const change = { action: "retry", includeUnknown: false, templateVersion: null } as const;
    const part = (after: string | null, limits: { budgetMs: number; batch: number }) =>
      changeDeliveries(context, deps, change, { where: {}, after }, { where: {} }, limits);
    const second = parsePublicId("delivery", failed[1]!.id);
    expect(await part(null, { budgetMs: 0, batch: 2 })).toMatchObject({
      changed: 2,
      continueAfter: second,
    });
    // The first are tried first.
    expect((await deliveriesOf("status=failed")).map(({ id }) => id)).toEqual(
      failed.slice(2).map(({ id }) => id),
    );
    expect(await part(second, { budgetMs: 10_000, batch: 2 })).toMatchObject({
      changed: 3,
      continueAfter: null,
    });
    expect(await trail()).toMatchObject([{ after: { changed: 2 } }, { after: { changed: 3 } }]);
  });

  it("goes past what it cannot change, with the cursor of the answer before", async () => {
    const failed = await notified("u0", "u1", "u2");
    await settle(failed, "failed");
    const { body } = await api.send("POST", "/v1/deliveries/retry", {
      where: { status: ["failed"] },
      cursor: failed[1]!.id,
    });
    expect(body).toMatchObject({ changed: 1, nextCursor: null });
    expect((await deliveriesOf("status=failed")).map(({ id }) => id)).toEqual(
      failed.slice(0, 2).map(({ id }) => id),
    );
    const wrong = await api.send("POST", "/v1/deliveries/retry", {
      where: { status: ["failed"] },
      cursor: "x",
    });
    expect([wrong.status, wrong.body.errors[0].field]).toEqual([422, "/cursor"]);
  });

  it.each<[string, unknown, string]>([
    ["neither", {}, ""],
    ["both", { ids: ["dlv_01jd3v8qyee7fr8xmcsnh5hbcd"], where: {} }, ""],
    ["an empty filter", { where: {} }, "/where"],
    ["no id", { ids: [] }, "/ids"],
    ["another id", { ids: ["cmp_01jd3v8qyee7fr8xmcsnh5hbcd"] }, "/ids/0"],
    ["an unknown filter", { where: { colour: "red" } }, "/where/colour"],
    ["an unknown status", { where: { status: ["lost"] } }, "/where/status/0"],
    [
      "SQL for a campaign",
      { where: { campaign: "'; DROP TABLE deliveries; --" } },
      "/where/campaign",
    ],
    ["SQL for a queue", { where: { queue: "' OR 1=1 --" } }, "/where/queue"],
    ["SQL for a reason", { where: { reason: ["retry'); --"] } }, "/where/reason/0"],
  ])("refuses %s", async (_, body, field) => {
    const reply = await post("/v1/deliveries/retry", body);
    expect([reply.status, reply.body.errors?.[0]?.field]).toEqual([422, field]);
  });

  it("takes no recipient's name for SQL", async () => {
    await settle(await notified("u0"), "failed");
    for (const recipient of ["' OR '1'='1", "u0'; DROP TABLE deliveries; --", "$1", "%"])
      expect((await post("/v1/deliveries/retry", { where: { recipient } })).body.changed).toBe(0);
    expect(await deliveriesOf("status=failed")).toHaveLength(1);
  });

  it("is for senders", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const authorization = `Bearer ${secret}`;
    for (const path of [
      "/v1/deliveries/retry",
      "/v1/deliveries/cancel",
      `/v1/deliveries/${publicId("delivery", "019b0000-0000-7000-8000-000000000001")}/retry`,
    ])
      expect((await post(path, { where: {} }, { authorization })).status).toBe(403);
  });
});

describe("POST /v1/deliveries/cancel", () => {
  it("cancels all that match and wait, and counts what is being handed over", async () => {
    const { id, deliveries } = await begunCampaign();
    await settle(deliveries.slice(0, 2), "sent");
    await settle(deliveries.slice(2, 3), "sending");
    const kept = await notified("u0");
    api.woken.length = 0;
    const where = { campaign: id };
    expect((await post("/v1/deliveries/cancel", { where, dryRun: true })).body.matched).toBe(6);
    expect((await post("/v1/deliveries/cancel", { where })).body).toEqual({
      changed: 5,
      skipped: { notFound: 0, notPending: 0, sending: 1 },
      nextCursor: null,
    });
    expect(api.woken).toEqual([id]);
    expect((await deliveriesOf("status=pending")).map((row) => row.id)).toEqual([kept[0]!.id]);
    expect(await trail()).toMatchObject([
      {
        action: "delivery.cancel",
        after: { where: { campaign: id }, changed: 5, skipped: { sending: 1 } },
      },
    ]);
    expect((await post("/v1/deliveries/cancel", { where })).body).toMatchObject({ changed: 0 });
  });

  it("cancels a selection", async () => {
    const [waiting, sent, kept] = await notified("u0", "u1", "u2");
    await settle([sent!], "sent");
    expect(
      (await post("/v1/deliveries/cancel", { ids: [waiting!.id, sent!.id] })).body,
    ).toMatchObject({ changed: 1, skipped: { notPending: 1, sending: 0, notFound: 0 } });
    expect((await deliveriesOf("status=pending")).map(({ id }) => id)).toEqual([kept!.id]);
  });
});
