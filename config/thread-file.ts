import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { packageRoot } from "./package-root.ts";

/**
 * The URL of the compiled module `name` in the folder of the module `from`, for a worker thread. Tests run from sources, which threads
 * cannot, so their threads run the module in `dist`.
 */
export function threadFile(from: string, name: string): string {
  const source = fileURLToPath(from);
  const folder = dirname(source);
  const isCompiled = basename(source).endsWith(".js");
  const compiled = isCompiled ? folder : join(packageRoot, "dist", relative(packageRoot, folder));
  return pathToFileURL(join(compiled, `${name}.js`)).href;
}
