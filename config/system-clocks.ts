import { type Dirent, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { type ClockData, endOfYearOf } from "../domain/time/clocks.ts";
import { bySpelling } from "../domain/time/node-clocks.ts";
import { offsetsBetween, parseTzif, TzifError, type TzifZone } from "../lib/tzif.ts";

/** The folders in which systems store their TZif files. */
const usualFolders = [
  "/usr/share/zoneinfo",
  "/usr/lib/zoneinfo",
  "/usr/share/lib/zoneinfo",
  "/etc/zoneinfo",
];

/** The time zone data in a folder of TZif files that names its release. */
export interface SystemClocks extends ClockData {
  source: "system";
  folder: string;
}

/** The folders to search: that of `TZDIR`, or the usual ones. */
export const zoneFolders = (given: string | undefined): readonly string[] =>
  given === undefined ? usualFolders : [given];

/**
 * Reads the data of the first folder that names its release, in the first line of `tzdata.zi` or in the file `+VERSION`. If there is none, the
 * result is a text that says why; some systems, such as Alpine, have the files without their release. All files are read at once, so that
 * the data is of one release even if the folder changes later.
 */
export function readSystemClocks(folders: readonly string[]): SystemClocks | string {
  let lack = `none of these folders exists: ${folders.join(", ")}`;
  for (const folder of folders) {
    const source = readText(join(folder, "tzdata.zi"));
    const version =
      /^# version (\d{4}[a-z]+)/.exec(source ?? "")?.[1] ??
      /^(\d{4}[a-z]+)\s*$/.exec(readText(join(folder, "+VERSION")) ?? "")?.[1];
    if (version === undefined) {
      if (isFolder(folder))
        lack = `${folder} does not name its release in tzdata.zi or +VERSION (Alpine's package has neither)`;
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
  /** The files by the names of zones and links. */
  files: ReadonlyMap<string, Buffer>;
}): SystemClocks {
  const spellings = bySpelling(files.keys());
  const zones = new Map<string, TzifZone | null>();
  // Zones are parsed when they are first used, since most never are.
  const zoneOf = (name: string): TzifZone | null => {
    let zone = zones.get(name);
    if (zone === undefined) zones.set(name, (zone = parseFile(files.get(name)!)));
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

/** Parses a TZif file; null where it is malformed, which counts as missing. */
function parseFile(file: Buffer): TzifZone | null {
  try {
    return parseTzif(file);
  } catch (error) {
    if (error instanceof TzifError) return null;
    throw error;
  }
}

/**
 * The file of each name. `tzdata.zi`, where it exists, lists the names and links: distributions leave out the files of links (Debian's
 * `tzdata-legacy`). Otherwise the names are those of the files in the folder, without the copies that count leap seconds.
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

/** Whether a text may be the name of a zone: names begin with a capital and have no dots, unlike the other files. */
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
 * A text that changes whenever the files in the folders may have changed. It contains the times and sizes of the files that name the release,
 * and of the folders, whose entries an update replaces. It takes a few dozen system calls.
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
      const found = statOf(path);
      return found ? `${found.ino}:${found.mtimeMs}:${found.size}` : "";
    })
    .join("\n");
}

/**
 * The latest possible instant of a release: the time of the files that name it, which were packed after it. Some packages set invented
 * times, so a time before the year of the release is ignored.
 */
function releasedBy(folder: string, version: string): number {
  const latest = endOfYearOf(version);
  const earliest = Date.UTC(Number(version.slice(0, 4)), 0, 1);
  const packed = ["tzdata.zi", "+VERSION"].map(
    (name) => statOf(join(folder, name))?.mtimeMs ?? latest,
  );
  const first = Math.min(...packed);
  return first < earliest ? latest : Math.min(first, latest);
}

const isFolder = (path: string) => statOf(path)?.isDirectory() ?? false;

function statOf(path: string): Stats | null {
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
