import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import { createUnsubscribeTokens } from "../../domain/unsubscribing.ts";
import { createExpired } from "../../ledger/retention.ts";
import { type Api, makeKey, seed, startApi, tokenSecret } from "./harness.ts";

let api: Api;
let now = new Date("2027-03-01T09:00:00.000Z");
beforeAll(async () => {
  // Each reading is later, so that what was written has an order.
  api = await startApi({ clock: () => (now = new Date(now.getTime() + 1)) });
  await seed(api, 4);
  await create({ key: "single", name: "Single", optIn: "single" });
  await create({
    key: "double",
    name: "Double",
    publicNames: { de: "Doppelt" },
    isPublic: true,
  });
});
beforeEach(async () => {
  now = new Date(now.getTime() + 24 * 3_600_000);
  await api.prisma
    .$executeRaw`TRUNCATE topic_subscriptions, consent_entries, notifications, open_deliveries, events, suppressions CASCADE`;
});
afterAll(() => api.stop());

const create = (body: object) => api.send("POST", "/v1/topics", body);
const path = (topic: string, recipient = "u0") => `/v1/topics/${topic}/subscribers/${recipient}`;
const put = (topic: string, recipient = "u0", body: object = {}) =>
  api.send("PUT", path(topic, recipient), body);
const statusOf = async (topic: string, recipient = "u0") =>
  (await api.send("GET", path(topic, recipient))).body.status as string;
const idOf = async (externalId: string) =>
  (await api.prisma.recipient.findUniqueOrThrow({ where: { externalId } })).id;

/** The links of the confirmations that were accepted, the oldest first. */
async function links(): Promise<string[]> {
  const rows = await api.prisma.notification.findMany({ orderBy: { id: "asc" } });
  return rows.map(({ data }) => (data as { confirmUrl: string }).confirmUrl);
}
const follow = async (url: string, method = "POST") => {
  const response = await api.app.request(new URL(url).pathname, { method });
  return { status: response.status, text: await response.text() };
};

describe("a topic", () => {
  it("is created, listed with its numbers, changed by version, and archived", async () => {
    const { status, body } = await create({ key: "news", name: "News" });
    expect([status, body]).toEqual([
      201,
      expect.objectContaining({ key: "news", optIn: "double", isPublic: false, isArchived: false }),
    ]);
    expect((await create({ key: "news", name: "Again" })).status).toBe(409);
    const read = await api.send("GET", "/v1/topics/news");
    expect(read.body.subscribers).toEqual({ pending: 0, subscribed: 0, unsubscribed: 0 });
    const etag = { "if-match": read.headers.get("etag")! };
    const change = { isPublic: true, isArchived: true };
    const changed = await api.send("PATCH", "/v1/topics/news", change, etag);
    expect([changed.status, changed.body.isArchived]).toEqual([200, true]);
    expect((await api.send("PATCH", "/v1/topics/news", { name: "X" }, etag)).status).toBe(412);
    const refused = { confirmationTemplate: "nothing" };
    const any = { "if-match": "*" };
    expect((await api.send("PATCH", "/v1/topics/news", refused, any)).status).toBe(422);
    expect((await put("news")).status).toBe(409);
    const { items } = (await api.send("GET", "/v1/topics?archived=false&q=s")).body;
    expect(items.map(({ key }: { key: string }) => key)).toEqual(["single"]);
    const trail = await api.send("GET", "/v1/audit?resource=news");
    expect(trail.body.items.map(({ action }: { action: string }) => action)).toEqual([
      "topic.update",
      "topic.create",
    ]);
  });
});

