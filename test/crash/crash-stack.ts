import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Sink } from "../../bench/sink-process.ts";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { compiled } from "../../cli/stack/guarded.ts";
import type { CrashOptions } from "./crash.ts";
import { type LaunchedStack, launchStack } from "./launched-stack.ts";
import { makeSmallDisk, type SmallDisk } from "./small-disk.ts";

export const workers = 2;
/** Of each worker to the mail server, which answers each after a delay, so that a worker always dies with its hands full. */
export const connections = 10;

/** In this process, or where the launcher is to die as well, or to do without a disk, in one of its own. */
export type CrashStack = Pick<TemporaryStack, "apiKey" | "databaseUrl" | "dataDir" | "stop"> & {
  urls: { api: string };
  /** What can be done to it. */
  means: { members: TemporaryStack } | { launcher: LaunchedStack; disk: SmallDisk | null };
};

export async function startCrashStack(
  server: Sink,
  { clockAhead, diskFull, restartAtOnce, freeze, sigterm, kills, environment, say }: CrashOptions,
): Promise<CrashStack> {
  const smtpUrl = `${server.url}?name=crash&connections=${connections}`;
  // More waits here, on purpose, than a service would let come together.
  const unbounded = { MAX_UNSENT: "100000000" };
  if (!diskFull && !restartAtOnce) {
    const members = await startTemporaryStack({
      environment: { ...environment, ...unbounded },
      ...(clockAhead && { environmentOfWorker: (index) => (index === 1 ? wrongClock : {}) }),
      workers,
      smtpUrl,
      say,
    });
    return { ...members, means: { members } };
  }
  if (clockAhead || freeze || sigterm || kills > 0)
    throw new Error("a full disk and a restart at once go with a slow server alone");
  const disk = diskFull ? makeSmallDisk() : null;
  const dataDir = disk?.folder ?? mkdtempSync(join(tmpdir(), "tidings-"));
  const launcher = await launchStack({
    dataDir,
    workers,
    environment: { ...unbounded, SMTP_URL: smtpUrl },
  });
  const stop: TemporaryStack["stop"] = async ({ keepData = false } = {}) => {
    disk?.free();
    await launcher.stop();
    if (keepData) say(launcher.output());
    else if (disk) disk.remove();
    else rmSync(dataDir, { recursive: true, force: true });
  };
  return { ...launcher, stop, means: { launcher, disk } };
}

export function membersOf({ means }: CrashStack): TemporaryStack {
  if ("members" in means) return means.members;
  throw new Error("the stack is another process's");
}

const wrongClock = {
  NODE_OPTIONS: `--import ${pathToFileURL(compiled("test/crash/clock-ahead.js")).href}`,
};
