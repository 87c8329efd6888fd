// The servers of a stack that are not our own programs, and the mailbox: how each is started on what is in the data folder, and what is
// done where that is not as it was left.
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
import { clearLock, saysNotYet } from "./postgres-lock.ts";
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
/** What an earlier stack left, and is about to end, is waited for. */
const leftoverMs = 30_000;
const againMs = 250;

/** Where a stack's servers are started. */
export interface Site {
  dataDir: string;
  members: Members;
  say: (line: string) => void;
}

/** Resolves with the address of Tidings' database once PostgreSQL serves. */
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
    async ({ error, said, sinceMs }) => {
      if (error instanceof WrongPasswordError && !isReset) return (lacksPassword = true);
      return saysNotYet(said) && (await isWorthWaiting(sinceMs));
    },
  );
  await createDatabase(maintenance(), "tidings");
  return databaseUrl(cluster, port, "tidings");
}

/** Resolves with Temporal's address once it serves. */
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
      `${databasePath} could not be used, and is now ${aside}. Nothing is lost: what is owed stands in PostgreSQL, and goes on within a minute`,
    );
  };
  let isDiscarded = false;
  const mend = async ({ said, sinceMs }: FailedStart): Promise<boolean> => {
    if (/malformed|not a database|unable to open database file|no such table/.test(said)) {
      if (isDiscarded) return false;
      discard();
      return (isDiscarded = true);
    }
    return /database is locked|address already in use/.test(said) && isWorthWaiting(sinceMs);
  };
  await members.supervise(
    "temporal",
    async ({ log, born }) => {
      if (!isSqlite(databasePath)) discard();
      const server = await startGuarded(order, log);
      born(server);
      return whenReady(server, (signal) => waitForTemporal(address, startTimeoutMs, signal));
    },
    mend,
  );
  return address;
}

/** Is there a database of SQLite, or nothing that stands in the way of one? */
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

/** Resolves with where the mailbox takes messages, and its log, once it serves. */
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

/** Waits for a moment, unless it has been tried for long enough. */
async function isWorthWaiting(sinceMs: number): Promise<boolean> {
  if (sinceMs > leftoverMs) return false;
  await sleep(againMs);
  return true;
}
