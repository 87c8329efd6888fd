// The files of a data folder: writes are atomic, reads report a broken file, and only the owner can read them.
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** The data folder is not writable, or a file in it is needed and cannot be used. The message names the remedy. */
export class FolderUnusableError extends Error {
  override name = "FolderUnusableError";
}

/** Writes a temporary file and renames it: after a crash there is either the old or the new file, never a part. */
export function writeKept(path: string, text: string): void {
  const draft = `${path}.draft`;
  rmSync(draft, { recursive: true, force: true });
  const file = openSync(draft, "wx", 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Reads a file and trims it; null where it is missing or empty. Throws a `FolderUnusableError` where it cannot be read. */
export function readKept(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new FolderUnusableError(
      `${path} cannot be read (${message}): make it readable for the user who runs Tidings, or move it away`,
    );
  }
}

/** Renames a file or folder that is in the way, and returns its new path. */
export function moveAside(path: string): string {
  const aside = `${path}.unusable-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
  renameSync(path, aside);
  return aside;
}

/** The names of a stack's own files and folders. */
const ownNames =
  /^(postgres|postgres\.draft|postgres-password|logs|api-key|token-secret|sealing-keys|vapid-private-key|(launcher|processes)\.json|mailbox\.jsonl|temporal\.db)/;

/**
 * Removes other users' rights to the files of a stack: earlier versions left them readable. The folder itself is restricted only if it contains
 * nothing else, because other users may have to enter it.
 * @param guest the group that may enter the folder, but not list it; null for none
 */
export function makePrivate(folder: string, guest: { gid: number } | null): void {
  const names = readdirSync(folder);
  const own = names.filter((name) => ownNames.test(name));
  if (own.length === names.length) {
    if (guest) giveToGroup(folder, guest.gid);
    restrict(folder, guest ? 0o710 : 0o700);
  }
  for (const name of own) {
    const path = join(folder, name);
    // PostgreSQL's files belong to another user, and PostgreSQL restricts them itself.
    if (name.startsWith("postgres") && name !== "postgres-password") continue;
    if (!lstatSync(path).isDirectory()) restrict(path, 0o600);
    else {
      restrict(path, 0o700);
      for (const file of readdirSync(path)) restrict(join(path, file), 0o600);
    }
  }
}

function giveToGroup(path: string, gid: number): void {
  const { uid, gid: current } = lstatSync(path);
  if (current !== gid) chownSync(path, uid, gid);
}

/** Sets the mode of a file; without the right to do so, the mode stays unchanged. */
function restrict(path: string, mode: number): void {
  try {
    const stats = lstatSync(path);
    if (!stats.isSymbolicLink() && (stats.mode & 0o777) !== mode) chmodSync(path, mode);
  } catch {}
}
