import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FolderUnusableError, writeKept } from "./kept-files.ts";
import { sendSignal } from "./supervised.ts";
import { waitUntil } from "./wait.ts";

/** A process as it can be found again later: its id, which alone would be somebody else's by then, and when it started, as the system counts. */
const processMark = z.object({ pid: z.int().positive(), startedAt: z.string().min(1) });
export type ProcessMark = z.output<typeof processMark>;

/** Marks a living process; null if there is none, or only what its parent has not yet reaped, if ever it will. */
export function markOf(pid: number): ProcessMark | null {
  try {
    if (process.platform !== "linux") {
      const startedAt = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
        encoding: "utf8",
      });
      return { pid, startedAt: startedAt.trim() };
    }
    // Fields 3 and 22 of proc(5)'s stat; the second, a name in brackets, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" && !hasThreads(pid) ? null : { pid, startedAt: fields[19]! };
  } catch {
    return null;
  }
}

/** The first thread of a process that ends may be gone while others still hold its files and ports. */
function hasThreads(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some(
    (thread) => !/\) [ZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")),
  );
}

/** Does the very process still run? */
export function isAlive({ pid, startedAt }: ProcessMark): boolean {
  return markOf(pid)?.startedAt === startedAt;
}

const launcherFile = "launcher.json";

/** Another launcher works on the same data. */
export class FolderInUseError extends Error {
  override name = "FolderInUseError";
}

/**
 * Makes this process the only launcher on `folder`, and returns what gives it up again. Throws `FolderInUseError` while
 * another one lives, `FolderUnusableError` if nothing can be kept there; what a dead one left is taken over.
 */
export function claimFolder(folder: string): () => void {
  const path = join(folder, launcherFile);
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeKept(draft, JSON.stringify(markOf(process.pid)));
  } catch (error) {
    throw new FolderUnusableError(
      `${folder} cannot be written to: ${(error as Error).message}. Name another folder with --data, or make room in it`,
    );
  }
  try {
    for (;;) {
      try {
        // Fails if it is there: of two that start at once, one wins.
        linkSync(draft, path);
        return () => rmSync(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const owner = launcherOf(folder);
      if (owner)
        throw new FolderInUseError(`${folder} is in use by another launcher, process ${owner.pid}`);
      // A dead one's, or none that one of us would have written.
      rmSync(path, { recursive: true, force: true });
    }
  } finally {
    rmSync(draft);
  }
}

/** The launcher that works on `folder`; null if none does. */
export function launcherOf(folder: string): ProcessMark | null {
  const owner = readMarks(join(folder, launcherFile), processMark);
  return owner && isAlive(owner) ? owner : null;
}

/** The processes of a stack, kept on disk as well, so that whoever comes after a crash can find what is left of them. */
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
   * Resolves when nothing of an earlier stack runs any more, with whether it had left anything behind. What its launcher's death did not stop (because a guard died as
   * well) is told to, and killed after `graceMs`.
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
        `processes of an earlier start do not end: ${survivors.join(", ")}. End them, and start again`,
      );
    this.#write([]);
    return noted.length > 0;
  }

  /** Whoever comes after a crash has to know of them; those who work now do not: where they cannot be noted, they go on. */
  #write(marks: ProcessMark[]): void {
    this.#marks = marks;
    try {
      writeKept(this.#path, JSON.stringify(marks));
      this.#fails = false;
    } catch (error) {
      if (!this.#fails)
        this.#say(`${this.#path} cannot be written: ${(error as Error).message}. Going on without`);
      this.#fails = true;
    }
  }
}

/** Null where there are none, or none that can be read. */
function readMarks<Marks>(path: string, schema: z.ZodType<Marks>): Marks | null {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}
