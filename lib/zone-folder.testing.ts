import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeTzif } from "./tzif.testing.ts";

/** The time zone data of a system: TZ strings by the name of the zone, and links. */
export interface ZoneFolder {
  version: string;
  zones: Readonly<Record<string, string>>;
  /** Links have no files in the folder, as in some distributions. */
  links?: Readonly<Record<string, string>>;
}

/** Writes a folder of TZif files with its `tzdata.zi`, and replaces an existing folder like an update. */
export function writeZoneFolder(folder: string, { version, zones, links = {} }: ZoneFolder): void {
  const made = `${folder}.made`;
  for (const [name, rule] of Object.entries(zones)) {
    mkdirSync(dirname(join(made, name)), { recursive: true });
    writeFileSync(join(made, name), encodeTzif({ rule }));
  }
  const lines = [
    `# version ${version}`,
    ...Object.keys(zones).map((name) => `Z ${name} 0 - -00`),
    ...Object.entries(links).map(([name, target]) => `L ${target} ${name}`),
  ];
  writeFileSync(join(made, "tzdata.zi"), `${lines.join("\n")}\n`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(made, folder);
}
