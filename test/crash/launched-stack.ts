import { readFileSync } from "node:fs";
import { join } from "node:path";
import { choosePorts } from "../../cli/stack/ports.ts";
import { databaseUrl } from "../../cli/stack/postgres.ts";
import { sendSignal } from "../../cli/stack/supervised.ts";
import { launch, readRecordedProcesses, portFlags } from "../support/launcher.ts";

/** A stack whose launcher is a process of its own, so that it can die as well. */
export interface LaunchedStack {
  urls: { api: string };
  apiKey: string;
  databaseUrl: string;
  dataDir: string;
  /** What its launcher has said. */
  output: () => string;
  /** SIGKILL to the launcher and all its processes, and a start in the next instant. Resolves when all of it serves again. */
  restartAtOnce(): Promise<void>;
  stop(): Promise<void>;
}

export async function launchStack({
  dataDir,
  workers,
  environment,
}: {
  dataDir: string;
  workers: number;
  /** Beside what every stack gets. */
  environment: NodeJS.ProcessEnv;
}): Promise<LaunchedStack> {
  const ports = await choosePorts("any");
  const start = () =>
    launch(dataDir, ["--workers", String(workers), ...portFlags(ports)], environment);
  const read = (name: string) => readFileSync(join(dataDir, name), "utf8").trim();
  let launcher = start();
  await launcher.running;
  return {
    urls: { api: `http://127.0.0.1:${ports.api}` },
    apiKey: read("api-key"),
    databaseUrl: databaseUrl(
      { folder: join(dataDir, "postgres"), password: read("postgres-password") },
      ports.postgres,
      "tidings",
    ),
    dataDir,
    output: () => launcher.output(),
    async restartAtOnce() {
      const pids = readRecordedProcesses(dataDir).map(({ pid }) => pid);
      for (const pid of [launcher.process.pid!, ...pids]) sendSignal(pid, "SIGKILL");
      launcher = start();
      await launcher.running;
    },
    async stop() {
      launcher.process.kill("SIGTERM");
      await launcher.ended;
    },
  };
}
