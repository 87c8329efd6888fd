// npm start: runs all of Tidings on this machine, with its data in one folder.
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
    new Option("--data <folder>", "the folder in which all data is kept")
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

// Files in the data folder are readable by their owner only.
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

/** Prints a line. If it cannot be written, for example on a full disk, the process continues. */
function say(line: string, stream: 1 | 2 = 1): void {
  try {
    writeSync(stream, `${line}\n`);
  } catch {}
}

/** The message of a known error, or of an error with a code (from the system or PostgreSQL); otherwise the stack. */
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

/** The first signal drains and stops everything. A second signal, or one before the stack has started, ends it at once. */
async function stop(): Promise<void> {
  if (stopping || !stack) {
    stack?.abandon();
    process.exit(130);
  }
  stopping = true;
  say(
    "\nStopping: messages that are being sent are finished first. Press Ctrl-C again to stop at once.",
  );
  await stack.stop();
  process.exit(0);
}

function print(stack: Stack): void {
  const { urls, consoleLink, databaseUrl, temporalAddress, smtpServers, apiKey, apiKeyIsNew } =
    stack;
  const rows: [string, string | null][] = [
    [
      "Console",
      consoleLink.includes("#")
        ? `${consoleLink}  (signs in once, within 10 minutes)`
        : consoleLink,
    ],
    ["API", urls.api],
    ["Temporal UI", urls.temporalUi],
    ["Mailbox", urls.mailbox],
    ["Temporal", temporalAddress],
    ["PostgreSQL", withoutPassword(databaseUrl)],
    ["SMTP", smtpServers.join(" ")],
    ["Data", data],
    ["API key", apiKeyIsNew ? `${apiKey}  (shown once; kept in ${data}/api-key)` : null],
  ];
  const lines = rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `  ${name.padEnd(12)}${value}`);
  say(["", "Tidings is running. Press Ctrl-C to stop it.", "", ...lines, ""].join("\n"));
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
