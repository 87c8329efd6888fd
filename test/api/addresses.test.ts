import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { readSubscription } from "../../domain/push-subscription.ts";
import { createTokens, type RecipientPurpose } from "../../domain/tokens.ts";
import { createDeviceLedger } from "../../ledger/push-devices.ts";
import {
  allowedAddress,
  forbiddenUrls,
  literalUrls,
  namedUrls,
  startWitness,
} from "../support/forbidden-urls.ts";
import { subnets } from "../support/outbound.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { makeSubscription } from "../support/push-subscription.ts";
import { type Api, seed, startApi, tokenSecret } from "./harness.ts";

let api: Api;
let people = 0;
/** The external id, the UUID and a token of a recipient of the test's own. */
let ada: { name: string; id: string; token: string };

const tokens = createTokens([tokenSecret]);
const tokenOf = (id: string, purposes: RecipientPurpose[] = ["push"]) =>
  tokens.signRecipientToken({
    recipientId: id,
    purposes,
    expiresAt: new Date(Date.now() + 3_600_000),
  });

async function addPerson() {
  const name = `person-${people++}`;
  const { body } = await api.send("PUT", `/v1/recipients/${name}`, {});
  const id = parsePublicId("recipient", body.id)!;
  return { name, id, token: await tokenOf(id) };
}

beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
afterAll(() => api.stop());
beforeEach(async () => {
  ada = await addPerson();
});

const mine = "/v1/me/push-subscriptions";
const asRecipient = (token: string) => ({ authorization: `Bearer ${token}` });
const put = (body: unknown, { token } = ada) => api.send("PUT", mine, body, asRecipient(token));
const pathOf = ({ name } = ada) => `/v1/recipients/${name}/addresses`;
/** Disables an address, as a worker does whose push service does not know it any more. */
const disable = (id: string) => createDeviceLedger(api.pool).disable([id]);
const list = async (person = ada) => (await api.send("GET", pathOf(person))).body.items;
const reachableBy = async ({ name } = ada) =>
  (await api.send("GET", `/v1/recipients/${name}`)).body.reachableBy;
const trailOf = async ({ id } = ada) =>
  (
    await api.prisma.auditEntry.findMany({
      where: { resource: publicId("recipient", id), action: { startsWith: "address." } },
      orderBy: { id: "asc" },
    })
  ).map(({ action, actor, before, after }) => ({ action, actor, before, after }));

