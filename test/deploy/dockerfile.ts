import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";

interface Instruction {
  name: string;
  /** What comes after it, on one line. */
  text: string;
}

export interface Stage {
  name: string;
  base: string;
  instructions: Instruction[];
}

/** The stages of a Dockerfile without heredocs and parser directives: ours has neither. */
function parseDockerfile(text: string): Stage[] {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, name, text] = /^(\w+)\s+(.*)$/.exec(line)!;
    if (name === "FROM") {
      const [, base, stage] = /^(\S+)\s+AS\s+(\S+)$/i.exec(text!)!;
      stages.push({ name: stage!, base: base!, instructions: [] });
    } else stages.at(-1)!.instructions.push({ name: name!, text: text! });
  }
  return stages;
}

export const stages = parseDockerfile(readFileSync(join(packageRoot, "Dockerfile"), "utf8"));

/** Sources and target of a COPY, and the stage it copies from; null for the context. */
export function copyOf(text: string): { from: string | null; sources: string[]; target: string } {
  const words = text.split(/\s+/);
  const from = words[0]!.startsWith("--from=") ? words.shift()!.slice("--from=".length) : null;
  const target = words.pop()!;
  return { from, sources: words, target };
}

/** The rules of `.dockerignore`: names and paths from the root, and `**` before a slash. No exceptions. */
const ignored = readFileSync(join(packageRoot, ".dockerignore"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

export function isIgnored(path: string): boolean {
  return ignored.some((rule) => {
    const pattern = rule
      .replaceAll(".", String.raw`\.`)
      .replaceAll("**/", "(.*/)?")
      .replaceAll(/(?<!\.)\*/g, "[^/]*");
    return new RegExp(`^${pattern}(/|$)`).test(path);
  });
}

/**
 * Does what a build does, without a container: each stage is a folder under `root`, and its commands run there on this
 * machine. The context is what git knows or would add, less what is ignored. A plain `npm ci` is what made this checkout's
 * packages, which are taken as they are, and so are the machine's own for those of the distribution. Returns the folder of the last stage; nothing else is left.
 */
export function buildStages(root: string, environment: NodeJS.ProcessEnv): string {
  const context = join(root, "context");
  const known = execFileSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    { cwd: packageRoot, encoding: "utf8" },
  );
  for (const path of known.split("\0").filter((each) => each !== "" && !isIgnored(each)))
    if (existsSync(join(packageRoot, path))) cpSync(join(packageRoot, path), join(context, path));
  let folder = context;
  for (const { name, instructions } of stages) {
    folder = join(root, name);
    let workdir = "/";
    for (const { name: instruction, text } of instructions) {
      if (instruction === "WORKDIR") mkdirSync(join(folder, (workdir = text)), { recursive: true });
      if (instruction === "COPY") copy(text, root, join(folder, workdir));
      if (instruction === "RUN" && !text.startsWith("apt-get "))
        execFileSync("sh", ["-ec", text === "npm ci" ? linkPackages : text], {
          cwd: join(folder, workdir),
          env: { ...environment, PACKAGES: join(packageRoot, "node_modules") },
          stdio: ["ignore", "ignore", "pipe"],
        });
    }
  }
  for (const other of ["context", ...stages.slice(0, -1).map(({ name }) => name)])
    rmSync(join(root, other), { recursive: true });
  return folder;
}

/** Links cost next to nothing; where the file system is another, copies. */
const linkPackages = 'cp -al "$PACKAGES" . 2> /dev/null || cp -a "$PACKAGES" .';

function copy(text: string, root: string, workdir: string): void {
  const { from, sources, target } = copyOf(text);
  const into = join(workdir, target);
  for (const source of sources) {
    const path = join(root, from ?? "context", source);
    // The contents of a folder go into the target; a file becomes it, unless that ends in a slash.
    const isFolder = statSync(path).isDirectory();
    const goal = target.endsWith("/") && !isFolder ? join(into, basename(path)) : into;
    mkdirSync(isFolder ? goal : dirname(goal), { recursive: true });
    execFileSync("cp", ["-al", isFolder ? `${path}/.` : path, goal]);
  }
}
