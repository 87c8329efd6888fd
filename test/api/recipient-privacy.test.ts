import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hourMs } from "../../domain/time/durations.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { browse, signIn } from "../support/browser-requests.ts";
import { type Api, apiKey, makeKey, seed, startApi } from "./harness.ts";

let api: Api;
let now = new Date();
let keys: Record<"viewer" | "sender", { id: string; secret: string }>;
let ada: string;
beforeAll(async () => {
  api = await startApi({ clock: () => now });
  await seed(api, 2);
  keys = {
    viewer: await makeKey(api, { name: "Vera", role: "viewer" }),
    sender: await makeKey(api, { name: "Sam", role: "sender" }),
  };
  const profile = {
    email: "ada@example.org",
    phone: "+4915112345678",
    attributes: { plan: "pro", owner: ["boss@example.org"] },
  };
  ada = (await api.send("PUT", "/v1/recipients/ada@example.org", profile)).body.id;
  await api.send("POST", "/v1/segments", {
    key: "pro",
    name: "Pro",
    filter: { attribute: "plan", equals: "pro" },
  });
  await api.send("POST", "/v1/suppressions", { channel: "email", address: "gone@example.org" });
});
beforeEach(() => {
  now = new Date();
});
afterAll(() => api.stop());

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const masked = {
  externalId: "a•••@example.org",
  email: "a•••@example.org",
  phone: "+49•••78",
  attributes: { plan: "pro", owner: ["b•••@example.org"] },
};
const full = {
  externalId: "ada@example.org",
  email: "ada@example.org",
  phone: "+4915112345678",
  attributes: { plan: "pro", owner: ["boss@example.org"] },
};
const reads = async () =>
  (await api.send("GET", `/v1/audit?resource=${ada}&action=recipient.read`)).body.items;

