import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "../../cli/stack/guarded.ts";
import { portOptions, type PortName, type Ports } from "../../cli/stack/ports.ts";
import { isAlive, type ProcessMark } from "../../cli/stack/processes.ts";

/** `npm start` as a process of its own, as the user sees it. */
export interface LauncherProcess {
  process: ChildProcess;
  /** What it printed so far. */
  output: () => string;
  /** Resolves when it says that all is running; rejects, with its output, if it ends before. */
  running: Promise<void>;
  /** Resolves with its exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals | null>;
}

/** Starts it on `dataDir`; this process's own servers and key are kept from it. `environment`: what it gets besides. */
export function launch(
  dataDir: string,
  args: string[] = [],
  environment: NodeJS.ProcessEnv = {},
): LauncherProcess {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(DATABASE|SMTP|TIDINGS)_|^TEMPORAL_ADDRESS/.test(name),
  );
  const child = spawn(process.execPath, [compiled("cli/start.js"), "--data", dataDir, ...args], {
    env: { ...Object.fromEntries(own), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close").then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null,
  );
  const running = new Promise<void>((resolve, reject) => {
    child.stdout.on("data", () => text.includes("Tidings is running") && resolve());
    void ended.then((code) => reject(new Error(`ended with ${code}: ${text}`)));
  });
  running.catch(() => {});
  return { process: child, output: () => text, running, ended };
}

/** Options that give a launcher ports of its own: its defaults are those of any other that starts at the same time. */
export const portFlags = (ports: Ports): string[] =>
  Object.entries(portOptions).flatMap(([name, { flag }]) => [
    flag,
    String(ports[name as PortName]),
  ]);

/** The processes of the stack in `dataDir`, guards included, as it noted them itself. */
export function readRecordedProcesses(dataDir: string): ProcessMark[] {
  return JSON.parse(readFileSync(join(dataDir, "processes.json"), "utf8")) as ProcessMark[];
}

export function findRunningPids(processes: ProcessMark[]): number[] {
  return processes.filter(isAlive).map(({ pid }) => pid);
}
