import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { prepareFile, type ServedFile } from "../http/served-file.ts";

/** The content types of the files of a build by their extension. Other files are not served. */
export const contentTypes: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
};

/** The files of a build of the console by their path below its folder, such as `index.html` and `assets/main-4fYp0aXe.js`. */
export type ConsoleFiles = ReadonlyMap<string, ServedFile>;

/**
 * Reads the files of a build, which are served from memory. The map is empty if the folder has no `index.html`. Hidden files, among them the
 * manifest of the build, are left out.
 */
export function readConsoleFiles(folder: string): ConsoleFiles {
  if (!existsSync(join(folder, "index.html"))) return new Map();
  return new Map(
    pathsIn(folder).flatMap((path) => {
      const type = contentTypes[extname(path)];
      if (type === undefined) return [];
      const name = relative(folder, path).split(sep).join("/");
      return [[name, prepareFile(readFileSync(path), type)] as const];
    }),
  );
}

function pathsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".")) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pathsIn(path);
    return entry.isFile() ? [path] : [];
  });
}
