import { Piscina } from "piscina";

/** A task did not come to its end: the thread had no time or no memory for it. The same task may do so another time. */
export class ThreadFault extends Error {
  override name = "ThreadFault";
}

/** A thread beside the main one, for what would hold that up. */
export interface Thread<Task, Result> {
  /**
   * Runs a task after those that came before it; of those with another key one at a time in turn, so that nobody waits for all that
   * another wants. What `skip` returns when its turn comes, if it is not null, is the result instead.
   */
  run(key: string, task: () => Task, skip?: () => Result | null): Promise<Result>;
  /** How many tasks wait or run; of one key, where one is given. */
  size(key?: string): number;
  /** Ends the thread; what waits or runs is rejected. */
  close(): Promise<void>;
}

interface Waiting<Task, Result> {
  task: () => Task;
  skip: (() => Result | null) | undefined;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/** An unused thread ends after so long. */
const idleMs = 60_000;

export function createThread<Task, Result>({
  file,
  deadlineMs,
  memoryMb,
}: {
  /** The URL of a module whose default export is given the tasks. */
  file: string;
  /** A task that takes longer ends with its thread, and the next one begins another. */
  deadlineMs: number;
  memoryMb: number;
}): Thread<Task, Result> {
  let pool: Piscina<Task, Result> | undefined;
  let closed = false;
  /** The key of the task that runs. */
  let running: string | undefined;
  let isFree = true;
  /** By key; the next to have its turn is the first. */
  const queues = new Map<string, Waiting<Task, Result>[]>();

  /** Begun with the first task. */
  function begin(): Piscina<Task, Result> {
    if (pool) return pool;
    pool = new Piscina<Task, Result>({
      filename: file,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: idleMs,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    // A thread that ends with no task is no fault of this process; one with a task rejects that.
    pool.on("error", () => {});
    return pool;
  }

  async function runNext(): Promise<void> {
    const next = queues.entries().next().value;
    if (!isFree || next === undefined) return;
    const [key, queue] = next;
    const { task, skip, resolve, reject } = queue.shift()!;
    running = key;
    isFree = false;
    try {
      const skipped = skip?.() ?? null;
      resolve(skipped ?? (await begin().run(task(), { signal: AbortSignal.timeout(deadlineMs) })));
    } catch (error) {
      reject(isThreadFault(error) ? new ThreadFault(describe(error), { cause: error }) : error);
    }
    running = undefined;
    // Whoever has the result is done with it before the next is asked whether to skip.
    setImmediate(() => {
      isFree = true;
      // Behind those that have come meanwhile.
      queues.delete(key);
      if (queue.length > 0) queues.set(key, queue);
      void runNext();
    });
  }

  return {
    run(key, task, skip) {
      if (closed) return Promise.reject(new ThreadFault("the process is ending"));
      return new Promise((resolve, reject) => {
        const queue = queues.get(key) ?? [];
        queue.push({ task, skip, resolve, reject });
        queues.set(key, queue);
        void runNext();
      });
    },
    size(key) {
      if (key !== undefined) return (queues.get(key)?.length ?? 0) + (running === key ? 1 : 0);
      const waiting = [...queues.values()].reduce((sum, { length }) => sum + length, 0);
      return waiting + (running === undefined ? 0 : 1);
    },
    async close() {
      closed = true;
      const waiting = [...queues.values()].flat();
      queues.clear();
      for (const { reject } of waiting) reject(new ThreadFault("the process is ending"));
      await pool?.destroy();
    },
  };
}

const describe = (error: unknown) =>
  error instanceof Error && error.name === "AbortError"
    ? "takes too long"
    : "takes too much memory";

/** Of the thread, and not of what ran in it. */
const isThreadFault = (error: unknown) =>
  error instanceof Error &&
  (error.name === "AbortError" ||
    ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") ||
    error.message === "Terminating worker thread");
