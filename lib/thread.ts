import { Piscina } from "piscina";

/** A task was not completed because the thread exceeded its time or its memory. The same task may succeed another time. */
export class ThreadFault extends Error {
  override name = "ThreadFault";
}

/** A worker thread for tasks that would block the main thread. */
export interface Thread<Task, Result> {
  /**
   * Runs a task after the earlier ones with the same key. Keys take turns, one task each, so that no key waits for all tasks of another. If
   * `skip` does not return null when the turn comes, that is the result, and the task does not run.
   */
  run(key: string, task: () => Task, skip?: () => Result | null): Promise<Result>;
  /** The number of waiting and running tasks, of all keys or of one. */
  size(key?: string): number;
  /** Ends the thread; waiting and running tasks are rejected. */
  close(): Promise<void>;
}

interface Waiting<Task, Result> {
  task: () => Task;
  skip: (() => Result | null) | undefined;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/** The time after which an unused thread ends. */
const idleMs = 60_000;

export function createThread<Task, Result>({
  file,
  deadlineMs,
  memoryMb,
}: {
  /** The URL of a module whose default export runs a task. */
  file: string;
  /** The time limit of a task. A task that takes longer is rejected and its thread ends; the next task starts a new thread. */
  deadlineMs: number;
  memoryMb: number;
}): Thread<Task, Result> {
  let pool: Piscina<Task, Result> | undefined;
  let closed = false;
  /** The key of the running task. */
  let running: string | undefined;
  let isFree = true;
  /** The waiting tasks by key; the first key has the next turn. */
  const queues = new Map<string, Waiting<Task, Result>[]>();

  /** The thread starts with the first task. */
  function begin(): Piscina<Task, Result> {
    if (pool) return pool;
    pool = new Piscina<Task, Result>({
      filename: file,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: idleMs,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    // A thread that ends without a task is not an error; one with a task rejects the task.
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
    // The caller processes the result before `skip` of the next task is called.
    setImmediate(() => {
      isFree = true;
      // The key goes behind the keys that have arrived meanwhile.
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

/** Whether an error is of the thread, and not of the task. */
const isThreadFault = (error: unknown) =>
  error instanceof Error &&
  (error.name === "AbortError" ||
    ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") ||
    error.message === "Terminating worker thread");
