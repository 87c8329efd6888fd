import { type Dirent, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { type ClockData, endOfYearOf } from "../domain/time/clocks.ts";
import { bySpelling } from "../domain/time/node-clocks.ts";
import { offsetsBetween, parseTzif, TzifError, type TzifZone } from "../lib/tzif.ts";

/** Where systems keep their TZif files. */
const usualFolders = [
  "/usr/share/zoneinfo",
  "/usr/lib/zoneinfo",
  "/usr/share/lib/zoneinfo",
  "/etc/zoneinfo",
];

/** A folder of TZif files that says which release it is of. */
export interface SystemClocks extends ClockData {
  source: "system";
  folder: string;
}

/** The folders that are looked into: that of `TZDIR`, or the usual ones. */
export const zoneFolders = (given: string | undefined): readonly string[] =>
  given === undefined ? usualFolders : [given];

/**
 * The data of the first of the folders that is there and says its release: the first line of `tzdata.zi`, or the file `+VERSION`. A
 * text that says why there is none, where no folder does; some systems, such as Alpine, have the files and no word of their release.
 * All files are read at once, so that what is in use is of one release whatever happens to the folder.
 */
export function readSystemClocks(folders: readonly string[]): SystemClocks | string {
  let lack = `none of ${folders.join(", ")} is there`;
  for (const folder of folders) {
    const source = readText(join(folder, "tzdata.zi"));
    const version =
      /^# version (\d{4}[a-z]+)/.exec(source ?? "")?.[1] ??
      /^(\d{4}[a-z]+)\s*$/.exec(readText(join(folder, "+VERSION")) ?? "")?.[1];
    if (version === undefined) {
      if (isFolder(folder))
        lack = `${folder} does not say its release, in tzdata.zi or +VERSION (Alpine's package has neither)`;
      continue;
    }
    const files = filesOf(folder, source);
    if (files.size > 0) return clocksOf({ folder, version, files });
    lack = `${folder} has no TZif files`;
  }
  return lack;
}

function clocksOf({
  folder,
  version,
  files,
}: {
  folder: string;
  version: string;
  /** By the names of zones and links. */
  files: ReadonlyMap<string, Buffer>;
}): SystemClocks {
  const spellings = bySpelling(files.keys());
  const zones = new Map<string, TzifZone | null>();
  // Most names are never asked for.
  const zoneOf = (name: string): TzifZone | null => {
    let zone = zones.get(name);
    if (zone === undefined) zones.set(name, (zone = readable(files.get(name)!)));
    return zone;
  };
  return {
    version,
    source: "system",
    folder,
    releasedBy: releasedBy(folder, version),
    nameOf(given) {
      const name = spellings.get(given.toLowerCase());
      return name !== undefined && zoneOf(name) ? name : null;
    },
    spansBetween: (name, from, to) => offsetsBetween(zoneOf(name)!, from, to),
  };
}

/** A file that cannot be read as local time is as good as none. */
function readable(file: Buffer): TzifZone | null {
  try {
    return parseTzif(file);
  } catch (error) {
    if (error instanceof TzifError) return null;
    throw error;
  }
}

/**
 * The file of each name. Where `tzdata.zi` is there it says what the names are, and which stand for others: distributions leave files
 * of links out (Debian's `tzdata-legacy`). Otherwise they are what the folder holds, but for copies that count leap seconds.
 */
function filesOf(folder: string, source: string | null): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const add = (name: string, ...paths: readonly string[]) => {
    for (const path of paths) {
      const file = readFile(join(folder, path));
      if (file) return files.set(name, file);
    }
    return files;
  };
  if (source === null) {
    for (const name of namesIn(folder)) add(name, name);
    return files;
  }
  for (const line of source.split("\n")) {
    const [kind, first, second] = line.split(/\s+/, 3);
    if (/^z(one)?$/i.test(kind!) && isName(first)) add(first, first);
    if (/^l(ink)?$/i.test(kind!) && isName(first) && isName(second)) add(second, second, first);
  }
  return files;
}

/** All names begin with a capital, in each of their parts or in the first at least; other files do not, and have dots. */
const isName = (text: string | undefined): text is string =>
  text !== undefined && /^[A-Z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(text);

function namesIn(folder: string): string[] {
  return entriesOf(folder).flatMap((entry) => {
    if (!isName(entry.name)) return [];
    if (!isFolder(join(folder, entry.name))) return [entry.name];
    return entriesOf(join(folder, entry.name)).flatMap((below) => {
      const name = `${entry.name}/${below.name}`;
      if (!isFolder(join(folder, name))) return [name];
      return entriesOf(join(folder, name)).map(({ name: last }) => `${name}/${last}`);
    });
  });
}

/**
 * Changes whenever the files in the folders may have: of what says the release, and of the folders, whose entries an update
 * replaces, it has when they were last changed. A few dozen calls.
 */
export function stampOf(folders: readonly string[]): string {
  const paths = folders.flatMap((folder) => [
    folder,
    join(folder, "tzdata.zi"),
    join(folder, "+VERSION"),
    ...entriesOf(folder)
      .filter(({ name }) => isName(name))
      .map(({ name }) => join(folder, name)),
  ]);
  return paths
    .map((path) => {
      const found = look(path);
      return found ? `${found.ino}:${found.mtimeMs}:${found.size}` : "";
    })
    .join("\n");
}

/** A file that says the release is not older than it, and not newer than what it was packed in; its time may be made up. */
function releasedBy(folder: string, version: string): number {
  const latest = endOfYearOf(version);
  const earliest = Date.UTC(Number(version.slice(0, 4)), 0, 1);
  const packed = ["tzdata.zi", "+VERSION"].map(
    (name) => look(join(folder, name))?.mtimeMs ?? latest,
  );
  const first = Math.min(...packed);
  return first < earliest ? latest : Math.min(first, latest);
}

const isFolder = (path: string) => look(path)?.isDirectory() ?? false;

function look(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function readFile(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

const readText = (path: string): string | null => readFile(path)?.toString("utf8") ?? null;