describe("PUT /v1/me/push-subscriptions", () => {
  it("registers a browser once, and shows everything of it but its address", async () => {
    const subscription = makeSubscription();
    const label = "Firefox on the laptop";
    const created = await put({ subscription, label });
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      id: expect.stringMatching(/^adr_/),
      channel: "push",
      kind: "web_push",
      service: "updates.push.services.mozilla.com",
      ending: subscription.endpoint.slice(-4),
      label,
      createdAt: expect.any(String),
      lastUsedAt: expect.any(String),
      expiresAt: null,
      disabledAt: null,
      disabledReason: null,
    });
    const again = await put({ subscription });
    expect([again.status, again.body]).toEqual([
      200,
      { ...created.body, lastUsedAt: expect.any(String) },
    ]);
    expect(again.body.lastUsedAt >= created.body.lastUsedAt).toBe(true);
    expect(await list()).toEqual([again.body]);
    expect((await api.send("GET", `${pathOf()}/${created.body.id}`)).body).toEqual(again.body);
    expect(await reachableBy()).toEqual(["push"]);

    const everything = JSON.stringify([created.body, await trailOf(), api.logged]);
    for (const secret of [subscription.endpoint.slice(-20), ...Object.values(subscription.keys)])
      expect(everything).not.toContain(secret);
  });

  it("stores the address sealed for its row, and nowhere else", async () => {
    const subscription = makeSubscription();
    const { body } = await put({ subscription, label: "x" });
    const id = parsePublicId("address", body.id)!;
    const row = await api.prisma.address.findUniqueOrThrow({ where: { id } });
    const opened = await api.sealer.open(row.value, {
      table: "addresses",
      column: "value",
      row: id,
    });
    expect(readSubscription(opened)).toEqual({
      endpoint: subscription.endpoint,
      keys: subscription.keys,
    });
    const { rows } = await api.pool.query<{ row: string }>(
      "SELECT to_jsonb(a)::text || encode(a.value, 'escape') AS row FROM addresses a WHERE id = $1",
      [id],
    );
    const { rows: audit } = await api.pool.query<{ row: string }>(
      "SELECT to_jsonb(e)::text AS row FROM audit_entries e",
    );
    const secrets = [
      subscription.endpoint.slice(0, 30),
      subscription.endpoint.slice(-30),
      subscription.keys.p256dh,
      subscription.keys.auth,
    ];
    const places = [...rows, ...audit].map((stored) => stored.row);
    for (const place of [...places, ...api.logged, await api.metrics.registry.metrics()])
      for (const text of secrets) expect(place).not.toContain(text);
  });

  it("is recorded in the audit trail when something changes, and not when it is repeated", async () => {
    const subscription = makeSubscription();
    const { body } = await put({ subscription, label: "Ada's telephone" });
    await put({ subscription });
    const facts = {
      address: body.id,
      channel: "push",
      kind: "web_push",
      service: body.service,
    };
    const registered = { action: "address.register", actor: "recipient", before: null };
    expect(await trailOf()).toEqual([{ ...registered, after: facts }]);
    const id = parsePublicId("address", body.id)!;
    await disable(id);
    await put({ subscription });
    await api.send("DELETE", `${pathOf()}/${body.id}`);
    expect((await trailOf()).slice(1)).toEqual([
      { action: "address.restore", actor: "recipient", before: null, after: facts },
      { action: "address.remove", actor: "bootstrap", before: facts, after: null },
    ]);
  });

  it("moves a browser to the recipient who uses it now", async () => {
    const subscription = makeSubscription();
    const first = await put({ subscription, label: "of the first" });
    const eve = await addPerson();
    const moved = await put({ subscription }, eve);
    expect(moved.status).toBe(201);
    expect(moved.body).toMatchObject({ id: first.body.id, label: null });
    expect([await list(), await list(eve)]).toEqual([[], [moved.body]]);
    expect([await reachableBy(), await reachableBy(eve)]).toEqual([[], ["push"]]);
    await put({ subscription });
    expect([await reachableBy(), await reachableBy(eve)]).toEqual([["push"], []]);
  });

  it("keeps the former owner reachable if they have another browser", async () => {
    const [one, other] = [makeSubscription(), makeSubscription()];
    await put({ subscription: one });
    await put({ subscription: other });
    const eve = await addPerson();
    await put({ subscription: one }, eve);
    expect([await reachableBy(), await reachableBy(eve)]).toEqual([["push"], ["push"]]);
  });

  it("uses a disabled browser again", async () => {
    const subscription = makeSubscription();
    const { body } = await put({ subscription });
    const id = parsePublicId("address", body.id)!;
    await disable(id);
    const [{ disabledAt }] = await list();
    await disable(id);
    expect(await list()).toMatchObject([{ disabledAt, disabledReason: "gone" }]);
    expect(disabledAt).toEqual(expect.any(String));
    expect(await reachableBy()).toEqual([]);
    const again = await put({ subscription });
    expect([again.status, again.body.disabledAt, again.body.disabledReason]).toEqual([
      200,
      null,
      null,
    ]);
    expect(await reachableBy()).toEqual(["push"]);
  });

  it("keeps at most 20 browsers, without the one that was unused for the longest time", async () => {
    const subscriptions = Array.from({ length: 21 }, () => makeSubscription());
    const ids: string[] = [];
    for (const subscription of subscriptions.slice(0, 20))
      ids.push((await put({ subscription })).body.id);
    await api.pool.query(
      "UPDATE addresses SET last_used_at = last_used_at - interval '1 day' WHERE id = $1",
      [parsePublicId("address", ids[7]!)],
    );
    const last = await put({ subscription: subscriptions[20] });
    expect(last.status).toBe(201);
    const left = (await list()).map(({ id }: { id: string }) => id);
    expect(new Set(left)).toEqual(new Set([...ids.filter((id) => id !== ids[7]), last.body.id]));
    expect((await trailOf()).at(-1)).toMatchObject({ after: { replaced: [ids[7]] } });

    // A disabled one goes first, however recently it was used.
    const disabled = parsePublicId("address", ids[12]!)!;
    await disable(disabled);
    await put({ subscription: subscriptions[7] });
    const now = (await list()).map(({ id }: { id: string }) => id);
    expect([now.length, now.includes(ids[12])]).toEqual([20, false]);
  });

  it("is one row however many register the same browser at once, and its owner is reachable", async () => {
    const subscription = makeSubscription();
    const others = await Promise.all(Array.from({ length: 3 }, addPerson));
    const everybody = [ada, ...others];
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, n) => put({ subscription }, everybody[n % 4])),
    );
    for (const { status } of replies) expect([200, 201, 503]).toContain(status);
    expect(new Set(replies.flatMap(({ body }) => body.id ?? [])).size).toBe(1);
    const lists = await Promise.all(everybody.map((person) => list(person)));
    const channels = await Promise.all(everybody.map((person) => reachableBy(person)));
    expect(lists.flat()).toHaveLength(1);
    expect(channels).toEqual(lists.map(({ length }) => (length === 1 ? ["push"] : [])));
  });

  it("remembers when the subscription ends, and refuses one that has ended", async () => {
    const ahead = Date.now() + 86_400_000;
    const subscription = makeSubscription();
    const { body } = await put({ subscription: { ...subscription, expirationTime: ahead } });
    expect(body.expiresAt).toBe(new Date(ahead).toISOString());
    const late = await put({
      subscription: { ...subscription, expirationTime: Date.now() - 1_000 },
    });
    expect([late.status, late.body.errors[0].field]).toEqual([422, "/subscription/expirationTime"]);
  });

  it.each([
    ["/subscription/endpoint", "https://example.org/a"],
    ["/subscription/endpoint", "http://fcm.googleapis.com/a"],
    ["/subscription/endpoint", "https://fcm.googleapis.com:8443/a"],
    ["/subscription/endpoint", "https://user:secret@fcm.googleapis.com/a"],
    ["/subscription/endpoint", "https://127.0.0.1/a"],
    ["/subscription/endpoint", "https://169.254.169.254/latest/meta-data"],
    ["/subscription/endpoint", "https://FCM.googleapis.com/a"],
    ["/subscription/endpoint", "not a URL"],
  ])("refuses an endpoint with its fault named: %s %s", async (field, endpoint) => {
    const { status, body } = await put({ subscription: { ...makeSubscription(), endpoint } });
    expect([status, body.errors.map((error: { field: string }) => error.field)]).toEqual([
      422,
      [field],
    ]);
    // A URL can be a secret.
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(await list()).toEqual([]);
  });

  it("refuses every endpoint that is not of a push service, in whatever form, and connects to none", async () => {
    const { port, forbidden } = await startWitness();
    const endpoints = { pushServices: [], privateSubnets: subnets(allowedAddress), ports: [port] };
    const open = await startApi({ config: { endpoints }, database: api.database });
    const urls = [...forbiddenUrls(port), ...literalUrls(443, "https"), ...namedUrls(443, "https")];
    for (const [index, endpoint] of urls.entries()) {
      // A recipient may send a limited number of requests a minute.
      if (index % 50 === 0) ada = await addPerson();
      const subscription = { ...makeSubscription(), endpoint };
      const replies = [
        await open.send("PUT", mine, { subscription }, asRecipient(ada.token)),
        await open.send("POST", pathOf(), { kind: "web_push", subscription }),
      ];
      expect([endpoint, replies.map(({ status }) => status)]).toEqual([endpoint, [422, 422]]);
    }
    // The API that refuses all of them takes an endpoint at the address that its operator allows.
    const subscription = makeSubscription(`http://${allowedAddress}:${port}/a`);
    const taken = await open.send("POST", pathOf(), { kind: "web_push", subscription });
    expect(taken.status).toBe(201);
    expect(await list()).toHaveLength(1);
    expect(forbidden).toEqual([]);
    await open.stop();
  });

  it("refuses keys, labels and fields that no browser sends", async () => {
    const subscription = makeSubscription();
    const { keys } = subscription;
    const off = { ...keys, p256dh: `${keys.p256dh.slice(0, -4)}AAAA` };
    for (const body of [
      {},
      { subscription: null },
      { subscription: { ...subscription, keys: off } },
      { subscription: { ...subscription, keys: { ...keys, auth: "AAAA" } } },
      { subscription: { ...subscription, keys: { p256dh: keys.p256dh } } },
      { subscription: { ...subscription, more: 1 } },
      { subscription, label: "a\u202eb" },
      { subscription, label: "x".repeat(101) },
      { subscription, recipient: "eve" },
    ])
      expect([body, (await put(body)).status]).toEqual([body, 422]);
    expect(await list()).toEqual([]);
  });

  it("needs a token for push of a recipient who exists", async () => {
    const body = { subscription: makeSubscription() };
    const others = await tokenOf(ada.id, ["inbox", "preferences"]);
    expect((await put(body, { ...ada, token: others })).status).toBe(403);
    await api.send("DELETE", `/v1/recipients/${ada.name}`);
    expect([401, 410]).toContain((await put(body)).status);
    expect(await api.prisma.address.count({ where: { recipientId: ada.id } })).toBe(0);
  });
});

