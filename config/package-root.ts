import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder of package.json, whether this runs from the sources or compiled: what is not compiled is found from there. */
export const packageRoot = (() => {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
})();
