import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder of package.json, both for sources and for compiled code: files that are not compiled are found from there. */
export const packageRoot = (() => {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
})();
