import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { packageRoot } from "./package-root.ts";

/**
 * The compiled module `name` beside the module `from`, for a thread to run. Tests run sources, which threads cannot: theirs run what was
 * compiled from them.
 */
export function threadFile(from: string, name: string): string {
  const source = fileURLToPath(from);
  const folder = dirname(source);
  const isCompiled = basename(source).endsWith(".js");
  const compiled = isCompiled ? folder : join(packageRoot, "dist", relative(packageRoot, folder));
  return pathToFileURL(join(compiled, `${name}.js`)).href;
}
