import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { configurationPage, renderConfigurationPage } from "../../cli/docs/configuration-page.ts";
import { compiled } from "../../cli/stack/guarded.ts";
import {
  apiVariables,
  inboundVariables,
  variables,
  workerVariables,
} from "../../config/environment.ts";
import { packageRoot } from "../../config/package-root.ts";
import { markdownPages } from "../support/markdown.ts";

const page = readFileSync(join(packageRoot, configurationPage), "utf8");

it("the page is as the configuration schema has it: else run npm run docs", () => {
  expect(page).toBe(renderConfigurationPage(page));
});

it("some process reads each variable", () => {
  const read: readonly string[] = [...apiVariables, ...workerVariables, ...inboundVariables];
  expect(Object.keys(variables).filter((name) => !read.includes(name))).toEqual([]);
});

/** The variables that stand for options of npm start. */
function startVariables(): string[] {
  const help = execFileSync(process.execPath, [compiled("cli/start.js"), "--help"], {
    encoding: "utf8",
  });
  return [...help.matchAll(/env:\s+(\w+)/g)].map(([, name]) => name!);
}

/** Every variable that something reads: Tidings, npm start, its resolvers of programs, tests, Temporal's own reader. */
function variablesRead(): Set<string> {
  const resolvers = readFileSync(join(packageRoot, "cli/stack/binaries.ts"), "utf8");
  const programs = [
    "support/browser.ts",
    "support/firefox.ts",
    "support/schemathesis.ts",
    "peers/push.test.ts",
  ].map((file) => readFileSync(join(packageRoot, "test", file), "utf8"));
  const envconfig = dirname(createRequire(import.meta.url).resolve("@temporalio/envconfig"));
  return new Set([
    ...Object.keys(variables).flatMap((name) => [name, `${name}_FILE`]),
    ...startVariables(),
    ...[...resolvers.matchAll(/(?:environment\["|variable: ")(\w+)"/g)].map(([, name]) => name!),
    ...programs.flatMap((source) => source.match(/[A-Z]+_PATH/g) ?? []),
    ...readdirSync(envconfig)
      .filter((file) => file.endsWith(".js"))
      .flatMap((file) => readFileSync(join(envconfig, file), "utf8").match(/TEMPORAL_\w+/g) ?? []),
  ]);
}

it.each(
  markdownPages.filter((path) =>
    /^(README|CONTRIBUTING|docs\/(walkthrough|configuration))/.test(path),
  ),
)("%s names no variable that nothing reads", (path) => {
  // A name that goes on after a placeholder (`*_FILE`) is none.
  const named =
    readFileSync(join(packageRoot, path), "utf8").match(
      /(?<![*\w])[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(?![*\w])/g,
    ) ?? [];
  const read = variablesRead();
  expect(named.filter((name) => !read.has(name))).toEqual([]);
});

it("the page has every option of npm start", () => {
  expect(startVariables().filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
