import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createGates } from "../../ledger/gates.ts";
import { configureProviders } from "../../ledger/providers.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
beforeEach(async () => {
  await api.pool.query("TRUNCATE breakers, gates, audit_entries, open_deliveries CASCADE");
  await configureProviders(api.pool, [
    {
      name: "smtp-1",
      channel: "email",
      kind: "smtp",
      position: 1,
      connections: 10,
      limits: null,
    },
  ]);
});
afterAll(() => api.stop());

const channel = "/v1/gates/channel/email";
const provider = "/v1/gates/provider/smtp-1";
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
const stop = (path: string, hours = 1, reason = "wrong prices") =>
  api.send("PUT", `${path}/stop`, { until: inHours(hours), reason });
const gateAt = async (path: string) => (await api.send("GET", path)).body;
const gates = () => createGates(api.pool);

describe("a stop", () => {
  it("shuts a gate until an instant, says who and why, is changed, and is ended", async () => {
    const until = inHours(2);
    const { status, body } = await api.send("PUT", `${channel}/stop`, { until, reason: "a test" });
    expect([status, body]).toEqual([
      200,
      expect.objectContaining({
        kind: "channel",
        name: "email",
        shutUntil: until,
        shutSince: expect.any(String),
        shutReason: "a test",
        shutBy: "bootstrap",
      }),
    ]);
    const [seen] = (await gates().look(["channel/email"])).values();
    expect(seen!.shutMs).toBeGreaterThan(7_000_000);

    // It may be shortened, and counts from its beginning.
    const earlier = inHours(1);
    const changed = await api.send("PUT", `${channel}/stop`, { until: earlier, reason: "over" });
    expect(changed.body).toMatchObject({ shutUntil: earlier, shutSince: body.shutSince });

    expect((await api.send("DELETE", `${channel}/stop`)).status).toBe(204);
    expect((await api.send("DELETE", `${channel}/stop`)).status).toBe(404);
    expect((await api.send("GET", channel)).status).toBe(404);
    const { items } = (await api.send("GET", "/v1/audit?sort=createdAt")).body;
    expect(
      items.map(({ action, resource, actor }: Record<string, string>) => [action, resource, actor]),
    ).toEqual([
      ["gate.stop", "channel/email", "bootstrap"],
      ["gate.stop", "channel/email", "bootstrap"],
      ["gate.open", "channel/email", "bootstrap"],
    ]);
    expect(items[0].after).toMatchObject({ shutUntil: until, shutReason: "a test" });
  });

  it("leaves the limits, and outlasts their removal and the reset of a provider", async () => {
    await api.send("PUT", provider, { permitsPerSecond: 5, dailyQuota: null });
    await stop(provider);
    expect(await gateAt(provider)).toMatchObject({ permitsPerSecond: 5, shutBy: "bootstrap" });
    expect((await api.send("POST", "/v1/providers/smtp-1/reset")).status).toBe(200);
    expect((await api.send("DELETE", provider)).status).toBe(204);
    expect(await gateAt(provider)).toMatchObject({ permitsPerSecond: null, shutBy: "bootstrap" });
    await api.send("PUT", provider, { permitsPerSecond: 7, dailyQuota: null });
    await api.send("DELETE", `${provider}/stop`);
    expect(await gateAt(provider)).toMatchObject({ permitsPerSecond: 7, shutUntil: null });
  });

  it("does not shorten a pause that the provider asks for, nor is it shortened by one", async () => {
    await gates().shut({ key: "provider/smtp-1", forMs: 7_200_000, reason: "421 later" });
    await stop(provider, 1);
    const stopped = await gateAt(provider);
    expect(Date.parse(stopped.shutUntil)).toBeGreaterThan(Date.parse(inHours(1.9)));
    expect(stopped).toMatchObject({ shutReason: "wrong prices", shutBy: "bootstrap" });
    await gates().shut({ key: "provider/smtp-1", forMs: 60_000, reason: "421 again" });
    expect(await gateAt(provider)).toEqual(stopped);
    await gates().shut({ key: "provider/smtp-1", forMs: 10_000_000, reason: "421 for long" });
    expect(await gateAt(provider)).toMatchObject({ shutReason: "421 for long", shutBy: null });
  });

  it("ends by itself", async () => {
    await stop(channel);
    await api.pool.query("UPDATE gates SET shut_until = ledger_now() - interval '1 second'");
    expect(await gateAt(channel)).toMatchObject({ shutUntil: null, shutBy: null });
    await expect
      .poll(async () => (await api.send("GET", "/v1/health")).body.indicators.stops.value)
      .toBe(0);
    expect((await api.send("DELETE", `${channel}/stop`)).status).toBe(404);
  });

  it.each([
    ["/v1/gates/channel/pigeon", { until: inHours(1), reason: "x" }, 404],
    ["/v1/gates/provider/nobody", { until: inHours(1), reason: "x" }, 404],
    ["/v1/gates/release/email", { until: inHours(1), reason: "x" }, 404],
    [channel, { until: inHours(-1), reason: "x" }, 422],
    [channel, { until: inHours(1), reason: "" }, 422],
    [channel, { until: inHours(1) }, 422],
    [channel, { reason: "x" }, 422],
  ])("%s is not stopped with %j", async (path, body, expected) => {
    expect((await api.send("PUT", `${path}/stop`, body)).status).toBe(expected);
  });

  it("is an administrator's to set", async () => {
    const { secret } = await makeKey(api, { role: "sender" });
    const headers = { authorization: `Bearer ${secret}` };
    const body = { until: inHours(1), reason: "x" };
    expect((await api.send("PUT", `${channel}/stop`, body, headers)).status).toBe(403);
    expect((await api.send("DELETE", `${channel}/stop`, undefined, headers)).status).toBe(403);
  });
});

