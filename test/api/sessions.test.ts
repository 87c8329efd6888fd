import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hourMs } from "../../domain/time/durations.ts";
import { createSessions } from "../../api/http/sessions.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { browse, fromConsole, signIn } from "../support/browser-requests.ts";
import { patience } from "../support/patience.ts";
import { type Api, apiKey, makeKey, seed, startApi } from "./harness.ts";

let api: Api;
let now = () => new Date();
beforeAll(async () => {
  api = await startApi({
    clock: () => now(),
    config: {
      console: {
        hosts: ["localhost", "127.0.0.1", "tidings.example.org"],
        publicOrigin: "https://tidings.example.org",
        folder: "/nonexistent",
        streams: 10,
        temporalUrl: "http://127.0.0.1:8233/namespaces/default/workflows",
        environment: { name: "staging", color: "amber" },
      },
    },
  });
  await seed(api, 1);
});
afterAll(() => api.stop());

const session = (headers: Record<string, string>) => browse(api, "GET", "/v1/session", { headers });
const reads = async (headers: Record<string, string>) =>
  (await browse(api, "GET", "/v1/recipients/u0", { headers })).status;
const secretOf = (cookie: string) => cookie.split("=")[1]!;
const makeCode = async (secret = apiKey) =>
  (await api.send("POST", "/v1/sign-in-codes", undefined, { authorization: `Bearer ${secret}` }))
    .body.code as string;
const onDomain = { host: "tidings.example.org" };

describe("signing in with a key", () => {
  it("begins a session with the rights of the key, and says who it is", async () => {
    const { id, secret } = await makeKey(api, { role: "sender" });
    const { status, body, sent } = await signIn(api, { apiKey: secret });
    expect([status, body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^ses_/) as string,
        actor: id,
        name: "a test",
        role: "sender",
        scopes: null,
        keyId: id,
        expiresAt: expect.any(String) as string,
        idleExpiresAt: expect.any(String) as string,
        provenUntil: expect.any(String) as string,
        features: ["sealing"],
        links: { temporalUi: "http://127.0.0.1:8233/namespaces/default/workflows", docs: "/docs" },
        serverTime: expect.any(String) as string,
        environment: { name: "staging", color: "amber" },
      },
    ]);
    expect(Date.parse(body.expiresAt) - Date.parse(body.serverTime)).toBeCloseTo(168 * hourMs, -5);
    expect(Date.parse(body.idleExpiresAt) - Date.parse(body.serverTime)).toBe(12 * hourMs);
    expect((await session(sent)).body).toMatchObject({ id: body.id, actor: id });
    expect(await reads(sent)).toBe(200);
    expect((await browse(api, "GET", "/v1/audit", { headers: sent })).status).toBe(403);
  });

  it("sets a cookie of 256 random bits that scripts and other hosts do not get, of which a hash is stored", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const { headers, cookie } = await signIn(api, { apiKey: secret });
    const [value, ...terms] = headers.get("set-cookie")!.split("; ");
    expect(value).toMatch(/^__Host-tidings=k\.[\w-]{43}$/);
    expect(terms.sort()).toEqual([
      "HttpOnly",
      "Max-Age=604800",
      "Path=/",
      "SameSite=Lax",
      "Secure",
    ]);
    expect(headers.get("cache-control")).toBe("no-store");
    const rows = await api.prisma.$queryRaw<object[]>`
      SELECT to_jsonb(s) AS row FROM sessions s UNION ALL SELECT to_jsonb(a) FROM audit_entries a`;
    const stored = JSON.stringify(rows) + api.logged.join("\n");
    expect(stored).not.toContain(secretOf(cookie).slice(2));
    expect(stored).not.toContain(secret);
    const hash = api.prisma.$queryRaw`SELECT encode(hash, 'hex') FROM sessions`;
    expect(JSON.stringify(await hash)).not.toContain(Buffer.from(secretOf(cookie)).toString("hex"));
  });

  it("takes a new id each time, and ends the session that the browser has had", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const first = await signIn(api, { apiKey: secret });
    const second = await signIn(api, { apiKey: secret }, { cookie: first.cookie });
    expect([second.status, second.cookie === first.cookie]).toEqual([201, false]);
    expect([await reads(first.sent), await reads(second.sent)]).toEqual([401, 200]);
    const chosen = `__Host-tidings=k.${"A".repeat(43)}`;
    const third = await signIn(api, { apiKey: secret }, { cookie: chosen });
    expect(third.cookie).not.toBe(chosen);
    expect(await reads({ cookie: chosen })).toBe(401);
  });

  it("is refused with a key that is wrong, revoked, or for metrics only", async () => {
    const revoked = await makeKey(api, { role: "viewer" });
    await api.send("POST", `/v1/api-keys/${revoked.id}/revoke`);
    for (const wrong of ["wrong", `tdg_${"x".repeat(43)}`, revoked.secret]) {
      const { status, headers, body } = await signIn(api, { apiKey: wrong });
      expect([status, body.type]).toEqual([401, "urn:tidings:problem:unauthorized"]);
      expect(headers.get("set-cookie")).toBeNull();
    }
    const metrics = await makeKey(api, { role: "metrics" });
    expect((await signIn(api, { apiKey: metrics.secret })).status).toBe(403);
    for (const body of [{}, { apiKey, code: "x" }, { apiKey: "" }, [], { apiKey, name: "x" }])
      expect([
        body,
        (await browse(api, "POST", "/v1/session", { body, headers: fromConsole })).status,
      ]).toEqual([body, 422]);
  });

  it("takes the bootstrap key on the loopback only", async () => {
    const local = await signIn(api, { apiKey });
    expect([local.status, local.body.actor, local.body.keyId, local.body.role]).toEqual([
      201,
      "bootstrap",
      null,
      "admin",
    ]);
    const elsewhere = await signIn(api, { apiKey }, onDomain);
    expect([elsewhere.status, elsewhere.headers.get("set-cookie")]).toEqual([403, null]);
    // A proxy that replaces the host does not replace the origin of the page.
    const proxied = { origin: "https://tidings.example.org" };
    expect((await signIn(api, { apiKey }, proxied)).status).toBe(403);
    expect((await signIn(api, { code: await makeCode() }, onDomain)).status).toBe(403);
    const { secret } = await makeKey(api, { role: "admin" });
    expect((await signIn(api, { apiKey: secret }, onDomain)).status).toBe(201);
  });
});

