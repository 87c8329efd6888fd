import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createBreakers } from "../../activities/channels/breakers.ts";
import { createGates, type Gates } from "../../ledger/gates.ts";
import { configureProviders } from "../../ledger/providers.ts";
import { defaultPolicy } from "../../domain/policy/policy.ts";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
let pool: Api["pool"];
let gates: Gates;
beforeAll(async () => {
  api = await startApi();
  ({ pool } = api);
  gates = createGates(pool);
});
beforeEach(async () => {
  await pool.query("TRUNCATE breakers, gates, audit_entries");
  const worker = await startWorker();
  await worker.close();
});
afterAll(() => api.stop());

/** What a worker with two providers writes. */
async function startWorker() {
  const breakers = createBreakers({
    pool,
    providers: [
      { name: "smtp-1", channel: "email" },
      { name: "smtp-2", channel: "email" },
    ],
    settings: () => Promise.resolve(defaultPolicy.breaker),
  });
  await breakers.refresh();
  return breakers;
}

const providers = async () => (await api.send("GET", "/v1/providers")).body.items;
const auditOf = async () =>
  (await api.send("GET", "/v1/audit?sort=createdAt")).body.items.map(
    ({ action, resource, before, after }: Record<string, unknown>) => ({
      action,
      resource,
      before,
      after,
    }),
  );

const unused = {
  state: "closed",
  failures: 0,
  failingSince: null,
  openedAt: null,
  closedAt: null,
  nextTrialAt: null,
  trials: null,
  reason: null,
  lastFailedAt: null,
};
const recent = { seconds: expect.any(Number), attempts: 0, failed: 0 };
const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);

