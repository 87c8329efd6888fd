import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKeyring } from "../../api/http/keyring.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { type Api, apiKey, makeKey, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
afterAll(() => api.stop());

const as = (secret: string) => ({ authorization: `Bearer ${secret}` });
const reads = async (secret: string) =>
  (await api.send("GET", "/v1/recipients/u0", undefined, as(secret))).status;
const uuid = (id: string) => parsePublicId("apiKey", id)!;

describe("a key", () => {
  it("is shown once, and stored as a hash and a prefix", async () => {
    const { id, secret } = await makeKey(api, { role: "viewer" });
    expect(await reads(secret)).toBe(200);
    const { body } = await api.send("GET", `/v1/api-keys/${id}`);
    expect(body).toMatchObject({ id, role: "viewer", state: "active", createdBy: "bootstrap" });
    expect(secret.startsWith(body.prefix)).toBe(true);
    expect(body).not.toHaveProperty("secret");
    const everything = await api.prisma.$queryRaw<object[]>`
      SELECT to_jsonb(k) AS row FROM api_keys k UNION ALL SELECT to_jsonb(a) FROM audit_entries a UNION ALL SELECT to_jsonb(i) FROM idempotency_keys i`;
    expect(JSON.stringify(everything)).not.toContain(secret.slice(body.prefix.length));
  });

  it("records when it was last used", async () => {
    const { id, secret } = await makeKey(api, { role: "viewer" });
    expect((await api.send("GET", `/v1/api-keys/${id}`)).body.lastUsedAt).toBeNull();
    await reads(secret);
    await expect
      .poll(async () => (await api.send("GET", `/v1/api-keys/${id}`)).body.lastUsedAt)
      .not.toBeNull();
  });

  it("is refused at once by the process that revoked it, and soon by all", async () => {
    const { id, secret } = await makeKey(api, { role: "sender" });
    let now = new Date();
    const elsewhere = createKeyring({
      pool: api.lookupPool,
      bootstrapKey: apiKey,
      clock: () => now,
    });
    expect(await elsewhere.findCaller(secret)).toMatchObject({ id, role: "sender" });
    expect(await reads(secret)).toBe(200);
    const { status, body } = await api.send("POST", `/v1/api-keys/${id}/revoke`);
    expect([status, body.state]).toEqual([200, "revoked"]);
    expect(await reads(secret)).toBe(401);
    now = new Date(now.getTime() + 2_001);
    expect(await elsewhere.findCaller(secret)).toBeNull();
    expect((await api.send("POST", `/v1/api-keys/${id}/revoke`)).body).toEqual(body);
    expect((await api.send("POST", `/v1/api-keys/${id}/rotate`, {})).status).toBe(409);
  });

  it("is valid until it expires", async () => {
    const { secret } = await makeKey(api, { role: "viewer", expiresAt: "2090-01-01T00:00:00Z" });
    let now = new Date("2089-12-31T23:59:59Z");
    const then = createKeyring({ pool: api.lookupPool, bootstrapKey: apiKey, clock: () => now });
    expect(await then.findCaller(secret)).not.toBeNull();
    now = new Date("2090-01-01T00:00:10Z");
    expect(await then.findCaller(secret)).toBeNull();
  });

  it("cannot be created with an expiry in the past", async () => {
    const wanted = { name: "late", role: "viewer", expiresAt: "2001-01-01T00:00:00Z" };
    const { status, body } = await api.send("POST", "/v1/api-keys", wanted);
    expect([status, body.errors[0].field]).toEqual([422, "/expiresAt"]);
  });

  it("is rotated, and the old secret is valid only during the overlap", async () => {
    const { id, secret } = await makeKey(api, { role: "viewer" });
    const gentle = (await api.send("POST", `/v1/api-keys/${id}/rotate`, { overlapSeconds: 60 }))
      .body;
    expect(gentle.id).toBe(id);
    expect([await reads(secret), await reads(gentle.secret)]).toEqual([200, 200]);
    await api.prisma.apiKey.update({
      where: { id: uuid(id) },
      data: { previousUntil: new Date(Date.now() - 1) },
    });
    const hard = (await api.send("POST", `/v1/api-keys/${id}/rotate`, { overlapSeconds: 0 })).body;
    expect([await reads(secret), await reads(gentle.secret), await reads(hard.secret)]).toEqual([
      401, 401, 200,
    ]);
  });

  it("is in a list that can be filtered", async () => {
    const { id } = await makeKey(api, { role: "sender" });
    await api.send("POST", `/v1/api-keys/${id}/revoke`);
    const ids = async (query: string) =>
      (await api.send("GET", `/v1/api-keys?limit=200&${query}`)).body.items.map(
        (item: { id: string }) => item.id,
      );
    expect(await ids("role=sender&state=revoked")).toContain(id);
    expect(await ids("role=sender,admin&state=active")).not.toContain(id);
    expect(await ids("role=viewer")).not.toContain(id);
  });

  it("has its own idempotency keys", async () => {
    const first = await makeKey(api, { role: "sender" });
    const second = await makeKey(api, { role: "sender" });
    const body = {
      recipients: ["u0"],
      template: { key: "order-shipped" },
      data: { order: "1" },
    };
    const post = async (secret: string) =>
      (await api.send("POST", "/v1/notifications", body, { ...as(secret), "idempotency-key": "k" }))
        .body.id;
    const ours = await post(first.secret);
    expect(await post(first.secret)).toBe(ours);
    expect(await post(second.secret)).not.toBe(ours);
    const { createdBy } = await api.prisma.notification.findUniqueOrThrow({
      where: { id: parsePublicId("notification", ours)! },
    });
    expect(createdBy).toBe(first.id);
  });
});

describe("requests a minute", () => {
  it("are counted for each key, and shown in every answer", async () => {
    const { secret } = await makeKey(api, { role: "viewer", requestsPerMinute: 2 });
    const ask = () => api.send("GET", "/v1/recipients/u0", undefined, as(secret));
    const first = await ask();
    expect(first.headers.get("ratelimit-policy")).toBe("2;w=60");
    expect(first.headers.get("ratelimit")).toMatch(/^limit=2, remaining=1, reset=\d+$/);
    // Refused requests are counted and shown as well.
    const second = await api.send("GET", "/v1/audit", undefined, as(secret));
    expect([second.status, second.headers.get("ratelimit")?.slice(0, 20)]).toEqual([
      403,
      "limit=2, remaining=0",
    ]);
    const third = await ask();
    expect([third.status, third.body.type]).toEqual([429, "urn:tidings:problem:too-many-requests"]);
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await api.send("GET", "/v1/recipients/u0")).status).toBe(200);
  });

  it("default to the configuration of the API", async () => {
    const strict = await startApi({ config: { requestsPerMinute: 1 } });
    expect((await strict.send("GET", "/v1/audit")).status).toBe(200);
    expect((await strict.send("GET", "/v1/audit")).status).toBe(429);
    expect((await strict.app.request("/healthz")).status).toBe(200);
    await strict.stop();
  });
});
