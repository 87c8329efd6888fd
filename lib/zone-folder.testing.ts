import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeTzif } from "./tzif.testing.ts";

/** Time zone data as a system has it: by name a TZ string, and links. */
export interface ZoneFolder {
  version: string;
  zones: Readonly<Record<string, string>>;
  /** Of which the folder has no files: distributions leave them out. */
  links?: Readonly<Record<string, string>>;
}

/** Writes a folder of TZif files with its `tzdata.zi`, in the place of what was there, as an update does. */
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
