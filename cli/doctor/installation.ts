import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";
import { MissingError } from "../stack/missing.ts";
import { missing, ok, type Check } from "./check.ts";

/** Checks Node.js, and the results of `npm ci` and `npm run build`. */
export function installationChecks(root: string = packageRoot): Check[] {
  return [
    {
      name: "Node.js",
      required: true,
      mend: "Install it from https://nodejs.org",
      look: async () => {
        const { engines } = readJson<{ engines: { node: string } }>(join(root, "package.json"));
        const least = engines.node.replace(/^>=/, "");
        const { node } = process.versions;
        return [
          isAtLeast(node, least)
            ? ok("Node.js", node)
            : missing("Node.js", node, `Install ${least} or newer (https://nodejs.org)`),
        ];
      },
    },
    {
      name: "npm packages",
      required: true,
      mend: 'Run "npm ci"',
      look: async () => {
        const stale = stalePackages(root);
        if (stale.length > 0)
          throw new MissingError(
            `differ from package-lock.json: ${stale.slice(0, 3).join(", ")}${stale.length > 3 ? ` and ${stale.length - 3} more` : ""}`,
            'Run "npm ci"',
          );
        return [ok("npm packages", "the versions in package-lock.json")];
      },
    },
    {
      name: "Build",
      required: true,
      mend: 'Run "npm run build"',
      look: async () => {
        const absent = ["api/main.js", "workers/main.js", "cli/start.js", "workflow-bundle.js"]
          .map((file) => join("dist", file))
          .filter((file) => !existsSync(join(root, file)));
        if (absent.length > 0)
          throw new MissingError(`no ${absent.join(", ")}`, 'Run "npm run build"');
        return [ok("Build", "dist, with the workflow bundle")];
      },
    },
  ];
}

interface Lock {
  packages: Record<string, { version?: string; dev?: boolean; optional?: boolean }>;
}

/** The packages that are missing, or have another version than in the lock file. Without a lock file, as in an image, none are reported. */
function stalePackages(root: string): string[] {
  const lock = join(root, "package-lock.json");
  if (!existsSync(lock)) return [];
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return ["node_modules"];
  const { packages } = readJson<Lock>(installed);
  return Object.entries(readJson<Lock>(lock).packages)
    .filter(([path, { version, dev, optional }]) => {
      if (path === "") return false;
      const here = packages[path];
      // npm does not install packages for other platforms, nor development packages in production.
      return here ? here.version !== version : !dev && !optional;
    })
    .map(([path]) => path.replace(/^.*node_modules\//, ""));
}

function isAtLeast(version: string, least: string): boolean {
  const parts = (text: string) => text.split(".").map(Number);
  const [have, want] = [parts(version), parts(least)];
  const different = want.findIndex((part, index) => part !== (have[index] ?? 0));
  return different === -1 || (have[different] ?? 0) > want[different]!;
}

function readJson<Content>(path: string): Content {
  return JSON.parse(readFileSync(path, "utf8")) as Content;
}
