import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readRecentChanges } from "../../ledger/recent-changes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { browse, signIn } from "../support/browser-requests.ts";
import { followEvents } from "../support/event-stream.ts";
import { patience } from "../support/patience.ts";
import { type Api, apiKey, makeKey, seed, startApi } from "./harness.ts";

const keepAliveMs = 500;
let api: Api;
let now = () => new Date();
beforeAll(async () => {
  api = await startApi({
    clock: () => now(),
    config: {
      heartbeatMs: keepAliveMs,
      console: {
        hosts: ["localhost"],
        publicOrigin: "https://tidings.example.org",
        folder: "/nonexistent",
        streams: 6,
        temporalUrl: null,
        environment: { name: null, color: "grey" },
      },
    },
  });
  await seed(api, 5);
});
afterAll(() => api.stop());

const open: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  now = () => new Date();
  await Promise.all(open.splice(0).map((stream) => stream.close().catch(() => {})));
});

const ask = (topics: string, headers: Record<string, string>) =>
  api.app.request(`/v1/stream?topics=${topics}`, { headers });
const asKey = (secret = apiKey) => ({ authorization: `Bearer ${secret}` });

/** Opens a stream, and resolves when its first event is there. */
async function follow(topics: string, headers: Record<string, string> = asKey()) {
  const response = await ask(topics, headers);
  expect(response.status).toBe(200);
  const stream = followEvents(response);
  open.push(stream);
  await expect.poll(() => stream.events.length, patience).toBeGreaterThan(0);
  /** The ids that were named of a topic. */
  const idsOf = (topic: string): string[] =>
    stream
      .named("changed")
      .filter(({ data }) => data.topic === topic)
      .flatMap(({ data }) => data.ids as string[]);
  return { ...stream, response, idsOf };
}

const notify = async () => {
  const { body } = await api.send("POST", "/v1/notifications", {
    recipients: ["u0"],
    template: { key: "order-shipped" },
    data: { order: "A" },
  });
  return body.id as string;
};
const deliveriesOf = async (id: string): Promise<{ id: string; queue: string }[]> =>
  (await api.send("GET", `/v1/notifications/${id}`)).body.deliveries;

