import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

const people = 100;
/** Tomorrow at noon, by UTC. */
const noon = new Date(Math.floor(Date.now() / dayMs) * dayMs + dayMs + 12 * hourMs);
const at = (hours: number) => new Date(noon.getTime() + hours * hourMs).toISOString();

let api: Api;
beforeAll(async () => {
  api = await startApi({ clock: () => noon });
  await seed(api, people);
  await api.prisma.breaker.createMany({
    data: ["smtp-1", "smtp-2"].map((provider, index) => ({
      provider,
      channel: "email" as const,
      configuration: { kind: "smtp", position: index + 1, connections: 10, limits: null },
    })),
  });
});
beforeEach(async () => {
  await api.pool.query("TRUNCATE gates");
  await api.prisma.breaker.updateMany({ data: { state: "closed" } });
});
afterAll(() => api.stop());

const campaign = {
  name: "Sale",
  template: { key: sampleTemplate.key },
  data: { order: "A-17" },
  audience: { all: true },
};
const forecast = (body: object) => api.send("POST", "/v1/campaigns/forecast", body);
async function find(given: object = {}) {
  const reply = await forecast({ ...campaign, ...given });
  expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
  return reply.body;
}
const limit = (gate: string, limits: object) =>
  api.send("PUT", `/v1/gates/${gate}`, { permitsPerSecond: null, dailyQuota: null, ...limits });

describe("the forecast of a campaign", () => {
  it("says that all is handed over at once where nothing holds it up", async () => {
    expect(await find()).toMatchObject({
      at: noon.toISOString(),
      audience: people,
      sampled: false,
      lost: [],
      reachable: people,
      messages: people,
      waiting: [],
      handOvers: { first: at(0), last: at(0), hours: [{ at: at(0), count: people }], beyond: 0 },
      ahead: 0,
      limits: [],
    });
  });

  it("takes the throttle, and the quotas of all providers, into account", async () => {
    await limit("provider/smtp-1", { hourlyQuota: 20 });
    await limit("provider/smtp-2", { hourlyQuota: 10 });
    const { handOvers, limits } = await find({ throttle: { perSecond: 0.0125 }, startAt: at(1) });
    expect(limits.map(({ name }: { name: string }) => name)).toEqual([
      "campaign",
      "smtp-1",
      "smtp-2",
    ]);
    expect(handOvers.hours).toEqual([
      { at: at(1), count: 30 },
      { at: at(2), count: 30 },
      { at: at(3), count: 30 },
      { at: at(4), count: 10 },
    ]);
    expect(handOvers.first).toBe(at(1));
  });

  it("does not count on a provider that is out of service", async () => {
    await limit("provider/smtp-1", { hourlyQuota: 20 });
    await api.prisma.breaker.update({ where: { provider: "smtp-2" }, data: { state: "open" } });
    const { handOvers, assumptions } = await find();
    expect(handOvers.hours.slice(0, 2)).toEqual([
      { at: at(0), count: 20 },
      { at: at(1), count: 20 },
    ]);
    expect(assumptions.join(" ")).toContain("smtp-2 cannot be reached");
  });

  it("names those who get nothing and those who wait, so that the numbers add up", async () => {
    const night = { quietHours: [{ start: "11:00", end: "15:00" }] };
    await api.pool.query(
      "UPDATE recipients SET time_zone = 'UTC', preferences = $1, preferences_version = 1 WHERE external_id IN ('u0', 'u1', 'u2')",
      [night],
    );
    await api.send("POST", "/v1/suppressions", { channel: "email", address: "u3@example.org" });
    await api.send("PUT", "/v1/recipients/u4", { email: null });
    const found = await find();
    expect(found).toMatchObject({ audience: people, reachable: people - 2, messages: people - 2 });
    expect(found.lost.toSorted(byReason)).toEqual([
      { reason: "address_suppressed", count: 1 },
      { reason: "no_address", count: 1 },
    ]);
    expect(found.waiting).toEqual([{ reason: "quiet_hours", count: 3, from: at(3), until: at(3) }]);
    expect(found.handOvers.hours).toEqual([
      { at: at(0), count: people - 5 },
      { at: at(3), count: 3 },
    ]);
    const { body } = await api.send("POST", "/v1/audiences/preview", campaignAudience);
    expect(body.waterfall.reachable).toBe(found.reachable);
  });

  it("is the same for a draft as for its body, and is refused once the campaign has begun", async () => {
    const given = { throttle: { perSecond: 0.01 }, priority: "low" };
    const topic = { key: "news", name: "News", optIn: "single" };
    expect((await api.send("POST", "/v1/topics", topic)).status).toBe(201);
    await api.send("PUT", "/v1/topics/news/subscribers/u9", {});
    const ofTopic = { ...campaign, topic: "news" };
    const { body: news } = await api.send("POST", "/v1/campaigns", ofTopic);
    const { body: found } = await forecast({ campaign: news.id });
    expect(found).toMatchObject({ audience: people, reachable: 1 });
    expect(found.lost).toContainEqual({ reason: "not_subscribed", count: people - 3 });
    const { body: draft } = await api.send("POST", "/v1/campaigns", { ...campaign, ...given });
    const { body } = await forecast({ campaign: draft.id });
    expect(body).toEqual(await find(given));
    await api.send("POST", `/v1/campaigns/${draft.id}/start`);
    await createCampaignWorker(api.pool).advance(draft.id, new Date(noon.getTime() + 1_000));
    const refused = await forecast({ campaign: draft.id });
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining("only a campaign that has not begun"),
    ]);
  });

  it("lets what is due already go first", async () => {
    await limit("channel/email", { permitsPerSecond: 1 });
    await api.pool.query("UPDATE open_deliveries SET due_at = ledger_now() - interval '1 minute'");
    await api.pool.query("UPDATE campaigns SET status = 'running' WHERE frozen_at IS NOT NULL");
    const { ahead, handOvers } = await find();
    expect(ahead).toBe(people);
    expect(handOvers.first).toBe(new Date(noon.getTime() + people * 1_000).toISOString());
  });

  it("shows the faults of a body at their fields, and writes nothing", async () => {
    const count = () => api.prisma.campaign.count();
    const before = await count();
    const faults = async (body: object) =>
      (await forecast(body)).body.errors.map(({ field }: { field: string }) => field);
    expect(await faults({ ...campaign, throttle: { perSecond: 0 } })).toEqual([
      "/throttle/perSecond",
    ]);
    expect(await faults({ ...campaign, data: {} })).toEqual(["/data/order"]);
    expect(await faults({ ...campaign, topic: "none" })).toEqual(["/topic"]);
    expect(await faults({ ...campaign, name: "" })).toEqual(["/name"]);
    expect(await faults({ campaign: "cmp_00000000000000000000000000" })).toEqual(["/campaign"]);
    await find();
    expect(await count()).toBe(before);
  });
});

const byReason = (one: { reason: string }, other: { reason: string }) =>
  one.reason.localeCompare(other.reason);

const campaignAudience = { audience: campaign.audience };
