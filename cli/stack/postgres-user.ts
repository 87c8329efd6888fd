import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { inPath } from "./binaries.ts";
import { MissingError } from "./missing.ts";

/** Whom PostgreSQL runs as: it refuses to run as root. */
export interface PostgresUser {
  uid: number;
  gid: number;
}

/**
 * Null where this process is an ordinary user's. As root, the user `postgres`, made if the system has none. A `MissingError` if it
 * cannot be made.
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

/** Whom `postgresUser` would give; nobody is made. Throws as that does. */
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
  "make it, or run this as an ordinary user",
] as const;

function lookUp(): PostgresUser | null {
  const entry = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  return entry ? { uid: Number(entry[1]), gid: Number(entry[2]) } : null;
}

/**
 * How to run `program` as `user`, who may lack the right to enter a folder on the way to it or to its data (/root is
 * closed on most systems). Then `setpriv` lends it the one capability to read past that; nothing on disk is changed.
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
      // access(2), by which initdb looks for its programs, would leave the capability out of account.
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
