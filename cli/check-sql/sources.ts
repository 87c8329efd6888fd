import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";

/** The folders of the product. Tests and benchmarks are left out: they may write rows directly. */
const folders = [
  "activities",
  "api",
  "cli",
  "config",
  "domain",
  "ledger",
  "lib",
  "workers",
  "workflows",
];

/** Reads the sources of the product, each with its path from the root of the project, which has `/` between folders. */
export function readSources(): { path: string; text: string }[] {
  return folders.flatMap((folder) =>
    readdirSync(join(packageRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !/\.test(ing)?\.ts$/.test(name))
      .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
      .map((path) => ({ path, text: readFileSync(join(packageRoot, path), "utf8") })),
  );
}
