import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minuteMs } from "../../domain/time/durations.ts";
import type { createRouter, TableRow } from "../../api/http/router.ts";
import { routeTable } from "../../api/openapi/document.ts";
import { browse, signIn } from "../support/browser-requests.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

const proofRequired = "urn:tidings:problem:proof-required";

let api: Api;
let secret: string;
let late = 0;
beforeAll(async () => {
  api = await startApi({ clock: () => new Date(Date.now() + late) });
  await seed(api, 1);
  secret = (await makeKey(api, { role: "admin" })).secret;
});
afterAll(() => api.stop());

const marked = (): TableRow[] =>
  routeTable(api.app as unknown as ReturnType<typeof createRouter>).filter(
    ({ needsProof }) => needsProof,
  );
const nobody = (path: string) => path.replaceAll(/\{\w+\}/g, "nobody");

/** Signs in, and returns what the browser sends, ten minutes and a second later. */
async function signInLongAgo() {
  late = 0;
  const { sent, cookie } = await signIn(api, { apiKey: secret });
  late = 10 * minuteMs + 1_000;
  return { sent, cookie };
}

describe("a proof of who uses a session", () => {
  it("is needed for keys, erasure, sessions of others, providers, gates, stops, exports, webhooks and sealing", () => {
    expect(marked().map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /v1/providers/{name}/reset",
      "PUT /v1/gates/{kind}/{name}",
      "DELETE /v1/gates/{kind}/{name}",
      "PUT /v1/gates/{kind}/{name}/stop",
      "DELETE /v1/gates/{kind}/{name}/stop",
      "POST /v1/sealing/rotate",
      "GET /v1/recipients/export",
      "DELETE /v1/recipients/{recipient}",
      "GET /v1/notifications/export",
      "GET /v1/deliveries/export",
      "GET /v1/events/export",
      "POST /v1/webhook-endpoints",
      "PATCH /v1/webhook-endpoints/{id}",
      "DELETE /v1/webhook-endpoints/{id}",
      "POST /v1/webhook-endpoints/{id}/rotate",
      "POST /v1/webhook-endpoints/{id}/replay",
      "POST /v1/api-keys",
      "POST /v1/api-keys/{id}/rotate",
      "POST /v1/api-keys/{id}/revoke",
      "GET /v1/audit/export",
      "DELETE /v1/sessions/{id}",
      "DELETE /v1/operators/{id}/sessions",
    ]);
  });

  it("is asked for on every marked route after ten minutes, but not with a key", async () => {
    const { sent } = await signInLongAgo();
    for (const { method, path } of marked()) {
      const asked = await browse(api, method, nobody(path), { headers: sent });
      expect([path, asked.status, asked.body.type]).toEqual([path, 403, proofRequired]);
      const authorization = `Bearer ${secret}`;
      const keyed = await browse(api, method, nobody(path), { headers: { authorization } });
      expect([path, keyed.status]).not.toEqual([path, 403]);
    }
    late = 0;
  });

  it("is given by signing in again, which makes a new session with a new cookie", async () => {
    const { sent, cookie } = await signInLongAgo();
    expect(
      (await browse(api, "GET", "/v1/session", { headers: sent })).body.provenUntil,
    ).toBeNull();
    const body = { name: "made by a browser", role: "viewer" };
    const make = (headers: Record<string, string>) =>
      browse(api, "POST", "/v1/api-keys", { body, headers });
    expect((await make(sent)).status).toBe(403);
    const again = await signIn(api, { apiKey: secret }, { cookie });
    expect(again.cookie).not.toBe(cookie);
    const { provenUntil, serverTime } = again.body;
    expect(Date.parse(provenUntil) - Date.parse(serverTime)).toBeCloseTo(10 * minuteMs, -4);
    expect((await make(again.sent)).status).toBe(201);
    expect((await browse(api, "GET", "/v1/session", { headers: sent })).status).toBe(401);
    late += 10 * minuteMs;
    expect((await make(again.sent)).status).toBe(403);
    late = 0;
  });

  it("is not given by the key of somebody else, which leaves the session as it is", async () => {
    const { sent, cookie } = await signInLongAgo();
    const other = await makeKey(api, { role: "admin" });
    const { actor } = (await browse(api, "GET", "/v1/session", { headers: sent })).body;
    const prove = (apiKey: string) =>
      browse(api, "POST", "/v1/session", { body: { apiKey, actor }, headers: { ...sent, cookie } });
    const refused = await prove(other.secret);
    expect([refused.status, refused.headers.get("set-cookie")]).toEqual([403, null]);
    expect((await browse(api, "GET", "/v1/session", { headers: sent })).status).toBe(200);
    expect((await prove(secret)).status).toBe(201);
    late = 0;
  });

  it("is not asked for reads, nor of those whose role does not suffice", async () => {
    late = 0;
    const viewer = await makeKey(api, { role: "viewer" });
    const { sent } = await signIn(api, { apiKey: viewer.secret });
    late = 11 * minuteMs;
    expect((await browse(api, "GET", "/v1/recipients/u0", { headers: sent })).status).toBe(200);
    const { body } = await browse(api, "POST", "/v1/api-keys", { headers: sent });
    expect(body.type).toBe("urn:tidings:problem:forbidden");
    late = 0;
  });

  it("is missing in sessions that began before there were proofs", async () => {
    const { sent } = await signIn(api, { apiKey: secret });
    await api.prisma.session.updateMany({ data: { provenAt: null } });
    const { sent: fresh } = await signIn(api, { apiKey: secret });
    const path = "/v1/providers/nobody/reset";
    // The session was read into no cache yet.
    expect((await browse(api, "POST", path, { headers: sent })).body.type).toBe(proofRequired);
    expect((await browse(api, "POST", path, { headers: fresh })).status).toBe(404);
  });
});

