import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Returns the path of an external program: the one that the variable names, or the first on PATH. If it is missing, the test
 * fails instead of passing unnoticed.
 */
export function programOf(what: string, variable: string, names: readonly string[]): string {
  const named = process.env[variable];
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  const candidates = named
    ? [named]
    : folders.flatMap((folder) => names.map((name) => join(folder, name)));
  const found = candidates.find(isExecutable);
  if (found === undefined)
    throw new Error(
      `${what} is missing: ${named ?? `there is no ${names.join(" or ")} on PATH`}; ${variable} may name one`,
    );
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