describe("without keys to encrypt with", () => {
  it("nothing is registered, and the answer says why", async () => {
    const other = await startApi({ database: await createTestDatabase(), masterKeys: [] });
    await other.send("PUT", "/v1/recipients/bob", {});
    const body = { kind: "web_push", subscription: makeSubscription() };
    const reply = await other.send("POST", "/v1/recipients/bob/addresses", body);
    expect([reply.status, reply.body.detail]).toEqual([503, expect.stringContaining("no keys")]);
    expect(await other.prisma.address.count()).toBe(0);
    await other.stop();
    await other.database.drop();
  });
});

describe("DELETE /v1/me/push-subscriptions", () => {
  it("removes a browser of mine, once or again, and none of others", async () => {
    const subscription = makeSubscription();
    await put({ subscription });
    const { endpoint } = subscription;
    const eve = await addPerson();
    const remove = ({ token } = ada) => api.send("DELETE", mine, { endpoint }, asRecipient(token));
    expect((await remove(eve)).status).toBe(204);
    expect(await reachableBy()).toEqual(["push"]);
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 204]);
    expect([await list(), await reachableBy()]).toEqual([[], []]);
  });
});

describe("services", () => {
  const register = (subscription: unknown, person = ada) =>
    api.send("POST", pathOf(person), { kind: "web_push", subscription, label: "kiosk" });

  it("register, list and remove the browsers of a recipient", async () => {
    const subscription = makeSubscription();
    const { status, body } = await register(subscription);
    expect([status, body.label]).toEqual([201, "kiosk"]);
    expect((await register(subscription)).status).toBe(200);
    // What a service has registered is the same address for the browser itself.
    expect((await put({ subscription })).body.id).toBe(body.id);
    const eve = await addPerson();
    expect((await api.send("DELETE", `${pathOf(eve)}/${body.id}`)).status).toBe(404);
    expect((await api.send("GET", `${pathOf(eve)}/${body.id}`)).status).toBe(404);
    expect((await api.send("DELETE", `${pathOf()}/${body.id}`)).status).toBe(204);
    expect((await api.send("DELETE", `${pathOf()}/${body.id}`)).status).toBe(404);
    expect(await list()).toEqual([]);
  });

  it("find the recipients whom a channel reaches, in lists and audiences", async () => {
    await put({ subscription: makeSubscription() });
    await api.send(
      "PATCH",
      `/v1/recipients/${ada.name}`,
      { email: "ada@example.org" },
      {
        "if-match": "*",
      },
    );
    const nobody = await addPerson();
    const namesBy = async (channel: string) =>
      (await api.send("GET", `/v1/recipients?reachableBy=${channel}&limit=100`)).body.items.map(
        ({ externalId }: { externalId: string }) => externalId,
      );
    for (const channel of ["push", "email"]) {
      expect(await namesBy(channel)).toContain(ada.name);
      expect(await namesBy(channel)).not.toContain(nobody.name);
    }
    expect(await namesBy("sms")).toEqual([]);
    expect((await api.send("GET", "/v1/recipients?reachableBy=in_app")).status).toBe(422);
    const filter = {
      all: [{ reachableBy: "push" }, { field: "externalId", equals: ada.name }],
    };
    const preview = await api.send("POST", "/v1/segments/preview", { filter });
    expect(preview.body).toMatchObject({
      count: 1,
      sample: [{ externalId: ada.name, reachableBy: ["email", "push"] }],
    });
  });

  it("leave nothing of a recipient's browsers when they erase the recipient", async () => {
    const subscription = makeSubscription();
    await put({ subscription, label: "Ada's telephone" });
    const other = makeSubscription();
    const eve = await addPerson();
    await put({ subscription: other }, eve);
    await api.send("DELETE", `/v1/recipients/${ada.name}`);
    expect(await api.prisma.address.count({ where: { recipientId: ada.id } })).toBe(0);
    const { addressChannels } = await api.prisma.recipient.findUniqueOrThrow({
      where: { id: ada.id },
    });
    expect(addressChannels).toEqual([]);
    expect(await list(eve)).toHaveLength(1);
    // The browser may serve another recipient then.
    expect((await put({ subscription }, eve)).status).toBe(201);
  });
});

