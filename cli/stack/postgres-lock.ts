import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, markOf } from "./processes.ts";
import { sendSignal } from "./supervised.ts";
import { waitUntil } from "./wait.ts";

/** A process id that no system uses: PostgreSQL finds at once that the process is gone, and checks its shared memory itself. */
const unusedPid = 2 ** 31 - 2;

/**
 * Makes sure that the lock file of an earlier PostgreSQL does not prevent the next start. PostgreSQL mistakes a killed process that was not
 * reaped, or another process with the same id, for a running server, possibly for ever. A server that is really still running in the
 * folder is stopped.
 */
export async function clearLock(folder: string, graceMs: number): Promise<void> {
  const path = join(folder, "postmaster.pid");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return;
  }
  const pid = Number.parseInt(text, 10);
  // The file has no process id if the disk was full when it was written.
  if (!(pid > 0)) return rmSync(path, { force: true });
  const mark = markOf(pid);
  if (mark && worksIn(pid, folder)) {
    sendSignal(pid, "SIGINT");
    await waitUntil("an earlier PostgreSQL to stop", graceMs, () => !isAlive(mark)).catch(() =>
      sendSignal(pid, "SIGKILL"),
    );
    await waitUntil("an earlier PostgreSQL to end", graceMs, () => !isAlive(mark));
  }
  try {
    const left = readFileSync(path, "utf8");
    writeFileSync(path, left.replace(/^-?\d+/, String(unusedPid)));
  } catch {
    // The server has deleted the file.
  }
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return process.platform === "linux"
      ? readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder)
      : execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).includes(
          `-D ${folder}`,
        );
  } catch {
    return false;
  }
}

/** Whether PostgreSQL's output says that parts of an earlier server have not ended yet: a later attempt may succeed. */
export const hasLeftovers = (output: string): boolean =>
  /lock file "postmaster\.pid"|pre-existing shared memory block|could not bind|Address already in use/.test(
    output,
  );