describe("a sign-in code", () => {
  it("signs in once, as the key that made it", async () => {
    const { id, secret } = await makeKey(api, { role: "admin" });
    const code = await makeCode(secret);
    expect((await signIn(api, { code })).body).toMatchObject({ actor: id, role: "admin" });
    expect((await signIn(api, { code })).status).toBe(401);
    expect((await signIn(api, { code: await makeCode() })).body.actor).toBe("bootstrap");
    expect((await signIn(api, { code: "k.wrong" })).status).toBe(401);
  });

  it("signs in one of many that use it at the same time", async () => {
    const code = await makeCode();
    const all = await Promise.all(Array.from({ length: 5 }, () => signIn(api, { code })));
    expect(all.map(({ status }) => String(status)).sort()).toEqual([
      "201",
      "401",
      "401",
      "401",
      "401",
    ]);
  });

  it("is valid for ten minutes, and as long as its key", async () => {
    const [early, late] = [await makeCode(), await makeCode()];
    const begun = Date.now();
    now = () => new Date(begun + 590_000);
    expect((await signIn(api, { code: early })).status).toBe(201);
    now = () => new Date(begun + 601_000);
    expect((await signIn(api, { code: late })).status).toBe(401);
    now = () => new Date();
    const { id, secret } = await makeKey(api, { role: "admin" });
    const code = await makeCode(secret);
    await api.send("POST", `/v1/api-keys/${id}/revoke`);
    expect((await signIn(api, { code })).status).toBe(401);
  });

  it("is stored as a hash, and is not made by a session or a lesser key", async () => {
    const code = await makeCode();
    const rows = await api.prisma.$queryRaw<
      object[]
    >`SELECT encode(hash, 'escape') FROM sign_in_codes`;
    expect(JSON.stringify(rows)).not.toContain(code.slice(2));
    expect(api.logged.join("\n")).not.toContain(code.slice(2));
    const { sent } = await signIn(api, { apiKey });
    expect((await browse(api, "POST", "/v1/sign-in-codes", { headers: sent })).status).toBe(403);
    const { secret } = await makeKey(api, { role: "sender" });
    expect(await makeCode(secret)).toBeUndefined();
  });
});

