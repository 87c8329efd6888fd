import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../config/package-root.ts";

interface TestReport {
  testResults: { name: string; assertionResults: { status: string }[] }[];
}

/** Runs the journeys through the console (test/browser/console*.test.ts), and counts those that passed. Accessibility is not counted. */
export async function countPassedJourneys(say: (line: string) => void): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "tidings-journeys-"));
  const file = join(folder, "report.json");
  say("running the journeys");
  try {
    const vitest = join(packageRoot, "node_modules/vitest/vitest.mjs");
    const run = spawn(
      process.execPath,
      [vitest, "run", "--project", "browser", "console", "--reporter=json", `--outputFile=${file}`],
      { cwd: packageRoot, stdio: "ignore" },
    );
    await once(run, "exit");
    const { testResults } = JSON.parse(readFileSync(file, "utf8")) as TestReport;
    return testResults
      .filter(({ name }) => !name.includes("accessibility"))
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === "passed").length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
