import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sendSignal } from "./supervised.ts";
import { waitUntil } from "./wait.ts";

/** A process as it can be found again later. A pid alone would be somebody else's by then. */
export interface ProcessMark {
  pid: number;
  /** When it started, as the system counts; equal marks are one process. */
  startedAt: string;
}

/** Marks a living process; null if there is none, or only what its parent has not yet reaped. */
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
    return fields[0] === "Z" ? null : { pid, startedAt: fields[19]! };
  } catch {
    return null;
  }
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

/** Nothing can be kept in the folder: it is none, or not ours to write to. */
export class FolderUnusableError extends Error {
  override name = "FolderUnusableError";
}

/**
 * Makes this process the only launcher on `folder`, and returns what gives it up again. Throws `FolderInUseError` while
 * another one lives, `FolderUnusableError` if nothing can be kept there; what a dead one left is taken over.
 */
export function claimFolder(folder: string): () => void {
  const path = join(folder, launcherFile);
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(draft, JSON.stringify(markOf(process.pid)));
  } catch (error) {
    throw new FolderUnusableError(`${folder} cannot be written to: ${(error as Error).message}`);
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
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(draft);
  }
}

/** The launcher that works on `folder`; null if none does. */
export function launcherOf(folder: string): ProcessMark | null {
  const owner = readMarks<ProcessMark | null>(join(folder, launcherFile), null);
  return owner && isAlive(owner) ? owner : null;
}

/** The processes of a stack, kept on disk as well, so that whoever comes after a crash can find what is left of them. */
export class ProcessRegister {
  readonly #path: string;
  #marks: ProcessMark[] = [];

  constructor(folder: string) {
    this.#path = join(folder, "processes.json");
  }

  add(pids: number[]): void {
    this.#write([...this.#marks, ...pids.map(markOf).filter((mark) => mark !== null)]);
  }

  remove(pids: number[]): void {
    this.#write(this.#marks.filter(({ pid }) => !pids.includes(pid)));
  }

  /**
   * Resolves when nothing of an earlier stack runs any more. What its launcher's death did not stop (because a guard died as
   * well) is told to, and killed after `graceMs`.
   */
  async clearLeftovers(graceMs: number): Promise<void> {
    const left = () => readMarks<ProcessMark[]>(this.#path, []).filter(isAlive);
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      for (const { pid } of left()) sendSignal(pid, signal);
      await waitUntil("an earlier stack to stop", graceMs, () => left().length === 0).catch(
        () => {},
      );
    }
    const survivors = left().map(({ pid }) => pid);
    if (survivors.length > 0)
      throw new Error(`processes of an earlier stack do not end: ${survivors.join(", ")}`);
    this.#write([]);
  }

  #write(marks: ProcessMark[]): void {
    this.#marks = marks;
    writeFileSync(`${this.#path}.draft`, JSON.stringify(marks));
    renameSync(`${this.#path}.draft`, this.#path);
  }
}

function readMarks<Marks>(path: string, otherwise: Marks): Marks {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Marks;
  } catch {
    return otherwise;
  }
}