describe("a session", () => {
  it("ends when its browser signs out, which removes the cookie", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const { sent } = await signIn(api, { apiKey: secret });
    const out = await browse(api, "DELETE", "/v1/session", { headers: sent });
    expect([out.status, out.headers.get("set-cookie")]).toEqual([
      204,
      expect.stringMatching(/^__Host-tidings=; Max-Age=0/) as string,
    ]);
    const again = await session(sent);
    expect([again.status, again.body.type]).toEqual([401, "urn:tidings:problem:unauthorized"]);
    expect((await session({})).status).toBe(401);
  });

  it("ends after twelve hours without use, and after seven days", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const begun = Date.now();
    const at = (hours: number) => (now = () => new Date(begun + hours * hourMs));
    at(0);
    const used = await signIn(api, { apiKey: secret });
    const unused = await signIn(api, { apiKey: secret });
    const lastUse = async () =>
      Math.max(...(await api.prisma.session.findMany()).map((row) => row.lastUsedAt.getTime()));
    for (let hours = 11; hours < 168; hours += 11) {
      at(hours);
      expect([hours, await reads(used.sent)]).toEqual([hours, 200]);
      await expect.poll(lastUse, patience).toBe(now().getTime());
      if (hours === 11) continue;
      expect([hours, await reads(unused.sent)]).toEqual([hours, 401]);
    }
    at(167.9);
    expect(await reads(used.sent)).toBe(200);
    at(168.01);
    expect(await reads(used.sent)).toBe(401);
    // What is over is removed with the next sign-in.
    const last = await signIn(api, { apiKey: secret });
    expect((await api.prisma.session.findMany()).map(({ id }) => id)).toEqual([
      parsePublicId("session", last.body.id as string),
    ]);
    now = () => new Date();
  });

  it("ends with its key: when that is revoked, rotated, or expires", async () => {
    const [revoked, rotated] = [
      await makeKey(api, { role: "viewer" }),
      await makeKey(api, { role: "viewer" }),
    ];
    const expiring = await makeKey(api, {
      role: "viewer",
      expiresAt: new Date(Date.now() + hourMs).toISOString(),
    });
    const signed = await Promise.all(
      [revoked, rotated, expiring].map(({ secret }) => signIn(api, { apiKey: secret })),
    );
    const all = () => Promise.all(signed.map(({ sent }) => reads(sent)));
    expect(await all()).toEqual([200, 200, 200]);
    await api.send("POST", `/v1/api-keys/${revoked.id}/revoke`);
    await api.send("POST", `/v1/api-keys/${rotated.id}/rotate`, {});
    expect(await all()).toEqual([401, 401, 200]);
    now = () => new Date(Date.now() + 2 * hourMs);
    expect(await all()).toEqual([401, 401, 401]);
    now = () => new Date();
  });

  it("of a key that was revoked elsewhere is refused after two seconds", async () => {
    const { id, secret } = await makeKey(api, { role: "viewer" });
    const { cookie } = await signIn(api, { apiKey: secret });
    let then = new Date();
    const elsewhere = createSessions({
      pool: api.lookupPool,
      bootstrapKey: apiKey,
      clock: () => then,
    });
    expect(await elsewhere.find(secretOf(cookie))).not.toBeNull();
    await api.send("POST", `/v1/api-keys/${id}/revoke`);
    then = new Date(then.getTime() + 2_001);
    expect(await elsewhere.find(secretOf(cookie))).toBeNull();
  });

  it("of the bootstrap key ends when that key is replaced", async () => {
    const { cookie } = await signIn(api, { apiKey });
    const found = (bootstrapKey: string) =>
      createSessions({ pool: api.lookupPool, bootstrapKey, clock: () => now() }).find(
        secretOf(cookie),
      );
    expect(await found(apiKey)).not.toBeNull();
    expect(await found(`${apiKey}!`)).toBeNull();
  });

  it("has the scopes of its key", async () => {
    const { secret } = await makeKey(api, { role: "admin", scopes: ["templates:read"] });
    const { sent, body } = await signIn(api, { apiKey: secret });
    expect(body.scopes).toEqual(["templates:read"]);
    expect(await reads(sent)).toBe(403);
    expect((await browse(api, "GET", "/v1/templates", { headers: sent })).status).toBe(200);
  });

  it("is the author of its changes, in the audit trail", async () => {
    const { id, secret } = await makeKey(api, { role: "sender" });
    const { sent, body } = await signIn(api, { apiKey: secret });
    const made = await browse(api, "POST", "/v1/segments", {
      body: { key: "mine", name: "Mine", filter: { attribute: "even", equals: true } },
      headers: sent,
    });
    expect(made.status).toBe(201);
    await browse(api, "DELETE", "/v1/session", { headers: sent });
    const { items } = (await api.send("GET", `/v1/audit?actor=${id}`)).body;
    expect(items.map((entry: { action: string; resource: string }) => entry)).toMatchObject([
      { action: "session.end", resource: body.id },
      { action: "segment.create", actor: id },
      { action: "session.begin", resource: body.id, actor: id },
    ]);
  });

  it("shares the request limit of its key", async () => {
    const { secret } = await makeKey(api, { role: "viewer", requestsPerMinute: 3 });
    const { sent } = await signIn(api, { apiKey: secret });
    expect([await reads(sent), await reads(sent), await reads(sent)]).toEqual([200, 200, 200]);
    expect(await reads(sent)).toBe(429);
    expect(await reads({ authorization: `Bearer ${secret}` })).toBe(429);
  });

  it("does not open the routes of recipients", async () => {
    const { sent } = await signIn(api, { apiKey });
    expect((await browse(api, "GET", "/v1/me/inbox", { headers: sent })).status).toBe(401);
  });

  it("stands back where a key is sent", async () => {
    const { sent } = await signIn(api, { apiKey });
    const { secret } = await makeKey(api, { role: "metrics" });
    expect(await reads({ ...sent, authorization: `Bearer ${secret}` })).toBe(403);
    expect(await reads({ ...sent, authorization: "Bearer wrong" })).toBe(401);
    // Of a proxy with a password of its own.
    expect(await reads({ ...sent, authorization: `Basic ${btoa("a:b")}` })).toBe(200);
  });
});

