import { registerSearchAttributes, temporalClient } from "../../config/temporal.ts";
import type { GuardOrder } from "./guard.ts";
import { waitUntil } from "./wait.ts";

/**
 * What the development server is told beyond its presets. Write-ahead logging nearly doubles a server with a database
 * file, and loses nothing when the process is killed. Its queues poll 20 times a second by default, which puts 50 ms before
 * every hop. One partition a task queue suits one machine. Fairness between campaigns is off by default.
 */
const pragmas = ["journal_mode=WAL", "synchronous=1"];
const dynamicConfig = [
  "matching.enableFairness=true",
  "history.transferProcessorMaxPollRPS=1000",
  "history.timerProcessorMaxPollRPS=1000",
  "history.visibilityProcessorMaxPollRPS=1000",
  "matching.numTaskqueueReadPartitions=1",
  "matching.numTaskqueueWritePartitions=1",
];

export interface TemporalServerOptions {
  /** From `temporalCli`. */
  program: string;
  port: number;
  /** Null: without the UI. */
  uiPort: number | null;
  /** Null: in memory, gone when it stops. */
  databasePath: string | null;
  /** More of the server's dynamic configuration, as `key=value`. */
  dynamicConfig?: readonly string[];
}

/** What a guard is told to run a development server. */
export function temporalOrder({
  program,
  port,
  uiPort,
  databasePath,
  dynamicConfig: more = [],
}: TemporalServerOptions): GuardOrder {
  const args = [
    "server",
    "start-dev",
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--log-level",
    "warn",
    "--log-format",
    "json",
  ];
  args.push(...(uiPort === null ? ["--headless"] : ["--ui-port", String(uiPort)]));
  if (databasePath !== null)
    args.push(
      "--db-filename",
      databasePath,
      ...pragmas.flatMap((pragma) => ["--sqlite-pragma", pragma]),
    );
  args.push(...[...dynamicConfig, ...more].flatMap((value) => ["--dynamic-config-value", value]));
  return { program, args, user: null, stopSignal: "SIGTERM", graceMs: 15_000 };
}

/** Resolves when the server at `address` answers for its default namespace and knows our search attributes. */
export async function waitForTemporal(
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const client = temporalClient({ connectionOptions: { address }, namespace: "default" });
  try {
    const ask = () =>
      client.connection
        .withDeadline(Date.now() + 5_000, () => registerSearchAttributes(client))
        .then(() => true);
    await waitUntil("Temporal to answer", timeoutMs, ask, signal);
  } finally {
    await client.connection.close();
  }
}
