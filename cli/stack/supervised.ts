import { setTimeout as sleep } from "node:timers/promises";

/** One process of the stack, with its guard if it has one. */
export interface Running {
  pid: number;
  guardPid?: number;
  /** Resolves when it is gone, and its guard. */
  exited: Promise<void>;
  /** Asks it to finish what it does and end; kills it if that takes too long. Resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Resolves with the process when `ready` does. If it is gone before that, or `ready` rejects, it is stopped, and this
 * rejects; `ready`'s signal is aborted when nobody waits for it any more.
 */
export async function whenReady(
  running: Running,
  ready: (signal: AbortSignal) => Promise<void>,
): Promise<Running> {
  const over = new AbortController();
  const gone = running.exited.then(() => Promise.reject(new Error("it ended before it was ready")));
  gone.catch(() => {});
  try {
    await Promise.race([ready(over.signal), gone]);
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  } finally {
    over.abort();
  }
}

export interface SupervisedOptions {
  name: string;
  /** Resolves when the process is ready to serve; rejects, with nothing left behind, if it does not get so far. */
  start: () => Promise<Running>;
  /** Told in plain words of every death that was not asked for, and of every return. */
  say: (line: string) => void;
}

/** How a process is ended: at once, or by itself once it has finished what it does. */
export type Ending = "SIGKILL" | "SIGTERM";

const firstBackoffMs = 250;
const longestBackoffMs = 10_000;
/** After so long the next death is not put down to the same cause. */
const stableMs = 30_000;

/** Keeps one process running: one that dies by itself is started again, after a pause that grows while it keeps dying. */
export class Supervised {
  readonly name: string;
  readonly #options: SupervisedOptions;
  #running: Running | null = null;
  #wanted = false;
  #pause = new AbortController();
  #reviving: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The process itself; null while it is down. */
  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  /** All that runs for it. */
  get pids(): number[] {
    return this.#running ? pidsOf(this.#running) : [];
  }

  /** Rejects if it does not start; it is not tried again then. */
  async start(): Promise<void> {
    this.#wanted = true;
    try {
      await this.#launch();
    } catch (error) {
      this.#wanted = false;
      throw error;
    }
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    await this.#rest();
    await this.#running?.stop();
  }

  /** A signal to the process itself, of which it ends; it stays down until `start` or `restart`. Resolves when it is gone. */
  async kill(signal: Ending = "SIGKILL"): Promise<void> {
    await this.#rest();
    if (!this.#running) return;
    sendSignal(this.#running.pid, signal);
    await this.#running.exited;
  }

  /** SIGKILL to all that runs for it, and no waiting: for when there is no time left. */
  abandon(): void {
    this.#wanted = false;
    this.#pause.abort();
    for (const pid of this.pids) sendSignal(pid, "SIGKILL");
  }

  /** Stops it if it runs, and starts it. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** From here on nothing is revived. */
  async #rest(): Promise<void> {
    this.#wanted = false;
    this.#pause.abort();
    await this.#reviving;
  }

  async #launch(failures = 0): Promise<void> {
    const running = await this.#options.start();
    const since = Date.now();
    this.#running = running;
    void running.exited.then(() => {
      this.#running = null;
      if (!this.#wanted) return;
      this.#options.say(`${this.name} (process ${running.pid}) died; starting it again`);
      this.#reviving = this.#revive(Date.now() - since > stableMs ? 0 : failures);
    });
  }

  async #revive(failures: number): Promise<void> {
    this.#pause = new AbortController();
    for (let tries = failures; this.#wanted; tries++) {
      const backoffMs = Math.min(firstBackoffMs * 2 ** tries, longestBackoffMs);
      await sleep(backoffMs, undefined, { signal: this.#pause.signal }).catch(() => {});
      if (!this.#wanted) return;
      try {
        await this.#launch(tries + 1);
        this.#options.say(`${this.name} is back`);
        return;
      } catch (error) {
        this.#options.say(
          `${this.name} does not start: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
}

/** A process that is gone already needs no signal. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export function pidsOf({ pid, guardPid }: Running): number[] {
  return guardPid === undefined ? [pid] : [pid, guardPid];
}