describe("admins", () => {
  it("list the sessions in force, and end them for every process within two seconds", async () => {
    const { id, secret } = await makeKey(api, { role: "viewer" });
    const { sent, body, cookie } = await signIn(api, { apiKey: secret });
    const mine = async () =>
      (await api.send("GET", "/v1/sessions")).body.items.filter(
        ({ actor }: { actor: string }) => actor === id,
      );
    expect(await mine()).toEqual([
      {
        id: body.id,
        actor: id,
        name: "a test",
        role: "viewer",
        createdAt: expect.any(String) as string,
        lastUsedAt: expect.any(String) as string,
        expiresAt: body.expiresAt,
      },
    ]);
    let then = new Date();
    const elsewhere = createSessions({
      pool: api.lookupPool,
      bootstrapKey: apiKey,
      clock: () => then,
    });
    expect(await elsewhere.find(secretOf(cookie))).not.toBeNull();
    expect((await api.send("DELETE", `/v1/sessions/${body.id}`)).status).toBe(204);
    expect(await session(sent)).toMatchObject({ status: 401 });
    then = new Date(then.getTime() + 2_001);
    expect(await elsewhere.find(secretOf(cookie))).toBeNull();
    expect(await mine()).toEqual([]);
    expect((await api.send("DELETE", `/v1/sessions/${body.id}`)).status).toBe(404);
    const ended = await api.send("GET", `/v1/audit?resource=${body.id}&action=session.end`);
    expect(ended.body.items).toMatchObject([{ actor: "bootstrap" }]);
  });

  it("list no session whose time or key is over", async () => {
    const { id, secret } = await makeKey(api, { role: "viewer" });
    await signIn(api, { apiKey: secret });
    const mine = async () =>
      (await api.send("GET", "/v1/sessions")).body.items.filter(
        ({ actor }: { actor: string }) => actor === id,
      );
    expect(await mine()).toHaveLength(1);
    now = () => new Date(Date.now() + 13 * hourMs);
    expect(await mine()).toEqual([]);
    now = () => new Date();
    await api.prisma.apiKey.update({
      where: { id: parsePublicId("apiKey", id)! },
      data: { revokedAt: new Date() },
    });
    expect(await mine()).toEqual([]);
  });
});
