// Stands between a launcher and one foreign server (PostgreSQL, Temporal): when the launcher goes, in whatever way, so
// does the server, cleanly. It runs in a process group of its own, where a Ctrl-C meant for the launcher does not reach.
import { spawn } from "node:child_process";

/** What the launcher sends first. */
export interface GuardOrder {
  program: string;
  args: string[];
  /** Whom to run it as; null for whoever runs the launcher. */
  user: { uid: number; gid: number } | null;
  stopSignal: "SIGINT" | "SIGTERM";
  /** How long the server may take to stop before it is killed. */
  graceMs: number;
}

/** What the guard answers: the server's own process id, or why there is none. */
export type GuardReport = { pid: number } | { error: string };

// What the server makes is for its owner's eyes only.
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
