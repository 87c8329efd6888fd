import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { compiled } from "./guarded.ts";
import type { StartTerms } from "./members.ts";
import { whenReady, type Running } from "./supervised.ts";

export interface NodeProcessOptions {
  /** The path of the program from the root of the compiled code. */
  program: string;
  args?: string[];
  environment: NodeJS.ProcessEnv;
  terms: StartTerms;
  /** Resolves when the process is ready. Without this function, the process sends `{ ready: true }` over IPC. */
  ready?: (signal: AbortSignal) => Promise<void>;
  readyTimeoutMs: number;
  /** The time that the process has to end after SIGTERM before it is killed. */
  graceMs: number;
}

const leash = pathToFileURL(compiled("cli/stack/leash.js")).href;

/**
 * Starts a program of Tidings in its own process group, so that a Ctrl-C for the launcher does not reach it. It ends by itself when
 * the IPC channel closes because the launcher has ended (see leash.ts).
 */
export async function startNodeProcess(options: NodeProcessOptions): Promise<Running> {
  const { program, args = [], environment, readyTimeoutMs, graceMs } = options;
  const { log, born } = options.terms;
  const child = fork(compiled(program), args, {
    detached: true,
    // The same as in `npm run worker`: with thousands of messages per second, objects live longer than the default young generation allows.
    execArgv: ["--max-semi-space-size=16", "--enable-source-maps", "--import", leash],
    // As the image has it: the threads of Node and of Temporal's core share two arenas, which saves about 20 MB a process.
    env: { MALLOC_ARENA_MAX: "2", ...environment },
    stdio: ["ignore", log, log, "ipc"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    const late = new AbortController();
    const gone = exited.then(() => late.abort());
    await sleep(graceMs, undefined, { signal: late.signal }).then(
      () => child.kill("SIGKILL"),
      () => {},
    );
    await gone;
  };
  const { ready } = options;
  const running = { pid: child.pid!, exited, stop };
  born(running);
  return whenReady(running, (signal) =>
    ready ? ready(signal) : saysReady(child, signal, readyTimeoutMs),
  );
}

async function saysReady(
  child: ReturnType<typeof fork>,
  over: AbortSignal,
  timeoutMs: number,
): Promise<void> {
  const signal = AbortSignal.any([over, AbortSignal.timeout(timeoutMs)]);
  for (;;) {
    const [message] = (await once(child, "message", { signal })) as [unknown];
    if (typeof message === "object" && message !== null && "ready" in message) return;
  }
}
