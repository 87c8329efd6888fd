import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { Worker } from "@temporalio/worker";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { freePort } from "../../cli/stack/ports.ts";
import { packageRoot } from "../../config/package-root.ts";
import { noSinks } from "../../config/tracing.ts";
import { plainHistory } from "../support/plain-history.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { parseMetrics, sampleOf } from "../support/prometheus.ts";
import { startCollector } from "../support/collector.ts";
import { createDevServer } from "../support/temporal.ts";
import { breakListeners } from "../support/listeners.ts";
import { workflowBundle } from "../support/workers.ts";

/** What must show nowhere but in the database and in the mail. */
const personal = { address: "ada.secretly@example.org", order: "order-of-ada-4711" };

const apiKey = "test-key-of-at-least-24-characters";

let environment: TestWorkflowEnvironment;
let database: TestDatabase;
let collector: Awaited<ReturnType<typeof startCollector>>;
let mailServer: SMTPServer;
let api: string;
let worker: string;
const children: { child: ChildProcess; output: () => string }[] = [];

/** A built program as a process of its own; resolves when it says that it is ready. */
async function startProcess(program: string, variables: Record<string, string>) {
  const child = fork(join(packageRoot, "dist", program), {
    env: { PATH: process.env["PATH"], ...variables },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  children.push({ child, output: () => output });
  const [message] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => {
      throw new Error(output);
    }),
  ])) as [{ port: number }];
  return message;
}

