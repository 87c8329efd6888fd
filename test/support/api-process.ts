import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";
import { apiKey, tokenSecret } from "../api/harness.ts";

export interface ApiProcess {
  child: ChildProcess;
  /** Resolves with its exit code and its complete output. */
  exited: Promise<{ code: number | null; output: () => string }>;
  /** Resolves with its address once it listens. */
  ready: Promise<string>;
}

/** Starts the built API as a separate process, without Temporal. */
export function startApiProcess(
  databaseUrl: string,
  environment: Record<string, string> = {},
): ApiProcess {
  const child = fork(join(packageRoot, "dist/api/main.js"), {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      TIDINGS_API_KEY: apiKey,
      TOKEN_SECRET: tokenSecret,
      API_PORT: "0",
      TEMPORAL_ADDRESS: "127.0.0.1:1",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, "exit").then(([code]) => ({
    code: code as number | null,
    output: () => output,
  }));
  const ready = once(child, "message").then(
    ([message]) => `http://127.0.0.1:${(message as { port: number }).port}`,
  );
  return { child, exited, ready };
}
