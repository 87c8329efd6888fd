import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { inPath } from "./binaries.ts";
import { MissingError } from "./missing.ts";

/** The user that runs PostgreSQL, which refuses to run as root. */
export interface PostgresUser {
  uid: number;
  gid: number;
}

/**
 * Null where this process runs as an ordinary user. As root, the user `postgres`, which is created if the system has none. Throws a
 * `MissingError` if it cannot be created.
 */
export function postgresUser(): PostgresUser | null {
  const found = findPostgresUser(process.env);
  if (found !== "to be made") return found;
  try {
    execFileSync(
      "useradd",
      ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "postgres"],
      { stdio: "pipe" },
    );
  } catch (error) {
    throw new MissingError(...noUser, { cause: error });
  }
  return lookUp()!;
}

/** The user that `postgresUser` returns, without creating it. Throws a `MissingError` if it cannot be created. */
export function findPostgresUser(
  environment: NodeJS.ProcessEnv,
): PostgresUser | null | "to be made" {
  if (process.getuid?.() !== 0) return null;
  const known = lookUp();
  if (known) return known;
  if (!inPath("useradd", environment)) throw new MissingError(...noUser);
  return "to be made";
}

const noUser = [
  'PostgreSQL does not run as root, and the user "postgres" is not there and cannot be made',
  "create it, or run this as an ordinary user",
] as const;

function lookUp(): PostgresUser | null {
  const entry = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  return entry ? { uid: Number(entry[1]), gid: Number(entry[2]) } : null;
}

/**
 * The command that runs `program` as `user`. The user may not have the right to enter a parent folder of the program or its data, such as
 * /root. In that case `setpriv` grants the one capability that allows it; nothing on disk is changed.
 */
export function asUser(
  user: PostgresUser | null,
  program: string,
  args: string[],
  paths: string[],
): { program: string; args: string[]; user: PostgresUser | null } {
  const closed =
    user &&
    [program, ...paths].map((path) => closedAncestor(path, user)).find((folder) => folder !== null);
  if (!user || !closed) return { program, args, user };
  try {
    execFileSync("setpriv", ["--version"], { stdio: "pipe" });
  } catch (error) {
    throw new MissingError(
      `PostgreSQL does not run as root but as the user "postgres", who may not enter ${closed}`,
      `run "chmod o+x ${closed}", move the folder, or run this as an ordinary user`,
      { cause: error },
    );
  }
  const capability = "+dac_read_search";
  return {
    program: "setpriv",
    args: [
      `--reuid=${user.uid}`,
      `--regid=${user.gid}`,
      "--clear-groups",
      `--inh-caps=${capability}`,
      `--ambient-caps=${capability}`,
      // Without this bit, access(2), with which initdb finds its programs, ignores the capability.
      "--securebits=+no_setuid_fixup",
      program,
      ...args,
    ],
    user: null,
  };
}

function closedAncestor(path: string, user: PostgresUser): string | null {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { uid, gid, mode } = statSync(folder);
    const mayEnter = mode & (uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001);
    if (!mayEnter) return folder;
    if (folder === dirname(folder)) return null;
  }
}
