// The guard of one external server (PostgreSQL, Temporal): it stops the server cleanly when the launcher ends, however that
// happens. It runs in its own process group, so that a Ctrl-C for the launcher does not reach it.
import { spawn } from "node:child_process";

/** The first message from the launcher. */
export interface GuardOrder {
  program: string;
  args: string[];
  /** The user that runs the server; null for the user of the launcher. */
  user: { uid: number; gid: number } | null;
  stopSignal: "SIGINT" | "SIGTERM";
  /** The time that the server has to stop before it is killed. */
  graceMs: number;
}

/** The answer of the guard: the process id of the server, or why it did not start. */
export type GuardReport = { pid: number } | { error: string };

// Files of the server are readable by their owner only.
process.umask(0o077);

process.once("message", (order: GuardOrder) => {
  const server = spawn(order.program, order.args, {
    stdio: ["ignore", "inherit", "inherit"],
    ...order.user,
  });
  server.once("error", (error) => report({ error: error.message }, () => process.exit(1)));
  if (server.pid !== undefined) report({ pid: server.pid });
  server.once("exit", (code) => process.exit(code ?? 1));

  const stop = () => {
    server.kill(order.stopSignal);
    setTimeout(() => server.kill("SIGKILL"), order.graceMs).unref();
  };
  process.once("disconnect", stop);
  process.once("SIGTERM", stop);
});

function report(message: GuardReport, done: () => void = () => {}): void {
  process.send?.(message, done);
}