describe("what waits because of a stop", () => {
  async function accept(): Promise<string> {
    const { body } = await api.send("POST", "/v1/notifications", {
      recipients: ["u0"],
      template: { key: sampleTemplate.key },
      data: { order: "1" },
    });
    return (await api.send("GET", `/v1/notifications/${body.id}`)).body.deliveries[0].id;
  }

  it("says so in its explanation, in the timeline and in the health", async () => {
    const delivery = await accept();
    await stop(channel);
    const { shutUntil, shutSince } = await gateAt(channel);
    const { body } = await api.send("GET", `/v1/deliveries/${delivery}/explanation`);
    expect(body.stops).toEqual([
      {
        gate: "channel/email",
        since: shutSince,
        until: shutUntil,
        reason: "wrong prices",
        by: "bootstrap",
      },
    ]);
    expect(body.summary).toContain("An operator has stopped `channel/email` until");
    const timeline = (await api.send("GET", "/v1/recipients/u0/timeline")).body;
    expect(timeline.waiting[0]).toMatchObject({ id: delivery, stoppedUntil: shutUntil });

    await api.send("DELETE", `${channel}/stop`);
    const after = (await api.send("GET", `/v1/deliveries/${delivery}/explanation`)).body;
    expect(after.stops).toEqual([]);
    expect(after.summary).not.toContain("stopped");
    const later = (await api.send("GET", "/v1/recipients/u0/timeline")).body;
    expect(later.waiting[0].stoppedUntil).toBeNull();
  });

  it("is due as soon as the stop ends, even if it was put back until then", async () => {
    await accept();
    await accept();
    await stop(channel);
    await api.pool.query(
      `UPDATE open_deliveries SET due_at = now() + interval '1 hour',
         reason = CASE WHEN id = (SELECT min(id::text)::uuid FROM open_deliveries) THEN 'provider_rate' ELSE 'quiet_hours' END`,
    );
    await api.send("DELETE", `${channel}/stop`);
    const { items } = (await api.send("GET", "/v1/queues?by=reason")).body;
    expect(items).toMatchObject([
      { reason: "provider_rate", waiting: 1, due: 1 },
      { reason: "quiet_hours", waiting: 1, due: 0 },
    ]);
  });
});

it("stops are shown by the health, which is then fair, with what to do", async () => {
  const fresh = await startApi();
  try {
    await fresh.send("PUT", `${channel}/stop`, { until: inHours(1), reason: "a test" });
    const { word, reasons, indicators } = (await fresh.send("GET", "/v1/health")).body;
    expect(word).toBe("fair");
    expect(indicators.stops).toEqual({
      word: "fair",
      value: 1,
      thresholds: null,
      unit: "stops",
      detail: expect.stringMatching(/^Channel\/email is stopped until /),
      advice: expect.stringContaining("DELETE /v1/gates/{kind}/{name}/stop"),
    });
    expect(reasons).toContain(`${indicators.stops.detail} ${indicators.stops.advice}`);
    expect(indicators.backlog).toMatchObject({ unit: "deliveries", advice: null });
  } finally {
    await fresh.stop();
  }
});
