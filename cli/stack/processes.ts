import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FolderUnusableError, writeKept } from "./kept-files.ts";
import { sendSignal } from "./supervised.ts";
import { waitUntil } from "./wait.ts";

/** Identifies a process: its id, which the system may reuse, together with its start time in the system's units. */
const processMark = z.object({ pid: z.int().positive(), startedAt: z.string().min(1) });
export type ProcessMark = z.output<typeof processMark>;

/** The mark of a running process; null if there is none, or if it has ended and its parent has not reaped it. */
export function markOf(pid: number): ProcessMark | null {
  try {
    if (process.platform !== "linux") {
      const startedAt = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
        encoding: "utf8",
      });
      return { pid, startedAt: startedAt.trim() };
    }
    // Fields 3 and 22 of stat in proc(5). The second field, a name in brackets, may contain any character.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" && !hasThreads(pid) ? null : { pid, startedAt: fields[19]! };
  } catch {
    return null;
  }
}

/** Whether a process still has threads: its first thread may have ended while others still hold its files and ports. */
function hasThreads(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some(
    (thread) => !/\) [ZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")),
  );
}

/** Whether the marked process is still running. */
export function isAlive({ pid, startedAt }: ProcessMark): boolean {
  return markOf(pid)?.startedAt === startedAt;
}

const launcherFile = "launcher.json";

/** Another launcher uses the same data folder. */
export class FolderInUseError extends Error {
  override name = "FolderInUseError";
}

/**
 * Makes this process the only launcher of `folder`, and returns a function that releases the folder. Throws a `FolderInUseError` while another
 * launcher runs, and a `FolderUnusableError` if the folder is not writable. The claim of a launcher that has ended is replaced.
 */
export function claimFolder(folder: string): () => void {
  const path = join(folder, launcherFile);
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeKept(draft, JSON.stringify(markOf(process.pid)));
  } catch (error) {
    throw new FolderUnusableError(
      `${folder} cannot be written to: ${(error as Error).message}. Name another folder with --data, or free some space`,
    );
  }
  try {
    for (;;) {
      try {
        // This fails if the file exists: if two launchers start at once, only one succeeds.
        linkSync(draft, path);
        return () => rmSync(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const owner = launcherOf(folder);
      if (owner)
        throw new FolderInUseError(`${folder} is in use by another launcher, process ${owner.pid}`);
      // The file is of a launcher that has ended, or is not a valid claim.
      rmSync(path, { recursive: true, force: true });
    }
  } finally {
    rmSync(draft);
  }
}

/** The launcher that uses `folder`; null if there is none. */
export function launcherOf(folder: string): ProcessMark | null {
  const owner = readMarks(join(folder, launcherFile), processMark);
  return owner && isAlive(owner) ? owner : null;
}

/** The processes of a stack, recorded on disk, so that they can be found after a crash. */
export class ProcessRegister {
  readonly #path: string;
  readonly #say: (line: string) => void;
  #marks: ProcessMark[] = [];
  #fails = false;

  constructor(folder: string, say: (line: string) => void) {
    this.#path = join(folder, "processes.json");
    this.#say = say;
  }

  add(pids: number[]): void {
    this.#write([...this.#marks, ...pids.map(markOf).filter((mark) => mark !== null)]);
  }

  remove(pids: number[]): void {
    this.#write(this.#marks.filter(({ pid }) => !pids.includes(pid)));
  }

  /**
   * Stops the processes of an earlier stack that are still running, for example because their guard was killed, and kills them after `graceMs`.
   * Resolves with whether there were any.
   */
  async clearLeftovers(graceMs: number): Promise<boolean> {
    const noted = readMarks(this.#path, z.array(processMark)) ?? [];
    const left = () => noted.filter(isAlive);
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      for (const { pid } of left()) sendSignal(pid, signal);
      await waitUntil("an earlier stack to stop", graceMs, () => left().length === 0).catch(
        () => {},
      );
    }
    const survivors = left().map(({ pid }) => pid);
    if (survivors.length > 0)
      throw new FolderUnusableError(
        `these processes of an earlier start do not end: ${survivors.join(", ")}. Stop them, and start again`,
      );
    this.#write([]);
    return noted.length > 0;
  }

  /** Records the processes. If that fails, the stack continues: the record is only needed after a crash. */
  #write(marks: ProcessMark[]): void {
    this.#marks = marks;
    try {
      writeKept(this.#path, JSON.stringify(marks));
      this.#fails = false;
    } catch (error) {
      if (!this.#fails)
        this.#say(
          `${this.#path} cannot be written: ${(error as Error).message}. Continuing without it`,
        );
      this.#fails = true;
    }
  }
}

/** Reads the marks in a file; null where it is missing or malformed. */
function readMarks<Marks>(path: string, schema: z.ZodType<Marks>): Marks | null {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}
