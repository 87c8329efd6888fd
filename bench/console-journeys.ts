import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { packageRoot } from "../config/package-root.ts";

interface TestReport {
  testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
}

/** A file of test/browser without its ending, and which of its tests belong to the journey: all of them by default. */
type Shown = readonly [file: string, titles?: RegExp];

/** What operators do in the console from its beginning to its end, and the tests that show it. */
const journeys: Readonly<Record<string, readonly Shown[]>> = {
  "sign in with a key or an organisation, and again while a form is filled in": [
    ["console-sign-in"],
  ],
  "the first day, to the first message in a mailbox": [["console-first-day"]],
  "write a template, and receive what its preview shows": [["console-templates"]],
  "build a campaign, start it, watch and edit it": [["console-builder"], ["console-campaigns"]],
  "change exactly the deliveries that match": [
    ["console-deliveries", /cancelled/],
    ["console-queue", /exactly/],
  ],
  "ask why, for each rule": [["console-notifications", /rule that decided/]],
  "reprioritise and send what is held": [["console-queue", /reprioritises/]],
  "the band of a recipient where clocks change": [["console-recipients", /band/]],
  "edit what somebody else edits": [["console-conflicts"]],
  "make a key, and revoke it": [["console-operators", /secret is shown once/]],
  "open the link of somebody else": [["console-links"]],
  "work while the API dies and comes back": [["console-outage"]],
  "look at everything as a viewer": [["console-viewer"]],
  "show hostile texts": [["console-hostile"]],
  "keep secrets out of addresses, history and storage": [["console-operators", /no storage/]],
};

/** Runs the journeys through the console (test/browser/console*.test.ts), and counts those of which every test passed. */
export async function countPassedJourneys(say: (line: string) => void): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "tidings-journeys-"));
  const file = join(folder, "report.json");
  say("running the journeys");
  const files = [
    ...new Set(Object.values(journeys).flatMap((shown) => shown.map(([name]) => name))),
  ];
  try {
    const vitest = join(packageRoot, "node_modules/vitest/vitest.mjs");
    const run = spawn(
      process.execPath,
      [vitest, "run", "--project", "browser", "--reporter=json", `--outputFile=${file}`, ...files],
      { cwd: packageRoot, stdio: "ignore" },
    );
    await once(run, "exit");
    const { testResults } = JSON.parse(readFileSync(file, "utf8")) as TestReport;
    const hasPassed = ([name, titles = /./]: Shown) => {
      const tests = testResults
        .filter((each) => basename(each.name, ".test.ts") === name)
        .flatMap(({ assertionResults }) => assertionResults)
        .filter(({ fullName }) => titles.test(fullName));
      return tests.length > 0 && tests.every(({ status }) => status === "passed");
    };
    const failed = Object.entries(journeys).filter(([, shown]) => !shown.every(hasPassed));
    for (const [journey] of failed) say(`this journey failed: ${journey}`);
    return Object.keys(journeys).length - failed.length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
