// npm run doctor: the checks that run before anything is compiled. Plain JavaScript, which old versions of Node.js can run too.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const least = engines.node.replace(">=", "");
const [major, minor] = process.versions.node.split(".").map(Number);
const [leastMajor, leastMinor] = least.split(".").map(Number);

if (major < leastMajor || (major === leastMajor && minor < leastMinor))
  end("Node.js", process.versions.node, `Install ${least} or newer (https://nodejs.org)`);
if (!existsSync(join(root, "node_modules/prisma")))
  end("npm packages", "not installed", 'Run "npm ci"');

const build = spawnSync(process.execPath, [join(root, "cli/build.js")], { encoding: "utf8" });
if (build.status !== 0) {
  process.stderr.write(`${build.stdout}${build.stderr}`);
  end("Build", "fails", 'Run "npm ci" and then "npm run build", and fix the error that it reports');
}
await import(new URL("../../dist/cli/doctor.js", import.meta.url).href);

/** Prints a finding in the format of report.ts, and exits: the other checks are not possible. */
function end(name, found, mend) {
  const findings = [{ name, status: "missing", found, mend }];
  process.stdout.write(
    process.argv.includes("--json")
      ? `${JSON.stringify({ ok: false, findings }, null, 2)}\n`
      : `missing  ${name}  ${found} → ${mend}.\n\n1 missing.\n`,
  );
  process.exit(1);
}
