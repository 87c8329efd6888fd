import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { compiled } from "../../cli/stack/guarded.ts";
import { variables, type Variable } from "../../config/environment.ts";
import { packageRoot } from "../../config/package-root.ts";
import { inFlightBound } from "../../workers/worker.ts";
import { waitMs } from "../support/patience.ts";

const readme = readFileSync(join(packageRoot, "README.md"), "utf8");

/** A shell block of the walk-through, and the answer that the README shows for its last command. */
interface Step {
  /** The words in bold before it. */
  title: string;
  commands: string;
  shown: unknown;
}

function walkThrough(): Step[] {
  const section = readme.split(/^## /m).find((part) => part.startsWith("A walk-through"));
  const steps: Step[] = [];
  let title = "Where it is";
  for (const [, bold, language, content] of section!.matchAll(
    /^\*\*(.*?)\*\*|^```(sh|json)\n(.*?)^```$/gms,
  )) {
    if (bold !== undefined) title = bold;
    else if (language === "sh") steps.push({ title, commands: content!, shown: undefined });
    else steps.at(-1)!.shown = JSON.parse(content!);
  }
  return steps;
}

/** An answer without what is another every time: ids, instants, shards, rates. */
function told(answer: unknown): unknown {
  const plain = JSON.stringify(answer)
    .replaceAll(/\b([a-z]{3})_[0-9a-z]{26}\b/g, "$1_")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "uuid")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "instant")
    .replaceAll(/\b(mailbox|critical)\/\d+/g, "$1/")
    .replaceAll(/"messagesPerSecond":[\d.]+/g, '"messagesPerSecond":0');
  return JSON.parse(plain);
}

describe("the README's walk-through", () => {
  const steps = walkThrough();
  const endOfStep = "-- end of step --";
  let stack: TemporaryStack;
  let folder: string;
  let outputs: string[];
  let complaints: string;

  const lastAnswer = (index: number) =>
    JSON.parse(outputs[index]!.trim().split("\n").at(-1)!) as Record<string, unknown>;

  beforeAll(async () => {
    stack = await startTemporaryStack({ environment: process.env });
    folder = mkdtempSync(join(tmpdir(), "tidings-readme-"));
    symlinkSync(stack.dataDir, join(folder, ".tidings"));
    const script = steps.map(({ commands }) => `${commands}echo '${endOfStep}'\n`).join("");
    const shell = spawn("bash", ["-euo", "pipefail", "-c", script], {
      cwd: folder,
      env: { PATH: process.env["PATH"], TIDINGS: stack.urls.api, MAILBOX: stack.urls.mailbox! },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: waitMs,
    });
    const ended = once(shell, "close");
    const [output, errors] = await Promise.all([text(shell.stdout), text(shell.stderr)]);
    await ended;
    // What comes after the last mark is of a step that failed.
    outputs = output.split(`${endOfStep}\n`);
    complaints = `${outputs.pop()}${errors}`;
  });

  afterAll(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true });
  });

  it.each(steps.map((step, index) => ({ ...step, index })))("works: $title", ({ index, shown }) => {
    if (index >= outputs.length) throw new Error(complaints);
    if (shown !== undefined) expect(told(lastAnswer(index))).toEqual(told(shown));
  });

  it("ends with everyone accounted for", () => {
    expect(lastAnswer(steps.length - 1)).toMatchObject({
      reconciled: true,
      audience: 3,
      pending: 0,
      sending: 0,
    });
  });
});

describe("the README", () => {
  /** Its tables of variables: name to what it says of each. */
  const rows = new Map(
    [...readme.matchAll(/^\| `([A-Z][A-Z0-9_]+)` +\| (.*?) +\|/gm)].map(([, name, preset]) => [
      name!,
      preset!,
    ]),
  );

  it.each(Object.keys(variables) as Variable[])("tells of %s and its default", (name) => {
    expect([...rows.keys()]).toContain(name);
    const unset = variables[name].safeParse(undefined);
    const shown = rows.get(name)!.replaceAll("`", "");
    if (unset.success)
      expect(variables[name].parse(shown === "none" ? undefined : shown)).toEqual(unset.data);
    else expect(shown).toBe("required");
  });

  it("names no variable that nobody reads", () => {
    const help = execFileSync(process.execPath, [compiled("cli/start.js"), "--help"], {
      encoding: "utf8",
    });
    const resolvers = readFileSync(join(packageRoot, "cli/stack/binaries.ts"), "utf8");
    const programs = ["browser.ts", "schemathesis.ts"].map((file) =>
      readFileSync(join(packageRoot, "test/support", file), "utf8"),
    );
    const envconfig = dirname(createRequire(import.meta.url).resolve("@temporalio/envconfig"));
    const read = new Set([
      ...Object.keys(variables).flatMap((name) => [name, `${name}_FILE`]),
      ...[...help.matchAll(/env:\s+(\w+)/g)].map(([, name]) => name!),
      ...[...resolvers.matchAll(/(?:environment\["|variable: ")(\w+)"/g)].map(([, name]) => name!),
      ...programs.flatMap((source) => source.match(/[A-Z]+_PATH/g) ?? []),
      ...readdirSync(envconfig)
        .filter((file) => file.endsWith(".js"))
        .flatMap(
          (file) => readFileSync(join(envconfig, file), "utf8").match(/TEMPORAL_\w+/g) ?? [],
        ),
    ]);
    // A name that goes on after a placeholder (`*_FILE`) is no name.
    const named = readme.match(/(?<![*\w])[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(?![*\w])/g) ?? [];
    expect(named.filter((name) => !read.has(name))).toEqual([]);
  });

  it("promises the bound that workers print", () => {
    const [, promised] = /at most\s+\*\*(\d+)\*\*\s+a\s+worker/.exec(readme)!;
    expect(Number(promised)).toBe(inFlightBound.delivery + inFlightBound.critical);
  });

  it("names npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const run = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!);
    expect(run.filter((name) => !(name in scripts))).toEqual([]);
  });
});

const decisions = readdirSync(join(packageRoot, "docs/decisions")).map(
  (name) => `docs/decisions/${name}`,
);

it.each(["README.md", "CHANGELOG.md", "docs/ARCHITECTURE.md", ...decisions])(
  "%s names files that exist",
  (page) => {
    const content = readFileSync(join(packageRoot, page), "utf8");
    const links = [...content.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) =>
      join(dirname(page), path!),
    );
    const quoted =
      content.match(/(?<=`)[\w.-]+(\/[\w.-]+)+\.(ts|js|md|json|prisma|csv)(?=`)/g) ?? [];
    const missing = [...links, ...quoted].filter((path) => !existsSync(join(packageRoot, path)));
    expect(missing).toEqual([]);
  },
);
