import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
} from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import { moveAside } from "./kept-files.ts";

/** A log that is longer than this is renamed to `.old` when its process starts again; an earlier `.old` is deleted. */
const limitBytes = 20 * 1024 * 1024;
/** The size of the end of a log that is shown with an error. */
const tailBytes = 16 * 1024;
const tailLines = 8;

/** An open log. */
export interface OpenLog {
  fd: number;
  /** The last lines since the log was opened, to be shown with an error. */
  tail(): string;
  close(): void;
}

/**
 * The logs of a stack's processes, one file each, in `logs/` of its folder. No log is essential: a file that is in the way is renamed, and
 * where a log cannot be written, there is none.
 */
export class Logs {
  readonly #folder: string;
  readonly #say: (line: string) => void;

  constructor(dataDir: string, say: (line: string) => void) {
    this.#folder = join(dataDir, "logs");
    this.#say = say;
  }

  /** Opens a log to be appended to. */
  open(name: string): OpenLog {
    const path = join(this.#folder, `${name}.log`);
    const fd = this.#usable(this.#folder, () => this.#openFile(path)) ?? openSync(devNull, "a");
    const from = fstatSync(fd).size;
    return { fd, tail: () => tailOf(path, from), close: () => closeSync(fd) };
  }

  #openFile(path: string): number | null {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    return this.#usable(path, () => {
      const stats: Stats | undefined = statSync(path, { throwIfNoEntry: false });
      if (stats?.isFile() && stats.size > limitBytes) renameSync(path, `${path}.old`);
      return openSync(path, "a", 0o600);
    });
  }

  /** Opens a path; if that fails, moves the existing file or folder aside and tries again. Null, with a message, where that fails too. */
  #usable(path: string, open: () => number | null): number | null {
    try {
      return open();
    } catch (error) {
      try {
        const aside = moveAside(path);
        const opened = open();
        this.#say(`${path} could not be used for logs, and is now ${aside}`);
        return opened;
      } catch {
        this.#say(`${path} cannot be used for logs (${(error as Error).message}): no log is kept`);
        return null;
      }
    }
  }
}

function tailOf(path: string, from: number): string {
  try {
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      const bytes = Buffer.alloc(Math.min(tailBytes, Math.max(0, size - from)));
      const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
      const text = bytes.toString("utf8", 0, read).trimEnd();
      return text.split("\n").slice(-tailLines).join("\n");
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
