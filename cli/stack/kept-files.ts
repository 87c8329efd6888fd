// The files of a data folder: written so that they are whole or not there, read so that a broken one is said to be so, and for
// their owner's eyes only.
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

/** Nothing can be kept in the data folder, or something in it is needed and cannot be used. The message says what to do. */
export class FolderUnusableError extends Error {
  override name = "FolderUnusableError";
}

/** Writes the text beside the file and renames it into place: after a crash there is the old file or the new one, never a part. */
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

/** What the file says, without the space around it; null where it is missing or says nothing. Throws a `FolderUnusableError` where it cannot be read. */
export function readKept(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new FolderUnusableError(
      `${path} cannot be read (${message}): make it readable to who runs this, or move it away`,
    );
  }
}

/** Renames what is in the way, and returns its new path. */
export function moveAside(path: string): string {
  const aside = `${path}.unusable-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
  renameSync(path, aside);
  return aside;
}

/** What a stack keeps in its folder, and nobody else. */
const ownNames =
  /^(postgres|postgres\.draft|postgres-password|logs|api-key|token-secret|(launcher|processes)\.json|mailbox\.jsonl|temporal\.db)/;

/**
 * Takes from everybody else the right to read what an earlier version left open. The folder itself is closed if nothing is in it that is
 * somebody else's: it may be one that others have to enter.
 * @param guest who else has to enter it, by group, though not to look around; null: nobody
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
    // PostgreSQL's own files are another user's, and it looks after them.
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

/** What is not ours to restrict stays as it is. */
function restrict(path: string, mode: number): void {
  try {
    const stats = lstatSync(path);
    if (!stats.isSymbolicLink() && (stats.mode & 0o777) !== mode) chmodSync(path, mode);
  } catch {}
}
