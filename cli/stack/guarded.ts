import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";
import type { GuardOrder, GuardReport } from "./guard.ts";
import { isAlive, markOf, type ProcessMark } from "./processes.ts";
import { sendSignal, type Running } from "./supervised.ts";
import { waitUntil } from "./wait.ts";

/**
 * Starts `order.program` under a guard (see guard.ts), with its output in the open file `log`. Resolves when the process exists, before it
 * is ready; rejects if it cannot be started.
 */
export async function startGuarded(
  order: GuardOrder,
  log: number,
): Promise<Running & { guardPid: number }> {
  const guard = fork(compiled("cli/stack/guard.js"), [], {
    detached: true,
    execArgv: [],
    stdio: ["ignore", log, log, "ipc"],
  });
  const guardExited = new Promise<void>((resolve) => guard.once("exit", () => resolve()));
  const report = await orderOf(guard, order);
  if ("error" in report) throw new Error(`cannot start ${order.program}: ${report.error}`);
  const mark = markOf(report.pid);
  const exited = guardExited.then(() => (mark ? endOrphan(mark, order) : undefined));
  return {
    pid: report.pid,
    guardPid: guard.pid!,
    exited,
    stop() {
      if (guard.connected) guard.disconnect();
      return exited;
    },
  };
}

/** Stops a server whose guard was killed. */
async function endOrphan(mark: ProcessMark, order: GuardOrder): Promise<void> {
  for (const signal of [order.stopSignal, "SIGKILL"] as const) {
    if (!isAlive(mark)) return;
    sendSignal(mark.pid, signal);
    await waitUntil(`process ${mark.pid} to end`, order.graceMs, () => !isAlive(mark)).catch(
      () => {},
    );
  }
}

/** The path of a compiled program: child processes always run compiled code, even if this process runs the sources. */
export function compiled(path: string): string {
  return join(packageRoot, "dist", path);
}

function orderOf(guard: ChildProcess, order: GuardOrder): Promise<GuardReport> {
  return new Promise((resolve) => {
    guard.once("message", (report: GuardReport) => resolve(report));
    guard.once("error", (error) => resolve({ error: error.message }));
    guard.once("exit", (code) =>
      resolve({ error: `its guard ended with exit code ${code}; has "npm run build" been run?` }),
    );
    guard.send(order, () => {});
  });
}