describe("providers", () => {
  it("are those that workers have, whether or not anything has gone wrong", async () => {
    const expected = [
      {
        name: "smtp-1",
        channel: "email",
        configuration: null,
        breaker: unused,
        recent,
        domains: [],
        gate: null,
      },
      {
        name: "smtp-2",
        channel: "email",
        configuration: null,
        breaker: unused,
        recent,
        domains: [],
        gate: null,
      },
    ];
    expect(await providers()).toEqual(expected);
    expect((await api.send("GET", "/v1/providers/smtp-2")).body).toEqual(expected[1]);
    expect((await api.send("GET", "/v1/providers/smtp-3")).status).toBe(404);
  });

  it("say why one is not used and until when, and are used again at once when that is reset", async () => {
    const worker = await startWorker();
    for (let index = 0; index < 5; index += 1)
      worker.of("smtp-1").failed("connection: ECONNREFUSED");
    await worker.close();
    await gates.shut({ key: "provider/smtp-1", forMs: 60_000, reason: "421 too much" });

    const [open] = await providers();
    expect(open).toEqual({
      name: "smtp-1",
      channel: "email",
      configuration: null,
      breaker: {
        ...unused,
        state: "open",
        failures: 5,
        failingSince: instant,
        openedAt: instant,
        nextTrialAt: instant,
        reason: "connection: ECONNREFUSED",
        lastFailedAt: instant,
      },
      recent,
      domains: [],
      gate: expect.objectContaining({
        kind: "provider",
        name: "smtp-1",
        shutUntil: instant,
        shutReason: "421 too much",
      }),
    });

    const reset = await api.send("POST", "/v1/providers/smtp-1/reset");
    expect(reset.status).toBe(200);
    const after = {
      ...open,
      breaker: {
        ...unused,
        openedAt: open.breaker.openedAt,
        closedAt: instant,
        reason: "connection: ECONNREFUSED",
        lastFailedAt: open.breaker.lastFailedAt,
      },
      gate: null,
    };
    expect(reset.body).toEqual(after);
    expect((await providers())[0]).toEqual(after);
    expect(worker.of("smtp-1").closed).toBe(false);
    await worker.refresh();
    expect(worker.of("smtp-1").closed).toBe(true);
    expect(await auditOf()).toEqual([
      {
        action: "provider.reset",
        resource: "smtp-1",
        before: { breaker: open.breaker, gate: open.gate },
        after: { breaker: reset.body.breaker, gate: null },
      },
    ]);
  });

  it("show the trials of one that is tried", async () => {
    await pool.query(
      "UPDATE breakers SET state = 'open', next_trial_at = now() - interval '1 second' WHERE provider = 'smtp-1'",
    );
    const worker = await startWorker();
    await worker.of("smtp-1").trial();
    const trial = await worker.of("smtp-1").trial();
    trial!.passed();
    await worker.close();
    const [tried] = await providers();
    expect(tried.breaker).toMatchObject({
      state: "half_open",
      trials: { taken: 2, passed: 1 },
      nextTrialAt: instant,
    });
  });

  it("that are reset keep their rate and quota", async () => {
    const limits = { permitsPerSecond: 14, burst: 20, dailyQuota: 5_000 };
    await api.send("PUT", "/v1/gates/provider/smtp-1", limits);
    await gates.shut({ key: "provider/smtp-1", forMs: 60_000, reason: "too much" });
    const { body } = await api.send("POST", "/v1/providers/smtp-1/reset");
    expect(body.gate).toMatchObject({ ...limits, shutUntil: null, shutReason: null });
  });

  it("have the configuration of the workers, in the order in which they are tried", async () => {
    const limits = { permitsPerSecond: 14, burst: 2, hourlyQuota: 500, dailyQuota: 5_000 };
    const smtp = (name: string, position: number, its: typeof limits | null) =>
      ({ name, channel: "email", kind: "smtp", position, connections: 10, limits: its }) as const;
    await configureProviders(pool, [
      {
        name: "push/fcm",
        channel: "push",
        kind: "web-push",
        position: null,
        connections: 16,
        limits: null,
      },
      smtp("smtp-2", 1, limits),
      smtp("another", 2, null),
    ]);
    await gates.grant({ key: "provider/smtp-2", wanted: 2 });
    const items = await providers();
    expect(items.map(({ name }: { name: string }) => name)).toEqual([
      "smtp-2",
      "another",
      "smtp-1",
      "push/fcm",
    ]);
    const stored = { kind: "smtp", position: 1, connections: 10, limits };
    expect(items[0]).toMatchObject({
      configuration: stored,
      gate: { ...limits, usedThisHour: 2, usedToday: 2, hourResetsAt: instant },
    });
    expect(items[2].configuration).toBeNull();
    expect([items[0].domains, items[2].domains]).toEqual([[], []]);
    const domains = [
      { domain: "gmail.com", connections: null, perSecond: 20 },
      { domain: "xn--bcher-kva.example", connections: 2, perSecond: null },
    ];
    await configureProviders(pool, [{ ...smtp("another", 1, null), domains }]);
    const pause = { key: "domain/another/gmail.com", forMs: 60_000, reason: "451 4.7.1 Slow down" };
    await gates.shut(pause);
    const open = { shutUntil: null, shutReason: null };
    expect((await api.send("GET", "/v1/providers/another")).body).toMatchObject({
      configuration: { connections: 10 },
      gate: null,
      domains: [
        { ...domains[0], shutUntil: instant, shutReason: "451 4.7.1 Slow down" },
        { ...domains[1], ...open },
      ],
    });
    // Domains are shown with their providers.
    const { body: listed } = await api.send("GET", "/v1/gates");
    expect(listed.items.map(({ name }: { name: string }) => name)).toEqual(["smtp-2"]);
    expect((await api.send("POST", "/v1/providers/another/reset")).body.domains[0]).toEqual({
      ...domains[0],
      ...open,
    });
    await configureProviders(pool, [smtp("another", 1, null)]);
    const { rows: rest } = await pool.query("SELECT FROM gates WHERE key LIKE 'domain/%'");
    expect(rest).toEqual([]);
    expect((await api.send("GET", "/v1/providers/smtp-2")).body).toMatchObject({
      configuration: null,
      gate: limits,
    });
  });

  it("are reset once under one key, and not where there is none of the name", async () => {
    const reset = (name: string) =>
      api.send("POST", `/v1/providers/${name}/reset`, undefined, { "idempotency-key": "once" });
    const { body } = await reset("smtp-1");
    await pool.query("UPDATE breakers SET state = 'open', next_trial_at = now()");
    expect((await reset("smtp-1")).body).toEqual(body);
    expect((await providers())[0].breaker.state).toBe("open");
    expect((await reset("smtp-2")).status).toBe(422);
    expect((await api.send("POST", "/v1/providers/nobody/reset")).status).toBe(404);
  });
});