describe("a stream of hints", () => {
  it("begins with ready, and names what has changed of its topics only", async () => {
    const { sent } = await signIn(api, { apiKey });
    const all = await follow("campaigns,deliveries,queues", sent);
    const { headers } = all.response;
    expect([headers.get("content-type"), headers.get("cache-control")]).toEqual([
      "text/event-stream; charset=utf-8",
      "no-store",
    ]);
    expect(all.events[0]).toMatchObject({
      event: "ready",
      data: { topics: ["campaigns", "deliveries", "queues"] },
    });
    const campaignsOnly = await follow("campaigns");
    const id = await notify();
    const [delivery] = await deliveriesOf(id);
    await expect.poll(() => all.idsOf("deliveries"), patience).toContain(delivery!.id);
    await expect.poll(() => all.idsOf("queues").length, patience).toBeGreaterThan(0);

    const campaign = await api.send("POST", "/v1/campaigns", {
      name: "c",
      template: { key: "order-shipped" },
      audience: { all: true },
      data: { order: "B" },
    });
    for (const stream of [all, campaignsOnly])
      await expect.poll(() => stream.idsOf("campaigns"), patience).toContain(campaign.body.id);
    expect(campaignsOnly.idsOf("deliveries")).toEqual([]);
  });

  it("names each change once, and a delivery again when it ends", async () => {
    const stream = await follow("deliveries");
    const [delivery] = await deliveriesOf(await notify());
    const times = () => stream.idsOf("deliveries").filter((id) => id === delivery!.id).length;
    await expect.poll(times, patience).toBe(1);
    await api.send("POST", "/v1/deliveries/cancel", { ids: [delivery!.id] });
    await expect.poll(times, patience).toBe(2);
    // Later changes show that the readings in between have not named it again.
    const [later] = await deliveriesOf(await notify());
    await expect.poll(() => stream.idsOf("deliveries"), patience).toContain(later!.id);
    expect(times()).toBe(2);
  });

  it("tells of what changed while the ledger could not be read", async () => {
    const stream = await follow("deliveries");
    await notify();
    await expect.poll(() => stream.named("changed").length, patience).toBeGreaterThan(0);
    await api.pool.query("ALTER TABLE ended_deliveries RENAME TO hidden_deliveries");
    const failing = () => api.logged.some((line) => line.includes("changes cannot be read"));
    await expect.poll(failing, patience).toBe(true);
    await api.pool.query("ALTER TABLE hidden_deliveries RENAME TO ended_deliveries");
    const [delivery] = await deliveriesOf(await notify());
    await expect.poll(() => stream.idsOf("deliveries"), patience).toContain(delivery!.id);
    expect(stream.hasEnded()).toBe(false);
  });

  it("is kept alive by comments", async () => {
    const response = await ask("health", asKey());
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes(": alive\n\n")) text += (await reader.read()).value ?? "";
    await reader.cancel();
  });

  it("ends with its session: signed out, ended by an admin, over, or without its key", async () => {
    const keys = await Promise.all([1, 2, 3, 4].map(() => makeKey(api, { role: "viewer" })));
    const sessions = await Promise.all(keys.map(({ secret }) => signIn(api, { apiKey: secret })));
    const streams = [];
    for (const { sent } of sessions) streams.push(await follow("health", sent));
    await browse(api, "DELETE", "/v1/session", { headers: sessions[0]!.sent });
    await expect.poll(streams[0]!.hasEnded, patience).toBe(true);
    await api.send("DELETE", `/v1/sessions/${sessions[1]!.body.id}`);
    await expect.poll(streams[1]!.hasEnded, patience).toBe(true);
    await api.send("POST", `/v1/api-keys/${keys[2]!.id}/revoke`);
    await expect.poll(streams[2]!.hasEnded, patience).toBe(true);
    expect(streams[3]!.hasEnded()).toBe(false);
    now = () => new Date(Date.now() + 13 * 3_600_000);
    await expect.poll(streams[3]!.hasEnded, patience).toBe(true);
  });

  it("ends with its key", async () => {
    const { id, secret } = await makeKey(api, { role: "viewer" });
    const stream = await follow("health", asKey(secret));
    await api.send("POST", `/v1/api-keys/${id}/revoke`);
    await expect.poll(stream.hasEnded, patience).toBe(true);
  });

  it("is opened four times by a session, and as often as configured in all", async () => {
    const { sent } = await signIn(api, { apiKey });
    const { sent: other } = await signIn(api, { apiKey });
    for (let i = 0; i < 4; i += 1) await follow("health", sent);
    expect((await ask("health", sent)).status).toBe(429);
    await follow("health", other);
    await follow("health", other);
    const full = await ask("health", other);
    expect([full.status, full.headers.get("retry-after")]).toEqual([503, "5"]);
    await open.pop()!.close();
    await follow("health", other);
  });

  it("is refused without a session, the role or the scopes of its topics, or a known topic", async () => {
    expect((await ask("health", {})).status).toBe(401);
    const metrics = await makeKey(api, { role: "metrics" });
    expect((await ask("health", asKey(metrics.secret))).status).toBe(403);
    const narrow = await makeKey(api, { role: "viewer", scopes: ["operations:read"] });
    expect((await ask("health,campaigns", asKey(narrow.secret))).status).toBe(403);
    await follow("health,queues", asKey(narrow.secret));
    expect((await ask("everything", asKey())).status).toBe(422);
    expect((await api.app.request("/v1/stream", { headers: asKey() })).status).toBe(422);
  });
});

describe("the reading behind all streams", () => {
  it("uses indexes, however many rows there are", async () => {
    const queries: { text: string; values: unknown[] }[] = [];
    const recording = {
      query: (query: { text: string; values: unknown[] }) => {
        queries.push(query);
        return api.pool.query(query);
      },
    } as unknown as typeof api.pool;
    await readRecentChanges(executeOn(recording), new Date());
    expect(queries).toHaveLength(1);
    const client = await api.pool.connect();
    try {
      await client.query("SET enable_seqscan = off");
      const { text, values } = queries[0]!;
      const { rows } = await client.query<{ "QUERY PLAN": string }>({
        text: `EXPLAIN ${text}`,
        values,
      });
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toContain("ended_deliveries_finished");
      expect(plan).toContain("open_deliveries_pkey");
      expect(plan).toContain("campaigns_updated");
      expect(plan).not.toContain("Seq Scan");
    } finally {
      await client.query("RESET enable_seqscan");
      client.release();
    }
  });

  it("is one statement a second for any number of streams, and none without them", async () => {
    let readings = 0;
    const original = api.pool.query.bind(api.pool);
    // oxlint-disable-next-line typescript/no-explicit-any
    (api.pool as any).query = (query: { name?: string }, ...rest: unknown[]) => {
      if (query.name === "recent-changes") readings += 1;
      return (original as (...args: unknown[]) => unknown)(query, ...rest);
    };
    const streams = [];
    for (let i = 0; i < 3; i += 1) streams.push(await follow("deliveries"));
    const [delivery] = await deliveriesOf(await notify());
    const before = readings;
    const first = performance.now();
    for (const stream of streams)
      await expect.poll(() => stream.idsOf("deliveries"), patience).toContain(delivery!.id);
    const seconds = (performance.now() - first) / 1_000;
    expect(readings - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    api.pool.query = original;
  });
});