describe("GET /v1/push/key", () => {
  it("is the public key, or a 404 without keys", async () => {
    expect((await api.app.request("/v1/push/key")).status).toBe(404);
    const key = makeSubscription().keys.p256dh;
    const other = await startApi({ config: { vapidPublicKey: key }, database: api.database });
    const { status, body } = await other.send("GET", "/v1/push/key");
    expect([status, body]).toEqual([200, { key }]);
    await other.stop();
  });
});

describe("the scripts for browsers", () => {
  it("have an ETag, and their type is not guessed", async () => {
    for (const name of ["sw.js", "client.js"]) {
      const first = await api.app.request(`/push/${name}`);
      expect([first.status, first.headers.get("content-type")]).toEqual([
        200,
        "text/javascript; charset=utf-8",
      ]);
      expect(first.headers.get("x-content-type-options")).toBe("nosniff");
      expect(first.headers.get("cache-control")).toBe("public, max-age=3600");
      const etag = first.headers.get("etag")!;
      const again = await api.app.request(`/push/${name}`, { headers: { "if-none-match": etag } });
      expect([again.status, await again.text()]).toEqual([304, ""]);
    }
    const worker = await api.app.request("/push/sw.js");
    expect(worker.headers.get("service-worker-allowed")).toBe("/");
  });
});
