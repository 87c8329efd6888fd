// Starts the external servers of a stack and the mailbox on the files in the data folder, and recovers from files that are missing or broken.
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readSync,
  renameSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startGuarded } from "./guarded.ts";
import { moveAside } from "./kept-files.ts";
import type { FailedStart, Members } from "./members.ts";
import { startNodeProcess } from "./node-process.ts";
import type { Ports } from "./ports.ts";
import { clearLock, hasLeftovers } from "./postgres-lock.ts";
import {
  createDatabase,
  databaseUrl,
  openCluster,
  postgresOrder,
  resetPassword,
  waitForPostgres,
  WrongPasswordError,
} from "./postgres.ts";
import { whenReady } from "./supervised.ts";
import { temporalOrder, waitForTemporal } from "./temporal.ts";

/** Recovering a database after a crash may take a while. */
export const startTimeoutMs = 120_000;
/** How long to wait for processes of an earlier stack that are about to end. */
const leftoverMs = 30_000;
const againMs = 250;

/** The context in which a stack's servers are started. */
export interface Site {
  dataDir: string;
  members: Members;
  say: (line: string) => void;
}

/** Starts PostgreSQL. Resolves with the URL of Tidings' database once the server is ready. */
export async function runPostgres({ dataDir, members, say }: Site, port: number): Promise<string> {
  const paths = {
    folder: join(dataDir, "postgres"),
    passwordPath: join(dataDir, "postgres-password"),
  };
  const opened = openCluster(paths);
  let { cluster, lacksPassword } = opened;
  let isReset = false;
  const maintenance = () => databaseUrl(cluster, port, "postgres");
  await members.supervise(
    "postgres",
    async ({ log, born }) => {
      await clearLock(paths.folder, leftoverMs);
      if (lacksPassword) {
        cluster = resetPassword(paths);
        [lacksPassword, isReset] = [false, true];
        say(`${paths.passwordPath} was missing, empty or wrong: PostgreSQL has a new password`);
      }
      const server = await startGuarded(postgresOrder(cluster, port, { durable: true }), log);
      born(server);
      return whenReady(server, (signal) => waitForPostgres(maintenance(), startTimeoutMs, signal));
    },
    async ({ error, output, sinceMs }) => {
      if (error instanceof WrongPasswordError && !isReset) return (lacksPassword = true);
      return hasLeftovers(output) && (await isWorthWaiting(sinceMs));
    },
  );
  await createDatabase(maintenance(), "tidings");
  return databaseUrl(cluster, port, "tidings");
}

/** Starts Temporal. Resolves with its address once the server is ready. */
export async function runTemporal(
  { dataDir, members, say }: Site,
  program: string,
  ports: Ports,
): Promise<string> {
  const databasePath = join(dataDir, "temporal.db");
  const address = `127.0.0.1:${ports.temporal}`;
  const order = temporalOrder({
    program,
    port: ports.temporal,
    uiPort: ports.temporalUi,
    databasePath,
  });
  const discard = () => {
    const aside = moveAside(databasePath);
    for (const companion of ["-wal", "-shm"])
      try {
        renameSync(`${databasePath}${companion}`, `${aside}${companion}`);
      } catch {}
    say(
      `${databasePath} could not be used, and is now ${aside}. Nothing is lost: all deliveries are in PostgreSQL, and sending continues within a minute`,
    );
  };
  let isDiscarded = false;
  const fix = async ({ output, sinceMs }: FailedStart): Promise<boolean> => {
    if (/malformed|not a database|unable to open database file|no such table/.test(output)) {
      if (isDiscarded) return false;
      discard();
      return (isDiscarded = true);
    }
    return /database is locked|address already in use/.test(output) && isWorthWaiting(sinceMs);
  };
  await members.supervise(
    "temporal",
    async ({ log, born }) => {
      if (!isSqlite(databasePath)) discard();
      const server = await startGuarded(order, log);
      born(server);
      return whenReady(server, (signal) => waitForTemporal(address, startTimeoutMs, signal));
    },
    fix,
  );
  return address;
}

/** Whether the path is a database of SQLite, or does not exist. */
function isSqlite(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return true;
  if (!stats.isFile()) return false;
  if (stats.size === 0) return true;
  try {
    const file = openSync(path, "r+");
    try {
      const head = Buffer.alloc(16);
      readSync(file, head, 0, head.length, 0);
      return head.toString("latin1") === "SQLite format 3\0";
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/** Starts the mailbox. Resolves with its SMTP URL and its log once it is ready. */
export async function runMailbox(
  { dataDir, members, say }: Site,
  ports: Ports,
): Promise<{ url: string; log: string }> {
  const log = join(dataDir, "mailbox.jsonl");
  if (!mayAppendTo(log)) say(`${log} could not be written to, and is now ${moveAside(log)}`);
  const flags = { "smtp-port": ports.smtp, "http-port": ports.mailbox, log };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  await members.supervise("mailbox", (terms) =>
    startNodeProcess({
      program: "cli/stack/mailbox.js",
      args,
      environment: {},
      terms,
      readyTimeoutMs: startTimeoutMs,
      graceMs: 5_000,
    }),
  );
  return { url: `smtp://127.0.0.1:${ports.smtp}?name=mailbox`, log };
}

function mayAppendTo(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return true;
  try {
    accessSync(path, constants.W_OK);
    return stats.isFile();
  } catch {
    return false;
  }
}

/** Waits for a moment before another attempt. False if the attempts have taken too long. */
async function isWorthWaiting(sinceMs: number): Promise<boolean> {
  if (sinceMs > leftoverMs) return false;
  await sleep(againMs);
  return true;
}