describe("a subscription", () => {
  it("to a topic with single opt-in holds at once, with the evidence of the consent", async () => {
    const source = "https://shop.example.org/checkout?email=ada@example.org";
    const { status, body } = await put("single", "u0", { source, locale: "de" });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "subscribed",
      subscribedAt: expect.stringContaining(now.toISOString().slice(0, 19)),
      changedBy: "api",
      consent: [
        {
          step: "subscribed",
          way: "api",
          actor: "bootstrap",
          source: "https://shop.example.org/checkout",
          locale: "de",
          textVersion: null,
        },
      ],
    });
    expect(body.consent).toEqual((await put("single")).body.consent);
    expect((await api.send("DELETE", path("single"))).status).toBe(204);
    expect((await api.send("DELETE", path("single"))).status).toBe(204);
    const after = (await api.send("GET", path("single"))).body;
    expect([after.status, after.subscribedAt, after.consent.length]).toEqual([
      "unsubscribed",
      null,
      2,
    ]);
    // The operator's own mistake needs no confirmation.
    expect((await put("single")).body.status).toBe("subscribed");
    expect(await links()).toEqual([]);
    const list = await api.send("GET", "/v1/topics/single/subscribers?status=subscribed,pending");
    expect(list.body.items).toEqual([expect.objectContaining({ externalId: "u0" })]);
    const { subscribers } = (await api.send("GET", "/v1/topics/single")).body;
    expect(subscribers).toEqual({ pending: 0, subscribed: 1, unsubscribed: 0 });
    const trail = await api.send("GET", "/v1/audit?action=topic.subscribe");
    expect(trail.body.items[0]).toMatchObject({ after: { topic: "single", status: "subscribed" } });
  });

  it("to a topic with double opt-in waits for the confirmation, which holds again and again", async () => {
    expect((await put("double")).body.status).toBe("pending");
    const [link] = await links();
    expect(link).toMatch(/^https:\/\/tidings\.example\.org\/c\/[\w-]+$/);
    const [delivery] = await api.prisma.openDelivery.findMany();
    expect(delivery).toMatchObject({ channel: "email", priority: "critical" });
    for (let time = 0; time < 20; time++)
      for (const method of ["GET", "HEAD"])
        expect([200, 429]).toContain((await follow(link!, method)).status);
    expect(await statusOf("double")).toBe("pending");
    await api.prisma.suppression.create({
      data: {
        id: newUuid(),
        channel: "email",
        address: "u0@example.org",
        reason: "unsubscribed",
        createdBy: "recipient",
      },
    });
    for (let time = 0; time < 3; time++)
      expect(await follow(link!)).toMatchObject({
        status: 200,
        text: expect.stringContaining("You receive messages about “Double”."),
      });
    const { body } = await api.send("GET", path("double"));
    expect(body.consent.map(({ step }: { step: string }) => step)).toEqual([
      "confirmed",
      "requested",
    ]);
    expect(body.consent[0]).toMatchObject({ way: "recipient", locale: "en", textVersion: "1" });
    // Anybody who confirms wants email again.
    expect(await api.prisma.suppression.count()).toBe(0);
    const kinds = (await api.send("GET", "/v1/events")).body.items;
    expect(kinds.map(({ kind, topic }: Record<string, string>) => [kind, topic])).toEqual([
      ["recipient.resubscribed", null],
      ["topic.subscribed", "double"],
    ]);
  });

  it("is not confirmed by a link that is old, forged, or was sent to another address, and not after leaving", async () => {
    await put("double", "u1");
    const [link] = await links();
    const asked = now;
    now = new Date(asked.getTime() + 7 * 24 * 3_600_000 + 1);
    expect((await follow(link!)).text).toContain("no longer valid");
    now = asked;
    const forged = link!.slice(0, -1) + (link!.endsWith("A") ? "B" : "A");
    expect((await follow(forged)).status).toBe(404);
    await api.send("PATCH", "/v1/recipients/u1", { email: "new@example.org" }, { "if-match": "*" });
    expect((await follow(link!)).text).toContain("no longer valid");
    await api.send("PATCH", "/v1/recipients/u1", { email: "u1@example.org" }, { "if-match": "*" });
    await api.send("DELETE", path("double", "u1"));
    expect((await follow(link!)).text).toContain("no longer valid");
    expect(await statusOf("double", "u1")).toBe("unsubscribed");
    // A new request makes a new link, and the old one stays void.
    now = new Date(now.getTime() + 3_600_001);
    await put("double", "u1");
    expect((await follow(link!)).text).toContain("no longer valid");
    expect((await follow((await links())[1]!)).text).toContain("You receive");
    expect(await statusOf("double", "u1")).toBe("subscribed");
  });

  it("is asked for once an hour, and five times a day", async () => {
    expect((await put("double")).status).toBe(200);
    expect((await put("double")).status).toBe(429);
    for (let time = 1; time < 5; time++) {
      now = new Date(now.getTime() + 3_600_001);
      expect((await put("double")).status).toBe(200);
    }
    now = new Date(now.getTime() + 3_600_001);
    expect((await put("double")).status).toBe(429);
    expect(await links()).toHaveLength(5);
    // The first link is as good as the last.
    expect((await follow((await links())[0]!)).text).toContain("You receive");
  });

  it("needs an address for its confirmation, and a recipient", async () => {
    await api.send("PUT", "/v1/recipients/silent", { locale: "en" });
    expect((await put("double", "silent")).status).toBe(409);
    expect(await api.prisma.topicSubscription.count()).toBe(0);
    expect((await put("double", "nobody")).status).toBe(404);
    expect((await put("nothing")).status).toBe(404);
  });

  it("is changed by its recipient, who comes back by a confirmation only", async () => {
    const { body } = await api.send("POST", "/v1/recipients/u2/tokens", {
      purposes: ["preferences"],
    });
    const mine = (method: string, of = "") =>
      api.send(method, `/v1/me/topics${of}`, undefined, {
        authorization: `Bearer ${body.token}`,
      });
    expect((await mine("GET")).body.items.map(({ key }: { key: string }) => key)).toEqual([
      "double",
    ]);
    expect((await mine("PUT", "/single")).status).toBe(404);
    expect((await mine("PUT", "/double")).body.items).toMatchObject([{ status: "pending" }]);
    await follow((await links())[0]!);
    await put("single", "u2");
    expect((await mine("DELETE", "/single")).body.items).toMatchObject([
      { key: "double", status: "subscribed" },
      { key: "single", status: "unsubscribed" },
    ]);
    // Who left by themselves is asked, although the topic needs no confirmation.
    expect((await put("single", "u2")).body.status).toBe("pending");
    const listed = (await api.send("GET", "/v1/recipients/u2/topics")).body.items;
    expect(listed.map(({ status }: { status: string }) => status)).toEqual([
      "subscribed",
      "pending",
    ]);
    const viewer = await makeKey(api, { role: "viewer" });
    const asViewer = { authorization: `Bearer ${viewer.secret}` };
    expect((await api.send("PUT", path("single"), {}, asViewer)).status).toBe(403);
    // Another request, an import, and the end of the time to confirm do not make it forgotten.
    now = new Date(now.getTime() + 3_600_001);
    expect((await put("single", "u2")).body.status).toBe("pending");
    const importing = "/v1/topics/single/subscribers/import";
    const csv = { "content-type": "text/csv" };
    const { body: imported } = await api.send("POST", importing, "recipient\nu2\n", csv);
    expect(imported).toMatchObject({ unchanged: 1 });
    expect(await statusOf("single", "u2")).toBe("pending");
    const retention = { deliveriesDays: 90, auditDays: 90, idempotencyDays: 90, inboxDays: 90 };
    await createExpired({ pool: api.pool, retention }).remove({
      table: "topic_subscriptions",
      now: new Date(now.getTime() + 31 * 86_400_000),
      after: null,
    });
    expect(await statusOf("single", "u2")).toBe("unsubscribed");
    now = new Date(now.getTime() + 3_600_001);
    expect((await put("single", "u2")).body.status).toBe("pending");
  });

  it("is imported with the time of the consent, but not against somebody who has left", async () => {
    await put("single", "u1");
    await put("single", "u2");
    await api.send("DELETE", path("single", "u2"));
    const lines = [
      { recipient: "u0", consentedAt: "2026-11-02T10:00:00Z", source: "Fair" },
      { recipient: "u1" },
      { recipient: "u2" },
      { recipient: "nobody" },
      { recipient: publicId("recipient", await idOf("u3")) },
    ];
    const { body } = await api.send(
      "POST",
      "/v1/topics/single/subscribers/import",
      lines.map((line) => JSON.stringify(line)).join("\n"),
      { "content-type": "application/x-ndjson" },
    );
    expect(body).toMatchObject({ lines: 5, created: 2, unchanged: 2, failed: 1 });
    expect(body.errors).toEqual([expect.objectContaining({ line: 4, field: "/recipient" })]);
    const { subscribedAt, consent } = (await api.send("GET", path("single"))).body;
    expect(subscribedAt).toBe("2026-11-02T10:00:00.000Z");
    expect(consent).toMatchObject([
      { step: "imported", way: "import", at: "2026-11-02T10:00:00.000Z", source: "Fair" },
    ]);
    expect(await statusOf("single", "u2")).toBe("unsubscribed");
    const csv = await api.send(
      "POST",
      "/v1/topics/single/subscribers/import",
      "external_id,consented_at\nu0,2026-11-02T10:00:00Z\n",
      { "content-type": "text/csv" },
    );
    expect(csv.body).toMatchObject({ unchanged: 1, failed: 0 });
  });

  it("ends by the link in a campaign's email, and begins again by undo", async () => {
    await put("single", "u3", {});
    const topic = await api.prisma.topic.findUniqueOrThrow({ where: { key: "single" } });
    const token = createUnsubscribeTokens([tokenSecret]).sign({
      recipientId: await idOf("u3"),
      typeId: null,
      topicId: topic.id,
      message: { delivery: newUuid() },
    });
    const press = (choice = "") =>
      api.app.request(`/u/${token}${choice}`, {
        method: "POST",
        headers: { accept: "text/html" },
      });
    expect(await (await api.app.request(`/u/${token}`)).text()).toContain("“Single”");
    expect(await statusOf("single", "u3")).toBe("subscribed");
    for (let time = 0; time < 2; time++)
      expect(await (await press()).text()).toContain("no more emails of the kind “Single”");
    const { status, consent } = (await api.send("GET", path("single", "u3"))).body;
    expect([status, consent.length, consent[0].way]).toEqual(["unsubscribed", 2, "recipient"]);
    expect(await api.prisma.suppression.count()).toBe(0);
    expect(await (await press("?choice=undo")).text()).toContain("“Single” again");
    expect(await statusOf("single", "u3")).toBe("subscribed");
    await press("?choice=all");
    expect(await api.prisma.suppression.count()).toBe(1);
    expect(await statusOf("single", "u3")).toBe("subscribed");
    const events = (await api.send("GET", "/v1/events")).body.items;
    expect(events.map(({ kind }: { kind: string }) => kind)).toEqual([
      "recipient.unsubscribed",
      "topic.subscribed",
      "topic.unsubscribed",
    ]);
  });

  it("is deleted with its recipient, and the consent stays without its source", async () => {
    await api.send("PUT", "/v1/recipients/gone", { email: "gone@example.org" });
    await put("double", "gone", { source: "At the counter" });
    const [link] = await links();
    const id = await idOf("gone");
    expect((await api.send("DELETE", "/v1/recipients/gone")).status).toBe(200);
    expect(await api.prisma.topicSubscription.count()).toBe(0);
    expect(await api.prisma.consentEntry.findMany()).toEqual([
      expect.objectContaining({ recipientId: id, step: "requested", source: null }),
    ]);
    expect((await follow(link!)).text).toContain("no longer valid");
    expect((await follow(link!, "GET")).status).toBe(200);
    expect(await api.prisma.topicSubscription.count()).toBe(0);
  });
});

describe("a campaign", () => {
  it("names a topic, which can be changed until it begins, and its copies have it too", async () => {
    const campaign = {
      name: "To subscribers",
      template: { key: "order-shipped" },
      data: { order: "A" },
      audience: { where: { topic: "single" } },
      topic: "single",
    };
    const { body, status } = await api.send("POST", "/v1/campaigns", campaign);
    expect([status, body.topic]).toEqual([201, "single"]);
    const wrong = await api.send("POST", "/v1/campaigns", { ...campaign, topic: "nothing" });
    expect([wrong.status, wrong.body.errors[0].field]).toEqual([422, "/topic"]);
    const copy = await api.send("POST", `/v1/campaigns/${body.id}/duplicate`, {});
    expect(copy.body.topic).toBe("single");
    const any = { "if-match": "*" };
    const edited = await api.send("PATCH", `/v1/campaigns/${body.id}`, { topic: null }, any);
    expect(edited.body.topic).toBeNull();
    await put("single", "u0");
    const preview = await api.send("POST", "/v1/audiences/preview", {
      audience: campaign.audience,
    });
    expect(preview.body.count).toEqual({ exactly: 1 });
  });
});
