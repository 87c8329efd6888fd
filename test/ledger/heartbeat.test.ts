import type { Pool } from "pg";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createLedgerClock } from "../../ledger/clock.ts";
import { startHeartbeat } from "../../ledger/heartbeat.ts";
import { readProcesses } from "../../ledger/processes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";
import { addProcess } from "../support/processes.ts";

const database = useLedgerDatabase({ truncate: "processes" });
let pool: Pool;
beforeAll(() => void ({ pool } = database));

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const heartbeat of running.splice(0)) await heartbeat.stop();
});

const rows = () => executeOn(pool)(readProcesses, {});

function start(more: Partial<Parameters<typeof startHeartbeat>[0]> = {}) {
  const warnings: unknown[] = [];
  const heartbeat = startHeartbeat({
    kind: "worker",
    pool,
    clock: createLedgerClock(pool),
    state: () => ({ taskQueues: ["delivery"], isReady: true }),
    logger: { warn: (...warning: unknown[]) => void warnings.push(warning) },
    everyMs: 20,
    ...more,
  });
  running.push(heartbeat);
  return { stop: () => heartbeat.stop(), warnings };
}

describe("a heartbeat", () => {
  it("writes one row, keeps it up to date, and removes it", async () => {
    let isReady = false;
    const heartbeat = start({ state: () => ({ taskQueues: ["delivery"], isReady }) });
    await expect.poll(rows, patience).toMatchObject([
      {
        kind: "worker",
        pid: process.pid,
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        taskQueues: ["delivery"],
        isReady: false,
      },
    ]);
    const [first] = await rows();
    expect(first!.memoryBytes).toBeGreaterThan(10_000_000);
    expect(first!.memoryShare).toBeGreaterThan(0);
    expect(first!.startedAt.getTime()).toBeLessThan(first!.seenAt.getTime());
    isReady = true;
    await expect.poll(async () => (await rows())[0]!.isReady, patience).toBe(true);
    const [later] = await rows();
    expect(later!.seenAt.getTime()).toBeGreaterThan(first!.seenAt.getTime());
    expect([later!.id, later!.startedAt]).toEqual([first!.id, first!.startedAt]);
    await heartbeat.stop();
    expect(await rows()).toEqual([]);
  });

  it("says how far the clock of its process is off", async () => {
    start({ clock: { localAheadMs: -61_000, refresh: async () => {} } });
    await expect.poll(rows, patience).toMatchObject([{ clockAheadMs: -61_000 }]);
  });

  it("shows a process that works late", async () => {
    // Long enough that each report covers several of the blocks below.
    start({ everyMs: 1_000 });
    await expect.poll(rows, patience).toHaveLength(1);
    const blockFor = (ms: number) => {
      for (const until = performance.now() + ms; performance.now() < until;);
    };
    await expect
      .poll(async () => {
        blockFor(200);
        return (await rows())[0]!.eventLoopDelayMs;
      }, patience)
      .toBeGreaterThan(100);
  });

  it("goes on when the database is back, and warns once", async () => {
    let failures = 3;
    const query = (...input: Parameters<Pool["query"]>) =>
      failures-- > 0 ? Promise.reject(new Error("away")) : pool.query(...input);
    const { warnings } = start({
      pool: { query } as unknown as Pool,
      clock: { localAheadMs: 0, refresh: async () => {} },
    });
    await expect.poll(rows, patience).toHaveLength(1);
    expect(warnings).toHaveLength(1);
  });

  it("does not keep its process from stopping while the database does not answer", async () => {
    const heartbeat = start({
      pool: { query: () => new Promise(() => {}) } as unknown as Pool,
      clock: { localAheadMs: 0, refresh: async () => {} },
    });
    await heartbeat.stop();
  });
});

describe("the row of a process that vanished", () => {
  it("is removed after an hour by another process, unless it is the last of its kind", async () => {
    await addProcess(pool, { kind: "worker", host: "lately", unseen: "59 minutes" });
    await addProcess(pool, { kind: "worker", host: "long-ago", unseen: "61 minutes" });
    await addProcess(pool, { kind: "api", host: "last-of-its-kind", unseen: "3 days" });
    await addProcess(pool, { kind: "api", host: "before-that", unseen: "4 days" });
    start();
    await expect
      .poll(async () => (await rows()).map(({ host }) => host).slice(1), patience)
      .toEqual(["lately", "last-of-its-kind"]);
  });
});
