import { setTimeout as sleep } from "node:timers/promises";

/** One running process of the stack, with its guard if it has one. */
export interface Running {
  pid: number;
  guardPid?: number;
  /** Resolves when the process and its guard have ended. */
  exited: Promise<void>;
  /** Asks the process to finish its work and end, and kills it if that takes too long. Resolves when it has ended. */
  stop(): Promise<void>;
}

/**
 * Resolves with the process when `ready` resolves. If the process ends before that, or `ready` rejects, the process is stopped and this
 * rejects. The signal of `ready` is aborted when its result is no longer needed.
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
  /** Starts the process. Resolves when it is ready; rejects, with no process left running, if the start fails. */
  start: () => Promise<Running>;
  /** Receives a line whenever the process dies unexpectedly, and when it runs again. */
  say: (line: string) => void;
}

/** The signal that ends a process: SIGKILL at once, SIGTERM after it has finished its work. */
export type Ending = "SIGKILL" | "SIGTERM";

const firstBackoffMs = 250;
const longestBackoffMs = 10_000;
/** If a process has run for this long, its next death does not count as a repeated failure. */
const stableMs = 30_000;

/** Keeps one process running: if it dies, it is started again, after a pause that grows with repeated failures. */
export class Supervised {
  readonly name: string;
  readonly #options: SupervisedOptions;
  #running: Running | null = null;
  #shouldRun = false;
  #pause = new AbortController();
  #reviving: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The id of the process; null while it is down. */
  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  /** The ids of the process and its guard. */
  get pids(): number[] {
    return this.#running ? pidsOf(this.#running) : [];
  }

  /** Starts the process. Rejects if it does not start; there is no other attempt. */
  async start(): Promise<void> {
    this.#shouldRun = true;
    try {
      await this.#launch();
    } catch (error) {
      this.#shouldRun = false;
      throw error;
    }
  }

  /** Stops the process permanently. */
  async stop(): Promise<void> {
    await this.#rest();
    await this.#running?.stop();
  }

  /** Sends a signal that ends the process. It stays down until `start` or `restart`. Resolves when it has ended. */
  async kill(signal: Ending = "SIGKILL"): Promise<void> {
    await this.#rest();
    if (!this.#running) return;
    sendSignal(this.#running.pid, signal);
    await this.#running.exited;
  }

  /** Sends SIGKILL to the process and its guard, without waiting. */
  abandon(): void {
    this.#shouldRun = false;
    this.#pause.abort();
    for (const pid of this.pids) sendSignal(pid, "SIGKILL");
  }

  /** Stops the process if it runs, and starts it. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Ends the automatic restarts. */
  async #rest(): Promise<void> {
    this.#shouldRun = false;
    this.#pause.abort();
    await this.#reviving;
  }

  async #launch(failures = 0): Promise<void> {
    const running = await this.#options.start();
    const since = Date.now();
    this.#running = running;
    void running.exited.then(() => {
      this.#running = null;
      if (!this.#shouldRun) return;
      this.#options.say(`${this.name} (process ${running.pid}) died; starting it again`);
      this.#reviving = this.#revive(Date.now() - since > stableMs ? 0 : failures);
    });
  }

  async #revive(failures: number): Promise<void> {
    this.#pause = new AbortController();
    for (let tries = failures; this.#shouldRun; tries++) {
      const backoffMs = Math.min(firstBackoffMs * 2 ** tries, longestBackoffMs);
      await sleep(backoffMs, undefined, { signal: this.#pause.signal }).catch(() => {});
      if (!this.#shouldRun) return;
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

/** Sends a signal to a process. Does nothing if the process has already ended. */
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
