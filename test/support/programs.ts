import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program that tests use where this machine has it: the one that the variable names, or the first on PATH; else null. */
export function findProgram(variable: string, names: readonly string[]): string | null {
  const named = process.env[variable];
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  const candidates = named
    ? [named]
    : folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
