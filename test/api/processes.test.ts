import { hostname } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ApiProcess, startApiProcess } from "../support/api-process.ts";
import { patience } from "../support/patience.ts";
import { addProcess } from "../support/processes.ts";
import { type Api, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
const started: ApiProcess[] = [];
afterEach(async () => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL");
  await api.pool.query("TRUNCATE processes");
});
afterAll(() => api.stop());

const list = async () => (await api.send("GET", "/v1/processes")).body.items;

describe("the processes", () => {
  it("are listed with their figures, and with what is wrong with each", async () => {
    await addProcess(api.pool, { host: "a", unseen: "2 minutes", taskQueues: ["delivery"] });
    await addProcess(api.pool, { host: "b", kind: "api", clockAheadMs: -9_000.4 });
    expect(await list()).toEqual([
      {
        id: expect.stringMatching(/^prc_/),
        kind: "api",
        state: "alive",
        host: "b",
        pid: 1,
        version: "0.3.0",
        startedAt: expect.any(String),
        seenAt: expect.any(String),
        ready: true,
        taskQueues: [],
        clockAheadMs: -9_000,
        memory: { bytes: 183_500_800, share: 0.21 },
        eventLoopDelayMs: 4.2,
        faults: [expect.stringContaining("Its clock is 9 s behind the database’s.")],
      },
      expect.objectContaining({
        kind: "worker",
        state: "gone",
        ready: false,
        taskQueues: ["delivery"],
        faults: [expect.stringContaining("last seen 2 minutes ago")],
      }),
    ]);
  });

  it("are rated by the memory threshold of the policy", async () => {
    await addProcess(api.pool, { memoryShare: 0.6 });
    expect((await list())[0].faults).toEqual([]);
    const { headers } = await api.send("GET", "/v1/policy");
    const patch = { health: { memory: { warning: 0.5, critical: 0.9 } } };
    await api.send("PATCH", "/v1/policy", patch, { "if-match": headers.get("etag")! });
    const fault = expect.stringContaining("It uses 60% of its memory limit.");
    await expect.poll(async () => (await list())[0].faults, patience).toEqual([fault]);
  });
});

it("an API process lists itself until it stops", async () => {
  const first = startApiProcess(api.url);
  const second = startApiProcess(api.url);
  started.push(first, second);
  await Promise.all([first.ready, second.ready]);
  const pids = async () => new Set((await list()).map(({ pid }: { pid: number }) => pid));
  await expect.poll(pids, patience).toEqual(new Set([first.child.pid, second.child.pid]));
  expect((await list())[0]).toMatchObject({
    kind: "api",
    state: "alive",
    host: hostname(),
    ready: true,
  });
  first.child.kill("SIGTERM");
  expect((await first.exited).code).toBe(0);
  expect(await pids()).toEqual(new Set([second.child.pid]));
  second.child.kill("SIGKILL");
  await second.exited;
  expect(await pids()).toEqual(new Set([second.child.pid]));
});
