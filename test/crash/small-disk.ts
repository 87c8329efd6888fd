import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** More than a stack needs for a short run, and little enough to be filled in a moment. */
const megabytes = 400;

/** A disk of its own, in memory, for what a stack keeps. */
export interface SmallDisk {
  folder: string;
  /** Leaves no byte free. */
  fill(): void;
  free(): void;
  /** Takes it away, with all that is on it. */
  remove(): void;
}

/** Root may make one, where the system lets it. */
export function makeSmallDisk(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), "tidings-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tidings", folder], {
      stdio: "pipe",
    });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw new Error("a disk that can be filled has to be mounted, which takes root", {
      cause: error,
    });
  }
  const ballast = join(folder, "ballast");
  return {
    folder,
    fill() {
      const file = openSync(ballast, "a");
      try {
        for (const bytes of [1 << 20, 4_096, 1]) fillBy(file, Buffer.alloc(bytes));
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(ballast, { force: true }),
    remove() {
      execFileSync("umount", ["--lazy", folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

function fillBy(file: number, bytes: Buffer): void {
  try {
    while (writeSync(file, bytes) === bytes.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

/** Can one be had here? */
export function canMakeSmallDisk(): boolean {
  try {
    makeSmallDisk().remove();
    return true;
  } catch {
    return false;
  }
}
