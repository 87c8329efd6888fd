import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queueName } from "../../domain/delivery/queues.ts";
import { parseMetrics, sampleOf } from "../support/prometheus.ts";
import { createSeeder } from "../support/seed.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi({
    config: { bodyLimitBytes: 2_048, maxUnsent: 7_777, maxScheduled: 8_888 },
  });
  await seed(api, 3);
});
afterAll(() => api.stop());

async function scrape(of = api, key?: string) {
  const headers: Record<string, string> = {};
  const secret = key ?? (await makeKey(of, { role: "viewer" })).secret;
  headers.authorization = `Bearer ${secret}`;
  const response = await of.app.request("/metrics", { headers });
  return { response, text: await response.text() };
}

describe("/metrics", () => {
  it("is Prometheus’ text for a viewer’s key", async () => {
    const { response, text } = await scrape();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(sampleOf(parseMetrics(text), "tidings_database_up")).toBe(1);
    expect(sampleOf(parseMetrics(text), "tidings_unsent_limit")).toBe(7_777);
    expect(sampleOf(parseMetrics(text), "tidings_scheduled_limit")).toBe(8_888);
  });

  it("counts requests by method, pattern and status, problems by kind, and refusals by limit", async () => {
    await api.send("GET", "/v1/recipients/u0");
    await api.send("GET", "/v1/recipients/u1");
    await api.send("GET", "/v1/recipients/nobody");
    await api.send("GET", "/v1/no/such/path");
    await api.app.request("/v1/recipients/u0", { method: "BREW" });
    await api.send("PUT", "/v1/recipients/u0", { attributes: { long: "x".repeat(3_000) } });
    const samples = parseMetrics(await api.metrics.registry.metrics());
    const count = (labels: Record<string, string>) =>
      sampleOf(samples, "tidings_http_requests_total", labels);
    const route = "/v1/recipients/:recipient";
    expect(count({ method: "GET", route, status: "200" })).toBe(2);
    expect(count({ method: "GET", route, status: "404" })).toBe(1);
    expect(count({ method: "GET", route: "unmatched", status: "404" })).toBe(1);
    expect(count({ method: "other" })).toBe(1);
    const took = { method: "GET", route, status: "200" };
    const durations = "tidings_http_request_duration_seconds";
    expect(sampleOf(samples, `${durations}_count`, took)).toBe(2);
    expect(sampleOf(samples, `${durations}_bucket`, { ...took, le: "+Inf" })).toBe(2);
    expect(sampleOf(samples, "tidings_http_problems_total", { kind: "body-too-large" })).toBe(1);
    expect(sampleOf(samples, "tidings_requests_refused_total", { limit: "body" })).toBe(1);
  });

  it("counts requests that a limit refused", async () => {
    const { secret } = await makeKey(api, { role: "viewer", requestsPerMinute: 1 });
    for (let i = 0; i < 3; i += 1) await scrape(api, secret);
    const samples = parseMetrics(await api.metrics.registry.metrics());
    expect(sampleOf(samples, "tidings_requests_refused_total", { limit: "requests" })).toBe(2);
  });

  it("has as many series as before, whatever callers make up", async () => {
    const series = async () =>
      (await api.metrics.registry.metrics())
        .split("\n")
        .filter((line) => line.startsWith("tidings_http_requests_total")).length;
    const provoke = async (name: string) => {
      await api.send("GET", `/v1/recipients/${name}`);
      await api.send("GET", `/v1/${name}?${name}=${name}`);
      await api.send("GET", "/v1/recipients/u0", undefined, { "x-request-id": name });
    };
    await provoke("first");
    const before = await series();
    for (let i = 0; i < 20; i += 1) await provoke(`made-up-${i}`);
    expect(await series()).toBe(before);
  });
});

