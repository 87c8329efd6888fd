import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "../../cli/stack/guarded.ts";
import { portOptions, type PortName, type Ports } from "../../cli/stack/ports.ts";
import { isAlive, type ProcessMark } from "../../cli/stack/processes.ts";

/** `npm start` as a separate process. */
export interface LauncherProcess {
  process: ChildProcess;
  /** Returns its output so far. */
  output: () => string;
  /** Resolves when the launcher reports that everything is running; rejects with its output if it ends before. */
  running: Promise<void>;
  /** Resolves with its exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals | null>;
}

/** Starts it on `dataDir`, without this process's own servers and key, and with `environment` in addition. */
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

/** Returns options that give a launcher its own ports. Its default ports may be used by another one that starts at the same time. */
export const portFlags = (ports: Ports): string[] =>
  Object.entries(portOptions).flatMap(([name, { flag }]) => [
    flag,
    String(ports[name as PortName]),
  ]);

/** Reads the processes of the stack in `dataDir`, including guards, that the launcher recorded. */
export function readRecordedProcesses(dataDir: string): ProcessMark[] {
  return JSON.parse(readFileSync(join(dataDir, "processes.json"), "utf8")) as ProcessMark[];
}

export function findRunningPids(processes: ProcessMark[]): number[] {
  return processes.filter(isAlive).map(({ pid }) => pid);
}
