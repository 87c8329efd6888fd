import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import type { Retention } from "../../domain/retention.ts";
import { freezeAudience } from "../../ledger/freeze-audience.ts";
import { createExpired } from "../../ledger/retention.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 4);
});
beforeEach(() => api.pool.query("TRUNCATE routing_rules CASCADE"));
afterAll(() => api.stop());

const template = { key: sampleTemplate.key };
const data = { order: "A-17" };
const stages = (...channels: string[]) => ({
  stages: channels.map((channel) => ({ via: [channel] })),
});
const rule = async (key: string, part: object) => {
  const reply = await api.send("POST", "/v1/routing-rules", { key, name: key, ...part });
  expect([reply.status, reply.body.errors]).toEqual([201, undefined]);
};

interface Row {
  recipient: string;
  leg: string;
  channel: string;
  priority: string;
  queue: string;
  origin: string | null;
}

const rowsOf = async (column: "notification_id" | "campaign_id", id: string): Promise<Row[]> =>
  (
    await api.pool.query<Row>(
      `SELECT r.external_id AS recipient, d.leg, d.channel, d.priority, split_part(d.queue, '/', 1) AS queue, o.origin
       FROM deliveries d JOIN recipients r ON r.id = d.recipient_id LEFT JOIN routes o ON o.id = d.route_id
       WHERE d.${column} = $1 ORDER BY r.external_id, d.leg`,
      [id],
    )
  ).rows;

/** Asks for a notification and reads its deliveries. */
async function notified(part: object = {}): Promise<Row[]> {
  const body = { recipients: ["u0", "u1"], template, data, ...part };
  const reply = await api.send("POST", "/v1/notifications", body);
  expect([reply.status, reply.body.errors]).toEqual([202, undefined]);
  return rowsOf("notification_id", parsePublicId("notification", reply.body.id)!);
}

const email = { leg: "primary", channel: "email", priority: "normal", queue: "mailbox" };

