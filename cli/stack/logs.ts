import { mkdirSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

/** A log longer than this is put aside when its owner starts anew; the one put aside before is dropped. */
const limitBytes = 20 * 1024 * 1024;

/** What the processes of a stack print: a file each, under `logs/` of its folder. */
export class Logs {
  readonly #folder: string;

  constructor(dataDir: string) {
    this.#folder = join(dataDir, "logs");
    mkdirSync(this.#folder, { recursive: true });
  }

  /** Opens a log to be appended to; the caller closes it. */
  open(name: string): number {
    const path = this.#path(name);
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > limitBytes)
      renameSync(path, `${path}.old`);
    return openSync(path, "a");
  }

  /** The last lines of a log, to be shown beside an error. */
  tail(name: string): string {
    return readFileSync(this.#path(name), "utf8").trimEnd().split("\n").slice(-8).join("\n");
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.log`);
  }
}