beforeAll(async () => {
  [environment, database, collector] = await Promise.all([
    createDevServer(),
    createTestDatabase(),
    startCollector(),
  ]);
  mailServer = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData: (stream, _session, done) => void stream.resume().once("end", () => done()),
  });
  mailServer.listen(0, "127.0.0.1");
  await once(mailServer.server, "listening");
  const shared = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: inject("temporalAddress"),
    TEMPORAL_NAMESPACE: environment.client.options.namespace,
    LOG_LEVEL: "debug",
    TOKEN_SECRET: "a-secret-of-at-least-32-characters",
    OTEL_BSP_SCHEDULE_DELAY: "100",
  };
  const { port: smtpPort } = mailServer.server.address() as AddressInfo;
  const workerPort = await freePort();
  const [{ port }] = await Promise.all([
    startProcess("api/main.js", {
      ...shared,
      TIDINGS_API_KEY: apiKey,
      API_PORT: "0",
      MAILBOX_SHARDS: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    }),
    startProcess("workers/main.js", {
      ...shared,
      PROVIDERS: JSON.stringify([
        { kind: "smtp", name: "sink", url: `smtp://127.0.0.1:${smtpPort}`, perDay: 100_000 },
      ]),
      WORKER_PORT: String(workerPort),
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/own/path`,
      OTEL_SERVICE_NAME: "our-workers",
    }),
  ]);
  api = `http://127.0.0.1:${port}`;
  worker = `http://127.0.0.1:${workerPort}`;
  await send("PUT", `/v1/recipients/${encodeURIComponent(personal.address)}`, {
    email: personal.address,
    attributes: { name: "Ada" },
  });
  await send("POST", "/v1/templates", {
    key: "order-shipped",
    name: "Order shipped",
    content: { email: { subject: "{{ order }}", html: "<p>{{ recipient.attributes.name }}</p>" } },
  });
});

afterAll(async () => {
  for (const { child } of children) child.kill("SIGKILL");
  await new Promise<void>((resolve) => mailServer.close(() => resolve()));
  await collector.stop();
  await environment.teardown();
  await database.drop();
});

function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  return fetch(`${api}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** A caller that is traced itself. */
function caller() {
  const [traceId, spanId] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  return {
    traceId,
    spanId,
    headers: {
      traceparent: `00-${traceId}-${spanId}-01`,
      tracestate: "vendor=by-ada",
      baggage: "who=by-ada",
    },
  };
}

async function notify(headers: Record<string, string>, more: object = {}) {
  const response = await send(
    "POST",
    "/v1/notifications",
    {
      recipients: [personal.address],
      template: { key: "order-shipped" },
      data: { order: personal.order },
      ...more,
    },
    headers,
  );
  expect(response.status).toBe(202);
  return response;
}

const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
const namesOf = (traceId: string) => spansOf(traceId).map(({ name }) => name);

/** Each span stands in the one before it. */
function expectChain(traceId: string, from: string, names: readonly string[]) {
  let parent = from;
  for (const name of names) {
    const span = spansOf(traceId).find((one) => one.name === name && one.parentSpanId === parent);
    expect([name, span?.parentSpanId]).toEqual([name, parent]);
    parent = span!.spanId;
  }
}

const chain = [
  "POST /v1/notifications",
  "SignalWithStartWorkflow:deliveryQueue",
  "HandleSignal:wake",
  "StartActivity:dispatch",
  "RunActivity:dispatch",
];

describe("a trace", () => {
  it("goes from the caller through the API and the workflow to the dispatch", async () => {
    const { traceId, spanId, headers } = caller();
    await notify(headers, { priority: "critical" });
    // The span of a dispatch ends with it: it would stay for a minute, in case that more comes.
    await expect
      .poll(async () => {
        await breakListeners((sql) => database.prisma.$queryRawUnsafe(sql));
        return namesOf(traceId);
      })
      .toEqual(expect.arrayContaining(chain));
    expectChain(traceId, spanId, chain);
    const spans = spansOf(traceId).map(({ name, service }) => [name, service]);
    expect(spans).toEqual(
      expect.arrayContaining([
        ["POST /v1/notifications", "tidings-api"],
        ["SignalWithStartWorkflow:deliveryQueue", "tidings-api"],
        ["RunActivity:dispatch", "our-workers"],
      ]),
    );
    const request = spansOf(traceId).find(({ name }) => name === chain[0]);
    expect(request?.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.route": "/v1/notifications",
    });
  });

  it("contains the run of a workflow from its beginning to its end", async () => {
    const created = await send("POST", "/v1/campaigns", {
      name: "Orders",
      template: { key: "order-shipped" },
      audience: { all: true },
      data: { order: personal.order },
    });
    const { id } = (await created.json()) as { id: string };
    const { traceId, spanId, headers } = caller();
    expect((await send("POST", `/v1/campaigns/${id}/start`, {}, headers)).status).toBe(200);
    const begun = ["POST /v1/campaigns/:id/start", "SignalWithStartWorkflow:campaign"];
    await expect
      .poll(() => namesOf(traceId))
      .toEqual(expect.arrayContaining([...begun, "RunWorkflow:campaign"]));
    expectChain(traceId, spanId, [...begun, "RunWorkflow:campaign"]);
  });

  it("is in the history as ids alone, and needs no collector to be replayed", async () => {
    const history = await environment.client.workflow.getHandle("critical/0").fetchHistory();
    const plain = plainHistory(history);
    expect(plain).toContain("traceparent");
    expect(plain).not.toMatch(/secretly|example\.org|order-of|by-ada/);
    await Worker.runReplayHistory(
      { workflowBundle: await workflowBundle(), sinks: noSinks },
      history,
    );
  });

  it("of what a queue does that runs on is that of its last wake", async () => {
    const first = caller();
    // Something that keeps the queue's workflow.
    await notify(first.headers, { sendAt: new Date(Date.now() + 3_600_000).toISOString() });
    const whole = expect.arrayContaining(chain);
    await expect.poll(() => namesOf(first.traceId)).toEqual(whole);
    const second = caller();
    await notify(second.headers);
    await expect.poll(() => namesOf(second.traceId)).toEqual(whole);
    expectChain(second.traceId, second.spanId, chain);
  });

  it("says nothing of anybody", async () => {
    const { traceId, headers } = caller();
    const path = `/v1/recipients/${encodeURIComponent(personal.address)}?q=${personal.order}`;
    await send("GET", path, undefined, headers);
    await expect.poll(() => namesOf(traceId)).toEqual(["GET /v1/recipients/:recipient"]);
    expect(collector.received()).not.toMatch(/secretly|example\.org|order-of|by-ada/);
    expect(collector.faults).toEqual([]);
    expect([...collector.paths].toSorted()).toEqual(["POST /own/path", "POST /v1/traces"]);
  });
});

it("nothing of OpenTelemetry’s SDK is loaded where no endpoint is configured", () => {
  const script = `
    import { createRequire } from "node:module";
    const { startTracing } = await import(${JSON.stringify(join(packageRoot, "dist/config/tracing.js"))});
    await import(${JSON.stringify(join(packageRoot, "dist/api/app.js"))});
    await import(${JSON.stringify(join(packageRoot, "dist/workers/worker.js"))});
    const tracing = await startTracing("api", {}, { warn() {} });
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(JSON.stringify({ tracing, loaded: loaded.filter((path) => /opentelemetry.(sdk|exporter|otlp)/.test(path)) }));
  `;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(JSON.parse(output)).toEqual({ tracing: null, loaded: [] });
});

describe("the processes", () => {
  it("serve metrics to Prometheus", async () => {
    const scrape = async (url: string) =>
      parseMetrics(
        await (
          await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } })
        ).text(),
      );
    const ofApi = await scrape(api);
    const ofWorker = await scrape(worker);
    for (const samples of [ofApi, ofWorker])
      expect(sampleOf(samples, "process_cpu_seconds_total")).toBeGreaterThan(0);
    const pool = "tidings_database_pool_connections";
    expect(sampleOf(ofApi, pool, { pool: "accept", state: "total" })).toBeGreaterThan(0);
    expect(sampleOf(ofApi, pool, { pool: "prisma", state: "total" })).toBeGreaterThan(0);
    expect(sampleOf(ofWorker, pool, { pool: "worker", state: "total" })).toBeGreaterThan(0);
    const wakes = { target: "critical", outcome: "sent" };
    expect(sampleOf(ofApi, "tidings_wakes_total", wakes)).toBeGreaterThan(0);
    const sent = { provider: "sink", outcome: "sent" };
    expect(sampleOf(ofWorker, "tidings_handovers_total", sent)).toBeGreaterThan(0);
    await expect
      .poll(async () =>
        sampleOf(await scrape(worker), "tidings_activities_running", { activity: "relayOverdue" }),
      )
      .toBe(1);
  });

  it("show the providers that are configured, and their limits", async () => {
    const response = await send("GET", "/v1/providers");
    const limits = { permitsPerSecond: null, burst: 1, hourlyQuota: null, dailyQuota: 100_000 };
    expect(await response.json()).toMatchObject({
      items: [
        {
          name: "sink",
          channel: "email",
          configuration: { kind: "smtp", position: 1, connections: 10, limits },
          gate: limits,
        },
      ],
    });
  });

  it("answer health checks", async () => {
    expect((await fetch(`${worker}/healthz`)).status).toBe(200);
    expect((await fetch(`${worker}/readyz`)).status).toBe(200);
  });

  it("log the id of a request where it is accepted, woken for and dispatched, and nothing personal", async () => {
    const response = await notify(
      { "x-request-id": "request-of-a-test" },
      { priority: "critical" },
    );
    expect(response.headers.get("x-request-id")).toBe("request-of-a-test");
    const messages = () =>
      children.flatMap(({ output }) =>
        output()
          .split("\n")
          .filter((line) => line.includes('"request-of-a-test"'))
          .map((line) => (JSON.parse(line) as { msg: string }).msg),
      );
    await expect.poll(messages).toEqual(["answered", "woken", "dispatched"]);
    for (const { output } of children) expect(output()).not.toMatch(/secretly|order-of/);
  });

  it("end on SIGTERM, after exporting their traces", async () => {
    for (const { child } of children) {
      child.kill("SIGTERM");
      expect(await once(child, "exit")).toEqual([0, null]);
    }
  });
});
