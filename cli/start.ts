// npm start: the whole of Tidings on this machine, its data in a folder.
import { writeSync } from "node:fs";
import { Command, Option } from "commander";
import { ConfigurationError } from "../config/environment.ts";
import {
  defaultPorts,
  PortInUseError,
  portOptions,
  type PortName,
  type Ports,
} from "./stack/ports.ts";
import { MissingError } from "./stack/missing.ts";
import { FolderInUseError } from "./stack/processes.ts";
import { FolderUnusableError } from "./stack/kept-files.ts";
import { StartError } from "./stack/members.ts";
import { startStack, type Stack } from "./stack/stack.ts";
import { wholeNumber } from "./whole-number.ts";

const program = new Command("start")
  .description(
    "Run PostgreSQL, Temporal, a local mailbox, the API and workers on this machine until Ctrl-C",
  )
  .addOption(
    new Option("--data <folder>", "where everything is kept")
      .env("TIDINGS_DATA")
      .default(".tidings"),
  )
  .addOption(
    new Option("--workers <count>", "worker processes").argParser(wholeNumber(1, 64)).default(1),
  );
for (const [name, { flag, variable, what }] of Object.entries(portOptions)) {
  const preset = `${defaultPorts[name as PortName]}, or the next that is free`;
  program.addOption(
    new Option(`${flag} <port>`, `port of ${what} (default: ${preset})`)
      .env(variable)
      .argParser(wholeNumber(1, 65_535)),
  );
}
program.parse();

const { data, workers, ...flags } = program.opts<
  { data: string; workers: number } & Record<string, number | undefined>
>();
const ports: Partial<Ports> = Object.fromEntries(
  Object.entries(portOptions)
    .map(([name, { flag }]) => [name, flags[camelCase(flag)]])
    .filter(([, port]) => port !== undefined),
);

// What it makes in the data folder is for its owner's eyes only.
process.umask(0o077);

let stack: Stack | null = null;
let stopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => void stop());

try {
  stack = await startStack({
    dataDir: data,
    workers,
    ports,
    environment: process.env,
    say,
  });
  print(stack);
} catch (error) {
  say(plainly(error), 2);
  process.exit(1);
}

/** Tells it to whoever looks. Where nobody can be told, as on a disk that is full, that is no reason to end. */
function say(line: string, stream: 1 | 2 = 1): void {
  try {
    writeSync(stream, `${line}\n`);
  } catch {}
}

/** In words where it is known what happened, or where the machine or PostgreSQL says so (with a code); otherwise with where it happened. */
function plainly(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = [
    ConfigurationError,
    FolderInUseError,
    FolderUnusableError,
    MissingError,
    PortInUseError,
    StartError,
  ].some((kind) => error instanceof kind);
  if (known) return error.message;
  if ("code" in error) return `Tidings cannot start on ${data}: ${error.message}`;
  return error.stack ?? error.message;
}

/** The first time, everything is drained; before the stack stands, or the second time, it is only ended. */
async function stop(): Promise<void> {
  if (stopping || !stack) {
    stack?.abandon();
    process.exit(130);
  }
  stopping = true;
  say("\nStopping: what is being sent is finished first. Ctrl-C again ends it at once.");
  await stack.stop();
  process.exit(0);
}

function print({ urls, databaseUrl, temporalAddress, smtpUrl, apiKey, apiKeyIsNew }: Stack): void {
  const rows: [string, string | null][] = [
    ["API", urls.api],
    ["Temporal UI", urls.temporalUi],
    ["Mailbox", urls.mailbox],
    ["Temporal", temporalAddress],
    ["PostgreSQL", withoutPassword(databaseUrl)],
    ["SMTP", smtpUrl.split(/\s+/).map(withoutPassword).join(" ")],
    ["Data", data],
    ["API key", apiKeyIsNew ? `${apiKey}  (shown once; kept in ${data}/api-key)` : null],
  ];
  const lines = rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `  ${name.padEnd(12)}${value}`);
  say(["", "Tidings is running. Ctrl-C stops it.", "", ...lines, ""].join("\n"));
}

function withoutPassword(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function camelCase(flag: string): string {
  return flag
    .replace(/^--/, "")
    .replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
