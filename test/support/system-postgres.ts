import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chownSync, constants, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "../../cli/stack/ports.ts";
import { waitForPostgres } from "../../cli/stack/postgres.ts";
import { postgresUser } from "../../cli/stack/postgres-user.ts";
import { waitMs } from "./patience.ts";

const programs = ["postgres", "initdb", "psql", "pg_dump", "pg_restore", "createdb"];

/** Folder of Debian's PostgreSQL versions. */
const debian = "/usr/lib/postgresql";

/**
 * The folder of a PostgreSQL on this machine with server and client programs of one version, or null. The npm package
 * has no client programs, and those of another version cannot dump its databases.
 */
export const systemPostgres = ((): string | null => {
  const versions = folders(debian).sort((one, other) => Number(other) - Number(one));
  const candidates = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env["PATH"] ?? "").split(delimiter),
  ];
  return candidates.find((folder) => programs.every((name) => isThere(join(folder, name)))) ?? null;
})();

if (systemPostgres === null)
  process.stderr.write(
    "Without a PostgreSQL on this machine (Debian: apt-get install postgresql) some tests of dumps and roles are skipped.\n",
  );

/** `PATH` with these programs first. */
export const pathWithPostgres = [systemPostgres, process.env["PATH"]]
  .filter(Boolean)
  .join(delimiter);

/** Starts a separate server with an empty database `tidings`; its data is removed when it stops. */
export async function startSystemPostgres(): Promise<{ url: string; stop(): Promise<void> }> {
  const bin = systemPostgres!;
  const root = mkdtempSync(join(tmpdir(), "tidings-system-postgres-"));
  const user = postgresUser();
  if (user) chownSync(root, user.uid, user.gid);
  const data = join(root, "data");
  const as = { cwd: "/", stdio: "pipe" as const, ...user };
  execFileSync(
    join(bin, "initdb"),
    ["-D", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"],
    as,
  );
  const port = await freePort();
  const server = spawn(
    join(bin, "postgres"),
    [
      "-D",
      data,
      "-p",
      String(port),
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      "-c",
      "fsync=off",
    ],
    { ...as, stdio: "ignore" },
  );
  const ended = once(server, "exit");
  const stop = async () => {
    server.kill("SIGINT");
    await ended;
    rmSync(root, { recursive: true, force: true });
  };
  try {
    const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
    await waitForPostgres(url, waitMs, new AbortController().signal);
    execFileSync(join(bin, "createdb"), [`--maintenance-db=${url}`, "tidings"], { stdio: "pipe" });
    return { url: url.replace(/postgres$/, "tidings"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function folders(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