describe("gates", () => {
  const path = "/v1/gates/provider/smtp-1";

  it("are set, kept to, changed, and lifted", async () => {
    const { status, body } = await api.send("PUT", path, { permitsPerSecond: 14, dailyQuota: 20 });
    expect(status).toBe(200);
    const gate = {
      kind: "provider",
      name: "smtp-1",
      permitsPerSecond: 14,
      burst: 5,
      hourlyQuota: null,
      usedThisHour: 0,
      hourResetsAt: null,
      dailyQuota: 20,
      usedToday: 0,
      dayResetsAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00.000Z$/),
      shutUntil: null,
      shutSince: null,
      shutReason: null,
      shutBy: null,
    };
    expect(body).toEqual(gate);
    const take = async (wanted: number) =>
      (await gates.grant({ key: "provider/smtp-1", wanted }))?.granted;
    expect(await take(3)).toBe(3);
    const used = { usedThisHour: 3, usedToday: 3 };
    expect((await api.send("GET", path)).body).toEqual({ ...gate, ...used });
    expect((await providers())[0].gate).toEqual({ ...gate, ...used });

    const changed = { permitsPerSecond: null, burst: 9, dailyQuota: 4 };
    expect((await api.send("PUT", path, changed)).body).toEqual({
      ...gate,
      ...changed,
      ...used,
    });
    expect(await take(3)).toBe(1);
    expect((await api.send("DELETE", path)).status).toBe(204);
    expect((await api.send("DELETE", path)).status).toBe(404);
    expect((await api.send("GET", path)).status).toBe(404);
    expect(await take(300)).toBeUndefined();
    expect(await auditOf()).toEqual([
      { action: "gate.set", resource: "provider/smtp-1", before: {}, after: gate },
      {
        action: "gate.set",
        resource: "provider/smtp-1",
        before: { permitsPerSecond: 14, burst: 5, dailyQuota: 20 },
        after: changed,
      },
      {
        action: "gate.remove",
        resource: "provider/smtp-1",
        before: { ...gate, ...changed, usedThisHour: 4, usedToday: 4 },
        after: null,
      },
    ]);
  });

  it("that are removed make way for the configured limits, whose used quota still counts", async () => {
    const limits = { permitsPerSecond: null, burst: 1, hourlyQuota: null, dailyQuota: 20 };
    await configureProviders(pool, [
      { name: "smtp-1", channel: "email", kind: "smtp", position: 1, connections: 10, limits },
    ]);
    await gates.grant({ key: "provider/smtp-1", wanted: 3 });
    await api.send("PUT", path, { permitsPerSecond: 1, dailyQuota: null });
    await gates.shut({ key: "provider/smtp-1", forMs: 60_000, reason: "too much" });
    expect((await api.send("DELETE", path)).status).toBe(204);
    expect((await api.send("GET", path)).body).toMatchObject({
      ...limits,
      usedToday: 3,
      shutUntil: null,
    });
  });

  it("are those of channels, providers and releases; campaigns have throttles", async () => {
    await api.send("PUT", "/v1/gates/channel/email", { permitsPerSecond: 1, dailyQuota: null });
    await api.send("PUT", path, { permitsPerSecond: null, dailyQuota: 1 });
    await gates.ensure({ key: "release/email", perSecond: 50, burst: 5 });
    await gates.ensure({ key: "campaign/cmp_01jd3v8qyee7fr8xmcsnh5hbcd", perSecond: 1, burst: 5 });
    const { items } = (await api.send("GET", "/v1/gates")).body;
    expect(items.map(({ kind, name }: Record<string, string>) => `${kind}/${name}`)).toEqual([
      "channel/email",
      "provider/smtp-1",
      "release/email",
    ]);
    for (const key of ["channel/email", "release/email"])
      expect((await api.send("GET", `/v1/gates/${key}`)).status).toBe(200);
  });

  it("count what was used today, and nothing of yesterday", async () => {
    await pool.query(
      "INSERT INTO gates (key, daily_quota, used_today, quota_day) VALUES ('provider/smtp-1', 9, 7, (now() AT TIME ZONE 'UTC')::date - 1)",
    );
    expect((await api.send("GET", path)).body.usedToday).toBe(0);
  });

  it("keep what was used when they are set again, and stay shut", async () => {
    await api.send("PUT", path, { permitsPerSecond: null, dailyQuota: 5 });
    await gates.grant({ key: "provider/smtp-1", wanted: 5 });
    await gates.shut({ key: "provider/smtp-1", forMs: 60_000, reason: "too much" });
    const { body } = await api.send("PUT", path, { permitsPerSecond: null, dailyQuota: 9 });
    expect(body).toMatchObject({ usedToday: 5, shutUntil: instant });
  });

  it.each([
    ["provider/nobody", { permitsPerSecond: 1, dailyQuota: null }, 404],
    ["channel/pigeon", { permitsPerSecond: 1, dailyQuota: null }, 404],
    ["release/email", { permitsPerSecond: 1, dailyQuota: null }, 404],
    ["campaign/cmp_01jd3v8qyee7fr8xmcsnh5hbcd", { permitsPerSecond: 1, dailyQuota: null }, 404],
    ["provider/smtp-1", { permitsPerSecond: null, dailyQuota: null }, 422],
    ["provider/smtp-1", { permitsPerSecond: 0, dailyQuota: null }, 422],
    ["provider/smtp-1", { permitsPerSecond: 1, burst: 0, dailyQuota: null }, 422],
    ["provider/smtp-1", { permitsPerSecond: 1, dailyQuota: 1.5 }, 422],
    ["provider/smtp-1", { permitsPerSecond: 1, hourlyQuota: 0, dailyQuota: null }, 422],
    ["provider/smtp-1", { permitsPerSecond: 1 }, 422],
  ])("%s is not set to %j", async (name, body, expected) => {
    expect((await api.send("PUT", `/v1/gates/${name}`, body)).status).toBe(expected);
  });

  it("are an administrator's to set", async () => {
    const { secret } = await makeKey(api, { role: "sender" });
    const headers = { authorization: `Bearer ${secret}` };
    const body = { permitsPerSecond: 1, dailyQuota: null };
    expect((await api.send("PUT", path, body, headers)).status).toBe(403);
    expect((await api.send("DELETE", path, undefined, headers)).status).toBe(403);
    const reset = "/v1/providers/smtp-1/reset";
    expect((await api.send("POST", reset, undefined, headers)).status).toBe(403);
    expect((await api.send("GET", "/v1/providers", undefined, headers)).status).toBe(200);
  });
});
