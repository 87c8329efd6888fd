import { registerSearchAttributes, temporalClient } from "../../config/temporal.ts";
import type { GuardOrder } from "./guard.ts";
import { waitUntil } from "./wait.ts";

/**
 * Settings of the development server that differ from its defaults. Write-ahead logging nearly doubles the throughput of a server with a database
 * file, and loses nothing when the process is killed. By default, queues are polled 20 times a second, which adds 50 ms to every
 * hop. One partition per task queue suits one machine. Fairness between campaigns is off by default.
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
  /** The path from `temporalCli`. */
  program: string;
  port: number;
  /** Null for a server without the UI. */
  uiPort: number | null;
  /** Null for a database in memory, which is lost when the server stops. */
  databasePath: string | null;
  /** Further dynamic configuration of the server, as `key=value`. */
  dynamicConfig?: readonly string[];
}

/** The order with which a guard runs a development server. */
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

/** Resolves when the server at `address` answers for its default namespace and has the search attributes of Tidings. */
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