describe("a notification", () => {
  it("has the default route, of which nothing is stored, where nothing chooses another", async () => {
    expect(await notified()).toEqual([
      { recipient: "u0", ...email, origin: null },
      { recipient: "u1", ...email, origin: null },
    ]);
  });

  it("has the route of its request for each recipient, whatever the rules are", async () => {
    await rule("all", { route: stages("push") });
    const rows = await notified({ route: stages("in_app", "email") });
    expect(rows.map(({ leg, channel, origin }) => [leg, channel, origin])).toEqual([
      ["primary", "in_app", "request"],
      ["stage:1", "email", "request"],
      ["primary", "in_app", "request"],
      ["stage:1", "email", "request"],
    ]);
  });

  it("has the routes and the priorities that rules choose for each recipient", async () => {
    await rule("even", {
      when: { attribute: "even", equals: true },
      route: stages("in_app"),
      priority: "critical",
    });
    await rule("u3", {
      when: { field: "externalId", equals: "u3" },
      route: stages("in_app", "email"),
    });
    const { body } = await api.send("GET", "/v1/recipients/u2");
    const chosen = async () =>
      (await notified({ recipients: ["u0", "u1", body.id, "u3"] })).map((row) =>
        Object.values(row),
      );
    await expect.poll(chosen).toEqual([
      ["u0", "primary", "in_app", "critical", "critical", "rule:even@1"],
      ["u1", "primary", "email", "normal", "mailbox", null],
      ["u2", "primary", "in_app", "critical", "critical", "rule:even@1"],
      ["u3", "primary", "in_app", "normal", "mailbox", "rule:u3@1"],
      ["u3", "stage:1", "email", "normal", "mailbox", "rule:u3@1"],
    ]);
  });

  it("counts the deliveries of its later stages apart", async () => {
    const route = { stages: [{ via: ["in_app"] }, { via: ["email"] }] };
    const get = async (part: object) => {
      const body = { recipients: ["u0", "u1"], template, data, ...part };
      const { id } = (await api.send("POST", "/v1/notifications", body)).body;
      return (await api.send("GET", `/v1/notifications/${id}`)).body;
    };
    expect(await get({ route })).toMatchObject({
      counts: { pending: 2 },
      stages: [{ stage: 1, counts: { pending: 2, sent: 0 } }],
    });
    expect(await get({})).toMatchObject({ counts: { pending: 2 }, stages: [] });
  });

  it("has the route and the channel that a preview says", async () => {
    const preview = async (part: object) => {
      const reply = await api.send("POST", "/v1/decisions/preview", { recipient: "u0", ...part });
      expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
      return reply.body;
    };
    expect((await preview({})).route).toEqual({
      origin: "default",
      stages: [{ via: ["email"] }],
      channel: "email",
      passedOver: [],
    });
    const requested = { stages: [{ via: ["push", "in_app"] }, { via: ["email"] }] };
    expect((await preview({ route: requested })).route).toEqual({
      origin: "request",
      ...requested,
      channel: "in_app",
      passedOver: [{ channel: "push", why: "no_address" }],
    });
    await rule("order", {
      when: { data: "order", equals: "A-17" },
      route: stages("in_app"),
      priority: "critical",
    });
    const ruled = async () => (await preview({ data })).route;
    await expect.poll(ruled).toMatchObject({ origin: "rule:order@1", channel: "in_app" });
    // Rules are read at most a second after they changed.
    const row = async () => (await notified({ recipients: ["u0"] }))[0];
    await expect
      .poll(row)
      .toMatchObject({ origin: "rule:order@1", channel: "in_app", priority: "critical" });
    expect((await preview({ data: { order: "B-1" } })).route.origin).toBe("default");
  });

  it("has the route of its type, else that of the policy", async () => {
    const change = (of: string, body: object) => api.send("PATCH", of, body, { "if-match": "*" });
    await change("/v1/policy", { route: stages("in_app") });
    await change("/v1/notification-types/report.weekly", { route: stages("push") });
    const origins = async (part: object) =>
      (await notified({ recipients: ["u0"], ...part })).map(({ origin }) => origin);
    await expect.poll(() => origins({})).toEqual(["policy@1"]);
    await expect.poll(() => origins({ type: "report.weekly" })).toEqual(["type:report.weekly@2"]);
    await change("/v1/policy", { route: null });
  });
});

