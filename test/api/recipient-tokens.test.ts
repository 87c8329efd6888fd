import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTokens } from "../../domain/tokens.ts";
import { publicId } from "../../domain/ids.ts";
import { type Api, apiKey, makeKey, seed, startApi, tokenSecret } from "./harness.ts";

const origin = "https://app.example.org";

let api: Api;
let now = new Date("2027-03-01T09:00:00.400Z");
beforeAll(async () => {
  api = await startApi({ config: { corsOrigins: [origin] }, clock: () => now });
  await seed(api, 2);
});
afterAll(() => api.stop());

const issue = (body?: unknown, recipient = "u0") =>
  api.send("POST", `/v1/recipients/${recipient}/tokens`, body);
const mine = (token: string) =>
  api.send("GET", "/v1/me/preferences", undefined, { authorization: `Bearer ${token}` });

describe("POST /v1/recipients/{recipient}/tokens", () => {
  it("issues a token that serves the purposes it names, for an hour", async () => {
    const { status, body } = await issue({ purposes: ["preferences", "inbox"] });
    expect([status, body.expiresAt]).toEqual([201, "2027-03-01T10:00:00.000Z"]);
    expect((await mine(body.token)).status).toBe(200);
    const other = (await issue({ purposes: ["inbox", "push"] })).body.token;
    const refused = await mine(other);
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      403,
      'Bearer realm="tidings", error="insufficient_scope"',
    ]);
    expect(refused.body.detail).toContain("preferences");
  });

  it("records in the audit trail for what and until when, and never the token", async () => {
    const { body } = await issue({ purposes: ["push"], expiresInSeconds: 60 });
    const { id } = await api.prisma.recipient.findUniqueOrThrow({ where: { externalId: "u0" } });
    const trail = await api.send("GET", "/v1/audit?action=recipient.issue_token");
    expect(trail.body.items).toContainEqual(
      expect.objectContaining({
        resource: publicId("recipient", id),
        after: { purposes: ["push"], expiresAt: body.expiresAt },
      }),
    );
    expect(JSON.stringify(trail.body)).not.toContain(body.token);
  });

  it("refuses purposes and times that it does not know", async () => {
    for (const body of [
      undefined,
      {},
      { purposes: [] },
      { purposes: ["inbox", "inbox"] },
      { purposes: ["everything"] },
      { purposes: ["inbox", "push", "preferences", "inbox"] },
      { purposes: ["inbox"], expiresInSeconds: 59 },
      { purposes: ["inbox"], expiresInSeconds: 86_401 },
      { purposes: ["inbox"], more: true },
    ])
      expect([body, [400, 422].includes((await issue(body)).status)]).toEqual([body, true]);
    expect((await issue({ purposes: ["inbox"] }, "nobody")).status).toBe(404);
    const { secret } = await makeKey(api, { role: "viewer" });
    const refused = await api.send(
      "POST",
      "/v1/recipients/u0/tokens",
      { purposes: ["inbox"] },
      { authorization: `Bearer ${secret}` },
    );
    expect(refused.status).toBe(403);
  });

  it("issues tokens that end when they expire, are revoked, or their recipient is erased", async () => {
    const purposes = ["preferences"];
    const short = (await issue({ purposes, expiresInSeconds: 60 }, "u1")).body.token;
    const long = (await issue({ purposes, expiresInSeconds: 86_400 }, "u1")).body.token;
    expect((await mine(short)).status).toBe(200);
    now = new Date(now.getTime() + 60_000);
    expect((await mine(short)).body.detail).toContain("expired");
    expect((await mine(long)).status).toBe(200);
    await api.send("POST", "/v1/recipients/u1/revoke-links");
    expect((await mine(long)).body.detail).toContain("revoked");
    const fresh = (await issue({ purposes }, "u1")).body.token;
    expect((await mine(fresh)).status).toBe(200);
    await api.send("DELETE", "/v1/recipients/u1");
    expect((await mine(fresh)).status).toBe(410);
    expect((await issue({ purposes }, "u1")).status).toBe(404);
  });
});

describe("requests from pages of other origins", () => {
  const preflight = (path: string, from = origin, of = api) =>
    of.app.request(path, {
      method: "OPTIONS",
      headers: {
        origin: from,
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization,content-type",
      },
    });

  it("may use the routes for recipients, which their browser asks for without a token", async () => {
    const answer = await preflight("/v1/me/preferences");
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-allow-methods")!.split(",").sort()).toEqual([
      "DELETE",
      "GET",
      "PATCH",
      "PUT",
    ]);
    expect(answer.headers.get("access-control-allow-headers")).toBe(
      "authorization,content-type,idempotency-key,last-event-id",
    );
    expect(answer.headers.get("access-control-max-age")).toBe("600");
    expect(answer.headers.get("vary")).toContain("Origin");
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });

  it("may read every answer of these routes, a refusal too", async () => {
    const token = await createTokens([tokenSecret]).signRecipientToken({
      recipientId: (await api.prisma.recipient.findFirstOrThrow({ where: { externalId: "u0" } }))
        .id,
      expiresAt: new Date(now.getTime() + 60_000),
    });
    for (const [secret, status] of [
      [token, 200],
      ["nonsense", 401],
    ] as const) {
      const headers = { authorization: `Bearer ${secret}`, origin };
      const answer = await api.app.request("/v1/me/preferences", { headers });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      expect(answer.headers.get("vary")).toContain("Origin");
    }
  });

  it("are not answered in a way that other origins could read", async () => {
    for (const from of [
      "https://app.example.org.evil.example",
      "http://app.example.org",
      "https://app.example.org:8443",
      "https://APP.example.org",
      "null",
      "*",
    ]) {
      const asked = await preflight("/v1/me/preferences", from);
      expect([from, asked.headers.get("access-control-allow-origin")]).toEqual([from, null]);
      const read = await api.app.request("/v1/me/preferences", { headers: { origin: from } });
      expect([from, read.headers.get("access-control-allow-origin")]).toEqual([from, null]);
      expect(read.headers.get("vary")).toContain("Origin");
    }
  });

  it("have no use of routes for keys, whose preflight requests need a key", async () => {
    for (const path of ["/v1/recipients", "/v1/recipients/u0/tokens", "/v1/nowhere", "/"]) {
      const answer = await preflight(path);
      expect([path, answer.headers.get("access-control-allow-origin")]).toEqual([path, null]);
      if (path !== "/") expect([path, answer.status]).toEqual([path, 401]);
    }
    const listed = await api.app.request("/v1/recipients", {
      headers: { authorization: `Bearer ${apiKey}`, origin },
    });
    expect([listed.status, listed.headers.get("access-control-allow-origin")]).toEqual([200, null]);
  });

  it("are answered as any others where no origins are configured", async () => {
    const plain = await startApi({ database: api.database });
    const asked = await preflight("/v1/me/preferences", origin, plain);
    expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([401, null]);
    await plain.stop();
  });
});
