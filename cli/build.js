// Generates what is out of date: the Prisma client, dist/, the workflow bundle, the scripts for browsers, the console. Every npm script runs this
// first, so it does only what has changed, and prints only what it does. It is plain JavaScript, because it runs before the compiler.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { bundleConsole, isConsoleBuilt } from "./build-console.js";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const require = createRequire(import.meta.url);
mkdirSync(dist, { recursive: true });
process.chdir(root);

/** The scripts that the API serves to browsers, and the folders that only they use. */
const browserScripts = ["inbox/client", "inbox/element"];
const browserFolders = ["inbox"];
const consoleFolder = "console";

if (!existsSync("node_modules/prisma")) fail('run "npm ci" first');
generateClient();
compile();
copyScripts();
await bundleWorkflows();
await bundleBrowserScripts();
await buildConsole();

/** `prisma generate` requires a schema engine but never runs it: any executable is enough. */
function generateClient() {
  const state = fingerprint([
    "prisma/schema.prisma",
    "prisma.config.ts",
    "node_modules/prisma/package.json",
  ]);
  if (existsSync("prisma/generated/client.ts") && isCurrent("prisma", state)) return;
  step("generating the Prisma client");
  run(process.execPath, [require.resolve("prisma/build/index.js"), "generate"], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: "1",
    CHECKPOINT_DISABLE: "1",
  });
  markCurrent("prisma", state);
}

function compile() {
  const sources = files(root, (path) => path.endsWith(".ts") && !path.endsWith(".d.ts"), [
    join(root, "node_modules"),
    dist,
    ...[...browserFolders, consoleFolder].map((folder) => join(root, folder)),
  ]);
  const expected = new Set(
    sources.map((path) => join(dist, relative(root, path).replace(/\.ts$/, ".js"))),
  );
  const scripts = new Set(scriptsForBrowsers().map(([, copy]) => copy));
  const outputs = files(
    dist,
    (path) => /\.(js(\.map)?|d\.ts)$/.test(path),
    [...browserFolders, consoleFolder].map((folder) => join(dist, folder)),
  );
  for (const output of outputs) {
    const compiled = output.replace(/\.map$/, "").replace(/\.d\.ts$/, ".js");
    if (!expected.has(compiled) && !scripts.has(output) && output !== bundlePath()) rmSync(output);
  }
  // The compiler relies on its build info, and does not check that the output files exist.
  if ([...expected].some((output) => !existsSync(output)))
    rmSync(join(dist, ".tsbuildinfo"), { force: true });

  const state = fingerprint([
    ...sources,
    "tsconfig.json",
    "package-lock.json",
    "node_modules/typescript/package.json",
  ]);
  if (isCurrent("sources", state) && existsSync(join(dist, ".tsbuildinfo"))) return;
  step("compiling");
  run(process.execPath, [
    join(dirname(require.resolve("typescript/package.json")), "bin/tsc"),
    "--pretty",
    String(process.stdout.isTTY === true),
  ]);
  markCurrent("sources", state);
}

/** The scripts that the API serves to browsers as they are: each path, and that of its copy. @returns {[string, string][]} */
function scriptsForBrowsers() {
  const folders = ["api/push/browser", "api/preference-centre/browser"];
  return folders
    .flatMap((folder) => files(join(root, folder), (path) => path.endsWith(".js")))
    .map((path) => [path, join(dist, relative(root, path))]);
}

function copyScripts() {
  for (const [path, copy] of scriptsForBrowsers()) {
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(path, copy);
  }
}

async function bundleWorkflows() {
  const entry = join(dist, "workflows/index.js");
  if (!existsSync(entry)) return;
  // Workflows import nothing else of Tidings; the linter enforces it.
  const inputs = ["workflows", "domain"].flatMap((folder) =>
    files(join(dist, folder), (path) => path.endsWith(".js") && !path.endsWith(".test.js")),
  );
  const state = fingerprint([...inputs, "package-lock.json"]);
  if (existsSync(bundlePath()) && isCurrent("bundle", state)) return;
  step("bundling the workflows");
  const { bundleWorkflowCode, DefaultLogger } = await import("@temporalio/worker");
  const { code } = await bundleWorkflowCode({
    workflowsPath: entry,
    workflowInterceptorModules: [join(dist, "workflows/tracing.js")],
    logger: new DefaultLogger("WARN"),
  });
  writeFileSync(bundlePath(), code);
  markCurrent("bundle", state);
}

/** Bundles each script that the API serves to browsers into one minified module in the same place of dist/. */
async function bundleBrowserScripts() {
  const inputs = browserFolders.flatMap((folder) =>
    files(join(root, folder), (path) => path.endsWith(".ts") && !path.endsWith(".test.ts")),
  );
  const state = fingerprint([...inputs, "package-lock.json"]);
  const isWritten = browserScripts.every((script) => existsSync(join(dist, `${script}.js`)));
  if (isWritten && isCurrent("browser", state)) return;
  step("bundling the scripts for browsers");
  const { build } = await import("rolldown");
  await build(
    browserScripts.map((script) => ({
      input: join(root, `${script}.ts`),
      platform: "browser",
      logLevel: "warn",
      output: { file: join(dist, `${script}.js`), format: "esm", minify: true },
    })),
  );
  markCurrent("browser", state);
}

async function buildConsole() {
  const inputs = [consoleFolder, "domain"].flatMap((folder) =>
    files(
      join(root, folder),
      (path) => /\.(tsx?|css|html)$/.test(path) && !path.endsWith(".test.ts"),
    ),
  );
  const state = fingerprint([...inputs, "cli/build-console.js", "package-lock.json"]);
  if (isConsoleBuilt(root) && isCurrent("console", state)) return;
  step("bundling the console");
  try {
    step(`the first load of the console has ${await bundleConsole(root)}`);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  markCurrent("console", state);
}

function bundlePath() {
  return join(dist, "workflow-bundle.js");
}

/** @param {string[]} paths */
function fingerprint(paths) {
  const hash = createHash("sha256");
  for (const path of [...paths].sort())
    hash.update(path).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

/** @param {string} what @param {string} state */
function isCurrent(what, state) {
  const path = join(dist, `.${what}.sha256`);
  return existsSync(path) && readFileSync(path, "utf8") === state;
}

/** @param {string} what @param {string} state */
function markCurrent(what, state) {
  writeFileSync(join(dist, `.${what}.sha256`), state);
}

/** @param {string} folder @param {(path: string) => boolean} wanted @param {string[]} except folders that are left out @returns {string[]} */
function files(folder, wanted, except = []) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return except.includes(path) || entry.name.startsWith(".") ? [] : files(path, wanted, except);
    return wanted(path) ? [path] : [];
  });
}

/** @param {string} program @param {string[]} args @param {Record<string, string>} environment */
function run(program, args, environment = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    env: { ...process.env, ...environment },
    encoding: "utf8",
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
  fail(error?.message ?? signal ?? `exit code ${status}`);
}

/** @param {string} why @returns {never} */
function fail(why) {
  process.stderr.write(`build: failed (${why})\n`);
  process.exit(1);
}

/** Progress goes to standard error: standard output belongs to the program that runs next, and may have to be JSON. @param {string} what */
function step(what) {
  process.stderr.write(`build: ${what}\n`);
}