describe("addresses of recipients", () => {
  /** Every answer with addresses that a viewer may request. */
  const answers: [string, string, unknown?][] = [
    ["GET", "/v1/recipients/ada@example.org"],
    ["GET", "/v1/recipients?email=ada@example.org"],
    ["GET", "/v1/segments/pro/recipients"],
    ["POST", "/v1/segments/preview", { filter: { attribute: "plan", equals: "pro" }, sample: 1 }],
    ["POST", "/v1/audiences/preview", { audience: { include: ["pro"] }, sample: 1 }],
    ["GET", "/v1/suppressions?address=gone@example.org"],
  ];

  it.each(answers)(
    "are masked for viewers and in the console: %s %s",
    async (method, path, body) => {
      const secret = /(ada|boss|gone)@example\.org|15112345/;
      const viewer = await api.send(method, path, body, bearer(keys.viewer.secret));
      expect(viewer.status).toBe(200);
      expect(JSON.stringify(viewer.body)).toContain("•••@example.org");
      expect(JSON.stringify(viewer.body)).not.toMatch(secret);
      const { sent } = await signIn(api, { apiKey: keys.sender.secret });
      const inConsole = await browse(api, method, path, { body, headers: sent });
      expect(inConsole.body).toEqual(viewer.body);
      const service = await api.send(method, path, body, bearer(keys.sender.secret));
      expect(JSON.stringify(service.body)).toMatch(secret);
      expect(JSON.stringify(service.body)).not.toContain("•••");
    },
  );

  it("are masked in answers about deliveries, and not in what is written back", async () => {
    const { id } = (
      await api.send("POST", "/v1/notifications", {
        recipients: ["ada@example.org"],
        content: { title: "Hello", body: "Write to help@example.org" },
        data: { payer: "boss@example.org" },
        entityId: "ada@example.org",
        cc: ["boss@example.org"],
      })
    ).body;
    const [{ id: delivery }] = (await api.send("GET", `/v1/notifications/${id}`)).body.deliveries;
    const response = "550 5.1.1 <ada@example.org>: no such user";
    await api.pool.query(
      "INSERT INTO earlier_attempts (delivery_id, number, provider, outcome, failure, response, started_at, finished_at) VALUES ($1, 1, 'smtp-1', 'permanent', 'address_rejected', $2, now(), now())",
      [parsePublicId("delivery", delivery), response],
    );
    const secret = /(ada|boss)@example\.org/;
    for (const path of [
      `/v1/deliveries/${delivery}`,
      `/v1/notifications/${id}`,
      `/v1/deliveries/${delivery}/explanation`,
      `/v1/explanations?source=${id}&recipient=${ada}`,
    ]) {
      const viewer = await api.send("GET", path, undefined, bearer(keys.viewer.secret));
      expect(viewer.status).toBe(200);
      const masked = `${path} ${JSON.stringify(viewer.body)}`;
      expect(masked).not.toMatch(secret);
      expect(masked).toContain("•••@example.org");
      const service = await api.send("GET", path, undefined, bearer(keys.sender.secret));
      expect(`${path} ${JSON.stringify(service.body)}`).toMatch(secret);
    }
    const shown = await api.send(
      "GET",
      `/v1/notifications/${id}`,
      undefined,
      bearer(keys.viewer.secret),
    );
    expect(JSON.stringify(shown.body.content)).toContain("help@example.org");
    const campaign = await api.send("POST", "/v1/campaigns", {
      name: "Paused",
      template: { key: "order-shipped" },
      data: { order: "1" },
      audience: { all: true },
      email: { replyTo: "desk@example.org" },
    });
    await api.pool.query("UPDATE campaigns SET pause_detail = $1", [response]);
    for (const path of ["/v1/campaigns", `/v1/campaigns/${campaign.body.id}`]) {
      const { body } = await api.send("GET", path, undefined, bearer(keys.viewer.secret));
      expect(JSON.stringify(body)).toContain("<a•••@example.org>");
      expect(JSON.stringify(body)).toContain("desk@example.org");
    }
  });

  it("are masked in one suppression, and in what a change in the console answers", async () => {
    const [{ id }] = (await api.send("GET", "/v1/suppressions")).body.items;
    const { sent } = await signIn(api, { apiKey: keys.sender.secret });
    const one = await browse(api, "GET", `/v1/suppressions/${id}`, { headers: sent });
    expect(one.body.address).toBe("g•••@example.org");
    const path = `/v1/recipients/${ada}`;
    const etag = (await browse(api, "GET", path, { headers: sent })).headers.get("etag")!;
    const headers = { ...sent, "if-match": etag };
    const body = { locale: "de-AT" };
    const changed = await browse(api, "PATCH", path, { body, headers });
    expect(changed.body).toMatchObject({ ...masked, locale: "de-AT" });
    expect((await api.send("GET", path)).body).toMatchObject(full);
  });

  it("are masked in the audit trail for people, except in changes that are undone by writing back", async () => {
    const name = "desk@example.org";
    await api.send("POST", "/v1/segments", {
      key: "at-desk",
      name,
      filter: { attribute: "plan", equals: "pro" },
    });
    await api.send(
      "PATCH",
      "/v1/recipients/u1",
      { attributes: { boss: name } },
      {
        "if-match": "*",
      },
    );
    const { sent } = await signIn(api, { apiKey });
    const entries = async (action: string) => {
      const { body } = await browse(api, "GET", `/v1/audit?action=${action}`, { headers: sent });
      return JSON.stringify(body);
    };
    expect(await entries("recipient.update")).toContain("d•••@example.org");
    expect(await entries("recipient.update")).not.toContain(name);
    expect(await entries("segment.create")).toContain(name);
  });

  it("are masked in messages for a recipient, but not what a template says", async () => {
    const content = {
      email: {
        subject: "For {{ recipient.email }}",
        html: "<p>{{ recipient.attributes.owner }} {{ payer }} help@example.org</p>",
      },
    };
    const data = { payer: "boss@example.org" };
    const { id } = (
      await api.send("POST", "/v1/notifications", { recipients: [ada], content, data })
    ).body;
    const [{ id: delivery }] = (await api.send("GET", `/v1/notifications/${id}`)).body.deliveries;
    const example = { content, recipient: ada, data: {} };
    const requests: [string, string, unknown?][] = [
      ["GET", `/v1/deliveries/${delivery}/message`],
      ["POST", "/v1/templates/preview", example],
    ];
    const { sent } = await signIn(api, { apiKey: keys.sender.secret });
    for (const [method, path, body] of requests) {
      const viewer = await api.send(method, path, body, bearer(keys.viewer.secret));
      const shown = JSON.stringify(viewer.body);
      expect([path, shown]).toEqual([path, expect.stringContaining("For a•••@example.org")]);
      expect([path, shown]).toEqual([path, expect.stringContaining("help@example.org")]);
      expect([path, shown]).toEqual([path, expect.not.stringMatching(/(ada|boss)@/)]);
      expect((await browse(api, method, path, { body, headers: sent })).body).toEqual(viewer.body);
      const service = await api.send(method, path, body, bearer(keys.sender.secret));
      expect(JSON.stringify(service.body)).toContain("For ada@example.org");
    }
  });

  it("are revealed to those who may send, and the audit trail says to whom", async () => {
    const path = `/v1/recipients/${ada}/reveal`;
    const viewer = await signIn(api, { apiKey: keys.viewer.secret });
    expect((await browse(api, "POST", path, { headers: viewer.sent })).status).toBe(403);
    const { sent } = await signIn(api, { apiKey: keys.sender.secret });
    const revealed = await browse(api, "POST", path, { headers: sent });
    expect([revealed.status, revealed.body]).toEqual([200, expect.objectContaining(full)]);
    const { items } = (await api.send("GET", `/v1/audit?resource=${ada}&action=recipient.reveal`))
      .body;
    expect(items).toEqual([
      expect.objectContaining({
        actor: keys.sender.id,
        address: null,
        after: { fields: ["externalId", "email", "phone", "attributes"] },
      }),
    ]);
    expect(
      (await browse(api, "POST", "/v1/recipients/nobody/reveal", { headers: sent })).status,
    ).toBe(404);
  });
});

