import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startGuarded } from "../../cli/stack/guarded.ts";
import { freePort } from "../../cli/stack/ports.ts";
import { clearLock } from "../../cli/stack/postgres-lock.ts";
import {
  type Cluster,
  databaseUrl,
  openCluster,
  postgresOrder,
  waitForPostgres,
} from "../../cli/stack/postgres.ts";
import { postgresUser } from "../../cli/stack/postgres-user.ts";
import { isAlive, markOf } from "../../cli/stack/processes.ts";
import { whenReady } from "../../cli/stack/supervised.ts";
import { waitMs } from "../support/patience.ts";

let root: string;
let cluster: Cluster;
let lock: string;
let log: number;
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tidings-lock-"));
  chmodSync(root, 0o711);
  const folder = join(root, "data");
  ({ cluster } = openCluster({ folder, passwordPath: join(root, "password") }));
  lock = join(folder, "postmaster.pid");
  log = openSync(join(root, "log"), "a");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  closeSync(log);
  rmSync(root, { recursive: true });
});

async function start() {
  const port = await freePort();
  const url = databaseUrl(cluster, port, "postgres");
  const server = await startGuarded(postgresOrder(cluster, port, { durable: true }), log);
  return whenReady(server, (signal) => waitForPostgres(url, waitMs, signal));
}

/** A process of PostgreSQL's user that has ended, and whose parent never asks how; or one that goes on. */
async function processOfPostgres(script: string): Promise<number> {
  const parent: ChildProcess = spawn("sh", ["-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
    ...postgresUser(),
  });
  cleanups.push(() => parent.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: parent.stdout! }), "line")) as [string];
  return Number(line);
}

/** The lock of a server that was killed, as if it had had this id. */
function leaveLockOf(pid: number): void {
  writeFileSync(lock, `${pid}\n${cluster.folder}\n1\n5432\n\n127.0.0.1\n  1 1\nready\n`);
}

it.each([
  ["a zombie that nobody reaps", "sleep 0 & echo $!; exec sleep 1000"],
  ["another process of the same user, which has got its id", "echo $$; exec sleep 1000"],
])("starts though its lock names %s", async (what, script) => {
  const pid = await processOfPostgres(script);
  if (what.includes("zombie"))
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, "utf8")).toMatch(/\) Z /);
  leaveLockOf(pid);
  await expect(start()).rejects.toThrow("it ended before it was ready");
  expect(readFileSync(join(root, "log"), "utf8")).toContain('lock file "postmaster.pid" already');
  await clearLock(cluster.folder, waitMs);
  await (await start()).stop();
});

it("starts though its lock is empty, as a full disk leaves it", async () => {
  writeFileSync(lock, "");
  await clearLock(cluster.folder, waitMs);
  expect(existsSync(lock)).toBe(false);
  await (await start()).stop();
});

it("ends an earlier server that was not recorded", async () => {
  const earlier = await start();
  const mark = markOf(earlier.pid)!;
  await clearLock(cluster.folder, waitMs);
  expect(isAlive(mark)).toBe(false);
  await earlier.exited;
  await (await start()).stop();
});
