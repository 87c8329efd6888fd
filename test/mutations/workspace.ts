import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { text } from "node:stream/consumers";
import { packageRoot } from "../../config/package-root.ts";
import { countOccurrences, type Mutation } from "./mutations.ts";

export type Verdict =
  | { verdict: "caught"; by: string }
  | { verdict: "survived" }
  /** The text does not occur exactly once: the rule was rewritten, so the mutation must be too. */
  | { verdict: "not applicable"; found: number }
  /** Vitest ended without a test that failed. */
  | { verdict: "broken"; output: string };

export interface Workspace {
  /** What the tests say of the tree as it is; `caught` where one fails already. */
  test(files: readonly string[]): Promise<Verdict>;
  /** What they say while the rule is broken. */
  try(mutation: Mutation): Promise<Verdict>;
  remove(): void;
}

const left = new Set([".git", ".tidings", "node_modules", "secrets"]);

/** A copy of the tree and of what was built of it, over the packages of the original. */
export function createWorkspace(): Workspace {
  const root = mkdtempSync(join(tmpdir(), "tidings-mutations-"));
  cpSync(packageRoot, root, {
    recursive: true,
    filter: (path) => !left.has(relative(packageRoot, path).split(sep)[0]!),
  });
  // One by one, so that what tools keep between the packages is the copy's own.
  mkdirSync(join(root, "node_modules"));
  const packages = join(packageRoot, "node_modules");
  for (const name of readdirSync(packages).filter((one) => !/^\.(?!bin$)/.test(one)))
    symlinkSync(join(packages, name), join(root, "node_modules", name));

  async function test(files: readonly string[]): Promise<Verdict> {
    const project = files.every((file) => file.startsWith("test/")) ? "servers" : "unit";
    const report = join(root, "report.json");
    rmSync(report, { force: true });
    const vitest = spawn(
      process.execPath,
      [
        join(packages, "vitest/vitest.mjs"),
        "run",
        `--project=${project}`,
        "--bail=1",
        "--reporter=json",
        `--outputFile=${report}`,
        ...files,
      ],
      { cwd: root, stdio: ["ignore", "pipe", "pipe"] },
    );
    const ended = once(vitest, "close");
    const said = await Promise.all([text(vitest.stdout), text(vitest.stderr)]);
    const [code] = (await ended) as [number | null];
    const failed = failedTest(report);
    if (failed !== null) return { verdict: "caught", by: failed };
    return code === 0 ? { verdict: "survived" } : { verdict: "broken", output: said.join("\n") };
  }

  return {
    test,
    async try({ file, text: rule, replacement, tests }) {
      const path = join(root, file);
      const whole = readFileSync(path, "utf8");
      const found = countOccurrences(whole, rule);
      if (found !== 1) return { verdict: "not applicable", found };
      writeFileSync(
        path,
        whole.replace(rule, () => replacement),
      );
      try {
        return await test(tests);
      } finally {
        writeFileSync(path, whole);
      }
    },
    remove: () => rmSync(root, { recursive: true }),
  };
}

interface Report {
  testResults: { assertionResults: { status: string; fullName: string }[] }[];
}

/** The name of the first test that failed; null where none did. */
function failedTest(path: string): string | null {
  try {
    const { testResults } = JSON.parse(readFileSync(path, "utf8")) as Report;
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    return tests.find(({ status }) => status === "failed")?.fullName.trim() ?? null;
  } catch {
    return null;
  }
}