describe("a campaign to 10,000 recipients or more", () => {
  const few = { where: { attribute: "n", atMost: 9_998 } };
  const many = { where: { attribute: "n", atMost: 9_999 } };
  beforeAll(async () => {
    await api.prisma.$executeRaw`
      INSERT INTO recipients (id, external_id, email, attributes)
      SELECT gen_random_uuid(), 'm' || n, 'm' || n || '@example.org', jsonb_build_object('n', n) FROM generate_series(0, 10000) AS n`;
  });
  const draft = async (audience: object, more: object = {}) => ({
    name: "Big",
    template: { key: sampleTemplate.key },
    data: { order: "1" },
    audience,
    ...more,
  });

  it("begins with a proof only, whichever way it is started", async () => {
    const { sent } = await signInLongAgo();
    const asked = async (method: string, path: string, body?: unknown, more = {}) => {
      const answer = await browse(api, method, path, {
        headers: { ...sent, ...more },
        ...(body !== undefined && { body }),
      });
      return answer.body.type === proofRequired ? "asked" : answer.status;
    };
    const startAt = new Date(Date.now() + 60 * minuteMs).toISOString();
    const create = async (audience: object) =>
      (await browse(api, "POST", "/v1/campaigns", { body: await draft(audience), headers: sent }))
        .body.id as string;
    expect(await asked("POST", "/v1/campaigns", await draft(many, { startAt }))).toBe("asked");
    expect(await asked("POST", "/v1/campaigns", await draft(few, { startAt }))).toBe(201);
    const [large, small] = [await create(many), await create(few)];
    expect(await asked("POST", `/v1/campaigns/${large}/start`)).toBe("asked");
    expect(await asked("POST", `/v1/campaigns/${large}/schedule`, { startAt })).toBe("asked");
    expect(await asked("PATCH", `/v1/campaigns/${large}`, { startAt }, { "if-match": '"1"' })).toBe(
      "asked",
    );
    expect(await asked("POST", `/v1/campaigns/${small}/schedule`, { startAt })).toBe(200);
    expect(
      await asked("PATCH", `/v1/campaigns/${small}`, { audience: many }, { "if-match": '"2"' }),
    ).toBe("asked");
    const { status } = (await api.send("GET", `/v1/campaigns/${large}`)).body;
    expect(status).toBe("draft");
    expect((await api.send("POST", `/v1/campaigns/${large}/start`)).status).toBe(200);
    late = 0;
  });
});