describe("a campaign", () => {
  it("freezes its audience with the routes that rules choose for each recipient", async () => {
    await rule("even", {
      when: {
        all: [
          { field: "source", equals: "campaign" },
          { data: "order", equals: "A-17" },
          { attribute: "even", equals: true },
        ],
      },
      route: stages("in_app", "email"),
    });
    const { body } = await api.send("POST", "/v1/campaigns", {
      name: "Routed",
      template,
      data,
      audience: { where: { field: "externalId", in: ["u0", "u1"] } },
      startAt: new Date(Date.now() - 1_000).toISOString(),
    });
    const id = parsePublicId("campaign", body.id)!;
    await freezeAudience(api.pool, id, body.id);
    const rows = await rowsOf("campaign_id", id);
    expect(
      rows.map(({ recipient, leg, channel, origin }) => [recipient, leg, channel, origin]),
    ).toEqual([
      ["u0", "primary", "in_app", "rule:even@1"],
      ["u0", "stage:1", "email", "rule:even@1"],
      ["u1", "primary", "email", null],
    ]);
    const { body: frozen } = await api.send("GET", `/v1/campaigns/${body.id}`);
    expect(frozen.audienceCount).toBe(2);
  });

  it("has the route of its request", async () => {
    await rule("all", { route: stages("push") });
    const { body } = await api.send("POST", "/v1/campaigns", {
      name: "Own",
      template,
      data,
      audience: { where: { field: "externalId", equals: "u0" } },
      route: stages("in_app"),
      startAt: new Date(Date.now() - 1_000).toISOString(),
    });
    const id = parsePublicId("campaign", body.id)!;
    await freezeAudience(api.pool, id, body.id);
    expect(await rowsOf("campaign_id", id)).toMatchObject([
      { channel: "in_app", origin: "request" },
    ]);
  });

  it("reports its later stages beside the first, and they add up with the ledger, also once retention has removed them", async () => {
    const after = { minutes: 10, unless: "read" };
    await rule("even", {
      when: { attribute: "even", equals: true },
      route: { stages: [{ via: ["in_app"] }, { via: ["email"] }, { via: ["email"], after }] },
    });
    const { body } = await api.send("POST", "/v1/campaigns", {
      name: "In stages",
      template,
      data,
      audience: { all: true },
      startAt: new Date(Date.now() - 1_000).toISOString(),
    });
    const id = parsePublicId("campaign", body.id)!;
    await freezeAudience(api.pool, id, body.id);
    const report = async (of: "progress" | "reconciliation") =>
      (await api.send("GET", `/v1/campaigns/${body.id}/${of}`)).body;
    expect(await report("reconciliation")).toMatchObject({
      audience: 4,
      pending: 4,
      stages: [{ stage: 1, after: null, counts: { pending: 2, sent: 0 } }],
      reconciled: true,
    });
    // One stage that begins later has been written, as when the stage before it ends.
    await api.pool.query(
      `INSERT INTO open_deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, due_at, created_at, route_id)
       SELECT uuid_v7(now()), campaign_id, recipient_id, 'stage:2', 'email', priority, queue, due_at, created_at, route_id
       FROM open_deliveries WHERE campaign_id = $1 AND leg = 'stage:1' LIMIT 1`,
      [id],
    );
    await api.pool.query(
      `UPDATE deliveries SET status = CASE WHEN channel = 'email' THEN 'sent' ELSE 'failed' END::delivery_status, reason = CASE WHEN channel <> 'email' THEN 'provider_rejected' END, due_at = NULL, finished_at = now() - interval '400 days'
       WHERE campaign_id = $1`,
      [id],
    );
    const counted = {
      stages: [
        { stage: 1, after: null, counts: expect.objectContaining({ sent: 2, failed: 0 }) },
        { stage: 2, after, counts: expect.objectContaining({ sent: 1, failed: 0 }) },
      ],
    };
    expect(await report("progress")).toMatchObject({ counts: { sent: 2, failed: 2 }, ...counted });
    const before = await report("reconciliation");
    expect(before).toMatchObject({ sent: 2, failed: 2, ...counted, reconciled: true });

    await api.pool.query(
      "UPDATE campaigns SET status = 'completed', finished_at = now() - interval '400 days' WHERE id = $1",
      [id],
    );
    const retention: Retention = {
      deliveriesDays: 90,
      auditDays: 90,
      idempotencyDays: 90,
      inboxDays: 90,
    };
    const expired = createExpired({ pool: api.pool, retention });
    const inAYear = new Date(Date.now() + 365 * 86_400_000);
    await expired.remove({ table: "deliveries", now: inAYear, after: null });
    expect(await rowsOf("campaign_id", id)).toEqual([]);
    expect(await report("reconciliation")).toEqual(before);
  });

  it("is not reconciled if a delivery of a stage that begins at once is missing", async () => {
    const { body } = await api.send("POST", "/v1/campaigns", {
      name: "Incomplete",
      template,
      data,
      audience: { all: true },
      route: stages("in_app", "email"),
      startAt: new Date(Date.now() - 1_000).toISOString(),
    });
    const id = parsePublicId("campaign", body.id)!;
    await freezeAudience(api.pool, id, body.id);
    await api.pool.query(
      "DELETE FROM open_deliveries WHERE id = (SELECT id FROM open_deliveries WHERE campaign_id = $1 AND leg = 'stage:1' LIMIT 1)",
      [id],
    );
    const { body: account } = await api.send("GET", `/v1/campaigns/${body.id}/reconciliation`);
    expect(account).toMatchObject({
      audience: 4,
      pending: 4,
      stages: [{ stage: 1, counts: { pending: 3 } }],
      reconciled: false,
    });
  });
});
