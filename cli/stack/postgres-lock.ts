import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, markOf } from "./processes.ts";
import { sendSignal } from "./supervised.ts";
import { waitUntil } from "./wait.ts";

/** No process has this id on any system: PostgreSQL finds at once that it is gone, and looks itself whether its memory is. */
const nobody = 2 ** 31 - 2;

/**
 * Sees to it that what an earlier PostgreSQL left in its folder does not stop the next one. That takes a process which was killed, and which
 * nobody has reaped, for one that lives, and so it does one of ours that has got the same id: for ever where nobody reaps. What in
 * truth still works there is told to end.
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
  // The disk was full when it was written.
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
    writeFileSync(path, left.replace(/^-?\d+/, String(nobody)));
  } catch {
    // It has taken the file with it.
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

/** What PostgreSQL says where something of an earlier one has not ended yet: a moment later it may have. */
export const saysNotYet = (said: string): boolean =>
  /lock file "postmaster\.pid"|pre-existing shared memory block|could not bind|Address already in use/.test(
    said,
  );
