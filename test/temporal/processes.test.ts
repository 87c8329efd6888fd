import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { type Api, startApi } from "../api/harness.ts";
import { patience } from "../support/patience.ts";
import { createDevServer } from "../support/temporal.ts";

let environment: TestWorkflowEnvironment;
let api: Api;
/** How far the clock by which the watch measures its time is advanced. */
let passedMs = 0;
const children: ChildProcess[] = [];

beforeAll(async () => {
  environment = await createDevServer();
  api = await startApi({
    config: { alerts: { recipients: [], everyMs: 20 } },
    clock: () => new Date(Date.now() + passedMs),
  });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await api.pool.query("TRUNCATE processes, alerts");
});
afterAll(async () => {
  await api.stop();
  await environment.teardown();
});

/** Starts a worker as a process of its own; resolves when it is ready. */
async function startWorker(more: Record<string, string> = {}): Promise<ChildProcess> {
  const child = fork(join(packageRoot, "dist/workers/main.js"), {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: api.url,
      TEMPORAL_ADDRESS: inject("temporalAddress"),
      TEMPORAL_NAMESPACE: environment.client.options.namespace,
      TOKEN_SECRET: "a-secret-of-at-least-32-characters",
      SMTP_URL: "smtp://127.0.0.1:1",
      ...more,
    },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  children.push(child);
  await once(child, "message");
  return child;
}

const processes = async () => (await api.send("GET", "/v1/processes")).body.items;
const stateOf = async ({ pid }: ChildProcess) =>
  (await processes()).find((one: { pid: number }) => one.pid === pid)?.state;
const openAlerts = async () =>
  (await api.send("GET", "/v1/alerts?state=open")).body.items.map(
    ({ kind, subject }: { kind: string; subject: string }) => `${kind} ${subject}`.trim(),
  );
/** The open alerts, a moment later by the watch's clock, which judges absence after a minute without interruption. */
const alertsLater = () => {
  passedMs += 500;
  return openAlerts();
};
/** Makes a process that was killed look as if it was last seen a minute ago, when the others had been running for long. */
async function age({ pid }: ChildProcess): Promise<void> {
  await api.pool.query("UPDATE processes SET started_at = started_at - interval '1 hour'");
  await api.pool.query(
    "UPDATE processes SET seen_at = seen_at - interval '61 seconds' WHERE pid = $1",
    [pid],
  );
}
const vanished = `process_gone ${hostname()}`;

describe("the workers", () => {
  it("are alive, one that is killed is gone and alerted once, and one that stops is not listed", async () => {
    const [killed, stopped] = [await startWorker(), await startWorker()];
    await expect
      .poll(async () => Promise.all([killed, stopped].map(stateOf)), patience)
      .toEqual(["alive", "alive"]);
    await expect
      .poll(processes, patience)
      .toEqual([
        expect.objectContaining({ ready: true, faults: [] }),
        expect.objectContaining({ ready: true, faults: [] }),
      ]);
    expect((await processes())[0].taskQueues.toSorted()).toEqual([
      "delivery",
      "delivery-critical",
      "orchestration",
    ]);

    killed.kill("SIGKILL");
    await once(killed, "exit");
    await age(killed);
    expect(await stateOf(killed)).toBe("gone");
    await expect.poll(alertsLater, patience).toEqual([vanished]);
    const { body } = await api.send("GET", "/v1/alerts");
    expect(body.items).toHaveLength(1);
    expect(body.items[0].detail).toContain(`worker ${killed.pid}`);

    stopped.kill("SIGTERM");
    expect(await once(stopped, "exit")).toEqual([0, null]);
    expect(await stateOf(stopped)).toBeUndefined();
    // The killed one was the last, so that no worker is left.
    await expect.poll(openAlerts, patience).toEqual(["no_worker", vanished]);

    // Another one takes the place of the killed one.
    await startWorker();
    await expect.poll(openAlerts, patience).toEqual([]);
    expect((await api.send("GET", "/v1/alerts")).body.items).toHaveLength(2);
  });

  it("that stop during their start are not missed", async () => {
    const starting = fork(join(packageRoot, "dist/workers/main.js"), {
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: api.url,
        TEMPORAL_ADDRESS: "127.0.0.1:1",
        TOKEN_SECRET: "a-secret-of-at-least-32-characters",
        SMTP_URL: "smtp://127.0.0.1:1",
      },
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    children.push(starting);
    await expect.poll(() => stateOf(starting), patience).toBe("alive");
    expect((await processes())[0]).toMatchObject({ ready: false, taskQueues: [] });
    starting.kill("SIGTERM");
    expect(await once(starting, "exit")).toEqual([0, null]);
    expect(await processes()).toEqual([]);
  });

  it("whose clock is off are alerted", async () => {
    const skew = pathToFileURL(join(packageRoot, "dist/test/crash/clock-ahead.js")).href;
    const worker = await startWorker({ NODE_OPTIONS: `--import ${skew}` });
    await expect.poll(openAlerts, patience).toEqual([`clock ${hostname()}`]);
    const [{ detail }] = (await api.send("GET", "/v1/alerts")).body.items;
    expect(detail).toContain("60 minutes ahead of the database’s");
    const [listed] = await processes();
    expect(listed.faults).toEqual([expect.stringContaining("Synchronise the clock of its host")]);
    expect(listed.clockAheadMs).toBeGreaterThan(3_500_000);
    worker.kill("SIGTERM");
    await expect.poll(openAlerts, patience).toEqual([]);
  });
});
