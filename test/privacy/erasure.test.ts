import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createActionLinks } from "../../domain/action-links.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { makeSubscription } from "../support/push-subscription.ts";
import { type Api, type Reply, seed, startApi, tokenSecret } from "../api/harness.ts";

/** A person who is erased: nothing else in the database has any of this. */
const ada = {
  externalId: "quintessa-17",
  email: "Quintessa.Lovelace@example.org",
  phone: "+441632960961",
  attributes: {
    name: "Quintessa Lovelace",
    plan: "pro",
    notes: ["Quintessa likes tea"],
    customer: { number: 8154711 },
  },
};
const marks = /quintessa|1632960961|8154711/i;

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 3);
});
afterAll(() => api.stop());

/** The id that requests bear, which their caller chooses. */
let requestId = "about-others";

async function ok(method: string, path: string, body?: unknown, headers = {}): Promise<Reply> {
  const reply = await api.send(method, path, body, { "x-request-id": requestId, ...headers });
  if (reply.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(reply.body)}`);
  return reply;
}

/** Changes what stands at a path, as it is now. */
async function change(at: string, body: object): Promise<void> {
  const etag = (await api.send("GET", at)).headers.get("etag")!;
  await ok("PATCH", at, body, { "if-match": etag });
}

/** Every row of every table that holds a mark, as text. */
async function findMarks(): Promise<string[]> {
  const { rows: tables } = await api.pool.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await api.pool.query<{ row: string }>(
      `SELECT to_jsonb(t)::text AS row FROM "${name}" AS t`,
    );
    found.push(...rows.filter(({ row }) => marks.test(row)).map(({ row }) => `${name}: ${row}`));
  }
  return found;
}

const template = { key: "order-shipped" };
const path = `/v1/recipients/${ada.externalId}`;
let recipient: string;
let running: string;

/** Puts the person wherever the API takes a text. */
async function tellOfAda(): Promise<void> {
  const { externalId, ...profile } = ada;
  const named = { subject: externalId, body: `{{ n }} for ${ada.email}` };
  recipient = (await ok("PUT", path, { ...profile, email: "first.quintessa@example.org" })).body.id;
  await ok("POST", "/v1/recipients/bulk", {
    recipients: [{ externalId, email: "second.quintessa@example.org" }],
  });
  await ok("POST", "/v1/recipients/import", JSON.stringify({ externalId, email: ada.email }), {
    "content-type": "application/x-ndjson",
  });
  await change(path, { attributes: { town: "Quintessaville" } });
  await change(path, { attributes: { town: null } });
  await ok("PUT", `${path}/preferences`, { maxPerHour: 3 });
  await ok("POST", `${path}/preference-tokens`);
  await ok("POST", `${path}/addresses`, {
    kind: "web_push",
    subscription: makeSubscription(),
    label: "Quintessa's telephone",
  });

  // For her alone, and for others too; the same content, and one of her own.
  await ok("POST", "/v1/notifications", {
    recipients: [{ externalId, locale: "en-GB" }],
    content: named,
    cc: ["quintessa@elsewhere.example"],
    attachments: [
      { filename: "quintessa.txt", contentType: "text/plain", content: "UXVpbnRlc3Nh" },
    ],
  });
  await ok(
    "POST",
    "/v1/notifications",
    { recipients: ["u1"], content: named, bcc: [ada.email.toUpperCase()] },
    { "x-request-id": "about-others" },
  );
  await ok("POST", "/v1/notifications", {
    recipients: [externalId, "u1"],
    content: { title: `To ${externalId} and others`, body: ada.phone },
  });

  const about = {
    entityId: "task-quintessa-17",
    dedupKey: "due-quintessa-17",
    collapseKey: "quintessa-17",
    actions: [
      { action: "view", url: "https://example.org/quintessa", label: "See Quintessa" },
      { action: "complete" },
    ],
    occursAt: new Date().toISOString(),
  };
  const notify = async (recipients: string[], more: object) =>
    (
      await ok(
        "POST",
        "/v1/notifications",
        { recipients, template, ...more },
        { "idempotency-key": `welcome-${ada.email}-${JSON.stringify(more).length}` },
      )
    ).body.id as string;
  const own = await notify([externalId], { data: { order: "Tea for Quintessa" }, ...about });
  await notify([externalId, "u0"], { data: { order: `Ask ${ada.email}` }, ...about, actions: [] });
  const ended = await notify([externalId, "u1"], { data: { order: "Quintessa Lovelace" } });
  await ok("POST", "/v1/templates/order-shipped/test", {
    recipient: externalId,
    data: { order: "Quintessa" },
  });
  const { body: shared } = await api.send("GET", `/v1/notifications/${ended}`);
  for (const { id, recipient: whose } of shared.deliveries)
    if (whose !== recipient) await ok("POST", `/v1/deliveries/${id}/cancel`);
  await ok("POST", "/v1/deliveries/cancel", {
    where: { recipient: externalId, notification: ended },
  });

  // As workers have written it: what a provider answered, and why a template failed.
  const uuid = parsePublicId("notification", own)!;
  const [row] = await api.prisma.openDelivery.findMany({ where: { notificationId: uuid } });
  const links = createActionLinks({ secrets: [tokenSecret], publicUrl: "http://127.0.0.1" });
  // The change of the address has revoked earlier links.
  const { linksEpoch: epoch } = await api.prisma.recipient.findUniqueOrThrow({
    where: { externalId },
  });
  const link = await links.forDelivery(row!.id, { action: "complete" }, { epoch, now: new Date() });
  await ok("POST", "/v1/actions", { token: link.split("/a/")[1] });
  await api.pool.query(
    `UPDATE ended_deliveries SET detail = 'no filter for Quintessa', provider = 'a', outcome = 'permanent', failure = 'unknown_address',
       response = '550 <quintessa.lovelace@example.org> is not here', attempt_started_at = now(), attempt_finished_at = now() WHERE id = $1`,
    [row!.id],
  );
  await api.pool.query(
    `INSERT INTO earlier_attempts (delivery_id, number, outcome, response, started_at, finished_at)
     VALUES ($1, 1, 'transient', '450 quintessa.lovelace@example.org is busy', now(), now())`,
    [row!.id],
  );

  const keyed = (key: string) => ({ "idempotency-key": `quintessa-${key}` });
  const segment = (key: string, name: string, filter: object) =>
    ok("POST", "/v1/segments", { key, name, filter }, keyed(key));
  await segment("by-id", "One person", { not: { field: "externalId", in: ["bob", externalId] } });
  await segment("by-address", `Not ${ada.email}`, {
    any: [
      { field: "email", equals: ada.email.toLowerCase() },
      { field: "phone", equals: ada.phone },
    ],
  });
  await segment("by-name", "Friends of Quintessa Lovelace", {
    any: [
      { attribute: "name", equals: "Quintessa Lovelace" },
      { attribute: ["customer", "number"], equals: 8154711 },
    ],
  });
  await segment("pro", "Customers", { attribute: "plan", equals: "pro" });
  const rule = {
    key: "vip",
    name: "For Quintessa Lovelace",
    route: { stages: [{ via: ["push"] }] },
  };
  await ok("POST", "/v1/routing-rules", {
    ...rule,
    when: {
      any: [
        { field: "email", equals: ada.email },
        { attribute: "name", equals: "Quintessa Lovelace" },
      ],
    },
  });
  await change("/v1/routing-rules/vip", {
    when: {
      any: [
        { field: "phone", equals: ada.phone },
        { attribute: "name", equals: "Quintessa Lovelace" },
      ],
    },
  });

  const campaign = async (key: string, more: object) =>
    (
      await ok(
        "POST",
        "/v1/campaigns",
        { name: key, template, data: { order: "1" }, audience: { all: true }, ...more },
        keyed(key),
      )
    ).body.id as string;
  running = await campaign("draft", {
    data: { order: `Write to ${ada.email}` },
    audience: { where: { attribute: "name", equals: "Quintessa Lovelace" } },
  });
  const over = await campaign("over", {
    name: "For Quintessa Lovelace",
    data: { order: `Quintessa Lovelace, ${ada.phone}` },
    audience: { where: { field: "email", endsWith: ada.email } },
  });
  await ok("POST", `/v1/campaigns/${over}/cancel`);
  await campaign("others", { audience: { where: { attribute: "plan", equals: "pro" } } });

  const note = "Quintessa asked for it";
  await ok("POST", "/v1/suppressions", { channel: "email", address: ada.email, note });
  const removed = await ok("POST", "/v1/suppressions", {
    channel: "sms",
    address: ada.phone,
    note,
  });
  await ok("DELETE", `/v1/suppressions/${removed.body.id}`);
  await ok("POST", "/v1/suppressions/import", `address,note\n${ada.email},${note}\n`, {
    "content-type": "text/csv",
  });
}

describe("an erasure", () => {
  let before: string[];
  let first: Reply;
  beforeAll(async () => {
    // Another recipient has the same plan, so it identifies nobody.
    await change("/v1/recipients/u2", { attributes: { plan: "pro" } });
    requestId = "for-quintessa-17";
    await tellOfAda();
    requestId = "afterwards";
    before = await findMarks();
    first = await api.send("DELETE", path);
  });

  it("has something to erase, in every table that holds personal data", () => {
    const tables = new Set(before.map((found) => found.split(":")[0]));
    expect([...tables].toSorted((one, other) => (one! < other! ? -1 : 1))).toEqual([
      "addresses",
      "audit_entries",
      "campaigns",
      "earlier_attempts",
      "ended_deliveries",
      "events",
      "idempotency_keys",
      "inline_contents",
      "notification_copies",
      "notifications",
      "recipients",
      "routing_rule_versions",
      "routing_rules",
      "segments",
      "suppressions",
    ]);
  });

  it("names the segments, campaigns and routing rules that name the person", () => {
    expect(first.status).toBe(200);
    expect(first.body).toEqual({
      recipient,
      segments: ["by-id", "by-address", "by-name"],
      campaigns: [running, expect.stringMatching(/^cmp_/)],
      routingRules: ["vip"],
    });
  });

  it("leaves the person only where an operator decides who is written to, and what is said", async () => {
    const places = (await findMarks()).map((found) => found.split(":")[0]);
    expect(new Set(places)).toEqual(
      new Set(["campaigns", "routing_rule_versions", "routing_rules", "segments"]),
    );
    const { body } = await api.send("GET", "/v1/segments/by-id");
    expect(body.filter).toEqual({ not: { field: "externalId", in: ["bob", "[erased]"] } });
    expect((await api.send("GET", "/v1/segments/pro")).body.filter).toEqual({
      attribute: "plan",
      equals: "pro",
    });
  });

  it("goes on suppressing the address, which nobody can read any more", async () => {
    await ok("PUT", "/v1/recipients/again", { email: ada.email });
    const { body } = await api.send("GET", `/v1/suppressions?address=${ada.email}`);
    expect(body.items).toEqual([
      expect.objectContaining({
        address: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        note: null,
      }),
    ]);
    const preview = await api.send("POST", "/v1/decisions/preview", {
      recipient: "again",
      priority: "normal",
    });
    expect(JSON.stringify(preview.body)).toContain("suppress");
    await ok("DELETE", "/v1/recipients/again");
  });

  it("leaves nothing anywhere once the others are corrected and it is repeated", async () => {
    await change("/v1/segments/by-name", {
      name: "Friends",
      filter: { attribute: "plan", equals: "vip" },
    });
    await change("/v1/routing-rules/vip", { name: "First", when: null });
    await change(`/v1/campaigns/${running}`, { data: { order: "1" }, audience: { all: true } });
    expect((await findMarks()).length).toBeGreaterThan(0);
    const again = await api.send("DELETE", `/v1/recipients/${recipient}`);
    expect(again.body).toEqual(first.body);
    expect(await findMarks()).toEqual([]);
  });

  it("had nothing of it in the log, the metrics or what wakes Temporal", async () => {
    // The id of a request is for its caller to choose, and is logged.
    const said = api.logged.map((line) => line.replace(/"requestId":"[^"]*"/, "")).join("");
    expect(said).not.toMatch(marks);
    expect(await api.metrics.registry.metrics()).not.toMatch(marks);
    expect(api.woken.join(" ")).not.toMatch(marks);
  });

  it("of nobody says so", async () => {
    const { status, body } = await api.send("DELETE", "/v1/recipients/nobody");
    expect([status, body]).toEqual([
      200,
      { recipient: null, segments: [], campaigns: [], routingRules: [] },
    ]);
  });
});