describe("what the ledger says", () => {
  it("is open deliveries by queue and priority, the oldest that is due, and campaigns by status", async () => {
    const own = await startApi();
    const rows = createSeeder(own.pool);
    const recipientIds = await rows.recipients(4);
    const at = (seconds: number) => new Date(Date.now() + seconds * 1_000);
    const mailbox = (shard: number) => queueName({ kind: "mailbox", shard });
    await rows.notification({ recipientIds, queue: mailbox(0), dueAt: at(-300) });
    await rows.notification({ recipientIds, queue: mailbox(1), dueAt: at(-100) });
    await rows.notification({ recipientIds, queue: mailbox(1), dueAt: at(3_600), priority: "low" });
    const shard = { kind: "critical", shard: 0 } as const;
    await rows.notification({
      recipientIds,
      queue: queueName(shard),
      dueAt: at(3_600),
      priority: "critical",
    });
    const campaign = async (status: string, dueAt: Date) => {
      const { id, publicId } = await rows.campaign();
      await own.pool.query("UPDATE campaigns SET status = $2::campaign_status WHERE id = $1", [
        id,
        status,
      ]);
      await own.pool.query(
        `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at)
         SELECT gen_random_uuid(), $1, r, 'email', 'normal', $2, $3 FROM unnest($4::uuid[]) AS r`,
        [id, queueName({ kind: "lane", campaignId: publicId, lane: 0 }), dueAt, recipientIds],
      );
    };
    await campaign("running", at(-60));
    await campaign("paused", at(-9_000));
    const samples = parseMetrics((await scrape(own)).text);
    const open = (queue: string, priority: string) =>
      sampleOf(samples, "tidings_open_deliveries", { queue, priority });
    expect(open("mailbox", "normal")).toBe(8);
    expect(open("mailbox", "low")).toBe(4);
    expect(open("mailbox", "high")).toBe(0);
    expect(open("critical", "critical")).toBe(4);
    expect(open("campaign", "normal")).toBe(8);
    const overdue = (queue: string) =>
      sampleOf(samples, "tidings_oldest_overdue_seconds", { queue })!;
    expect(overdue("mailbox")).toBeGreaterThanOrEqual(300);
    expect(overdue("mailbox")).toBeLessThan(400);
    expect(overdue("critical")).toBe(0);
    expect(overdue("campaign")).toBeGreaterThanOrEqual(60);
    expect(overdue("campaign")).toBeLessThan(160);
    expect(sampleOf(samples, "tidings_campaigns", { status: "running" })).toBe(1);
    expect(sampleOf(samples, "tidings_campaigns", { status: "draft" })).toBe(0);
    await own.stop();
  });

  it("is read once, however many ask", async () => {
    const own = await startApi();
    const { secret } = await makeKey(own, { role: "viewer" });
    let reads = 0;
    const query = own.pool.query.bind(own.pool) as (...args: unknown[]) => unknown;
    own.pool.query = ((...args: unknown[]) => {
      if (typeof args[0] === "string" && args[0].includes("FROM campaigns GROUP BY")) reads += 1;
      return query(...args);
    }) as typeof own.pool.query;
    await Promise.all(Array.from({ length: 10 }, () => scrape(own, secret)));
    await scrape(own, secret);
    expect(reads).toBe(1);
    await own.stop();
  });

  it("is left out while the database is away, and the other metrics are served", async () => {
    const away = await startApi();
    await away.send("GET", "/v1/recipients/nobody");
    await away.stop();
    const { response, text } = await scrape(away, "test-key-of-at-least-24-characters");
    expect(response.status).toBe(200);
    const samples = parseMetrics(text);
    expect(sampleOf(samples, "tidings_database_up")).toBe(0);
    expect(samples.filter(({ name }) => name === "tidings_open_deliveries")).toEqual([]);
    expect(sampleOf(samples, "tidings_http_requests_total", { method: "GET", status: "404" })).toBe(
      1,
    );
  });
});

it("names in no label what a caller sent", async () => {
  const told = "ada.lovelace";
  await api.send("PUT", `/v1/recipients/${told}@example.org`, { email: `${told}@example.org` });
  await api.send("POST", "/v1/templates", { ...sampleTemplate, key: told, name: told });
  await api.send("GET", `/${told}?${told}=${told}`, undefined, { "x-request-id": told });
  expect((await scrape()).text).not.toContain(told);
});