describe("the contacts of a recipient", () => {
  it("say which of their addresses are suppressed, and are masked", async () => {
    const given = { email: "gone@example.org", phone: "+4915187654321" };
    await api.send("PUT", "/v1/recipients/gone", given);
    const full = await api.send("GET", "/v1/recipients/gone/addresses");
    expect(full.body).toEqual({
      items: [],
      contacts: [
        {
          channel: "email",
          address: given.email,
          suppressed: { reason: "manual", since: expect.any(String) },
        },
        { channel: "sms", address: given.phone, suppressed: null },
      ],
    });
    const path = "/v1/recipients/gone/addresses";
    const { body } = await api.send("GET", path, undefined, bearer(keys.viewer.secret));
    expect(body.contacts.map(({ address }: { address: string }) => address)).toEqual([
      "g•••@example.org",
      "+49•••21",
    ]);
  });
});

describe("reading a recipient in the console", () => {
  it("is recorded once an hour for each person, whatever is read and by which id", async () => {
    await api.prisma.auditEntry.deleteMany({ where: { resource: ada } });
    now = new Date(Date.now() + 2 * hourMs);
    const { sent } = await signIn(api, { apiKey: keys.viewer.secret });
    for (const path of [
      ada,
      "ada@example.org",
      `${ada}/timeline`,
      `${ada}/preferences`,
      `${ada}/addresses`,
    ])
      expect((await browse(api, "GET", `/v1/recipients/${path}`, { headers: sent })).status).toBe(
        200,
      );
    expect(await reads()).toEqual([
      expect.objectContaining({ actor: keys.viewer.id, resource: ada, before: null, after: null }),
    ]);
    const other = await signIn(api, { apiKey: keys.sender.secret });
    // Entries of one millisecond have no order among themselves.
    now = new Date(now.getTime() + 1);
    await browse(api, "GET", `/v1/recipients/${ada}`, { headers: other.sent });
    expect(await reads()).toHaveLength(2);
    now = new Date(now.getTime() + hourMs);
    await browse(api, "GET", `/v1/recipients/${ada}`, { headers: sent });
    expect((await reads()).map(({ actor }: { actor: string }) => actor)).toEqual([
      keys.viewer.id,
      keys.sender.id,
      keys.viewer.id,
    ]);
  });

  it("is recorded once an hour by all processes together", async () => {
    await api.prisma.auditEntry.deleteMany({ where: { resource: ada } });
    now = new Date(Date.now() + 5 * hourMs);
    const beside = await startApi({ clock: () => now, database: api.database });
    const { sent } = await signIn(api, { apiKey: keys.viewer.secret });
    for (const one of [api, beside])
      expect((await browse(one, "GET", `/v1/recipients/${ada}`, { headers: sent })).status).toBe(
        200,
      );
    await beside.stop();
    expect(await reads()).toHaveLength(1);
  });

  it("is not recorded for services, for lists, and where nothing was shown", async () => {
    await api.prisma.auditEntry.deleteMany({ where: { resource: ada } });
    now = new Date(Date.now() + 8 * hourMs);
    await api.send("GET", `/v1/recipients/${ada}`);
    const { sent } = await signIn(api, { apiKey: keys.viewer.secret });
    await browse(api, "GET", "/v1/recipients", { headers: sent });
    await browse(api, "GET", `/v1/recipients/${ada}/timeline?digests=0`, { headers: sent });
    await browse(api, "GET", "/v1/recipients/nobody", { headers: sent });
    expect(await reads()).toEqual([]);
    expect(
      await api.prisma.auditEntry.count({ where: { action: "recipient.read", resource: ada } }),
    ).toBe(0);
  });
});
