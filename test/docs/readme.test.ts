import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { inFlightBound } from "../../workers/worker.ts";
import { markdownPages, readPage } from "../support/markdown.ts";
import { waitMs } from "../support/patience.ts";

const readme = readPage("README.md");
const { scripts } = JSON.parse(readPage("package.json")) as { scripts: Record<string, string> };

interface OnChannel {
  channel: string;
  sent: number;
  lost: number;
}

it("is read at a glance", () => {
  expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(10_240);
});

describe("its two commands", () => {
  const quickStart = readme.split(/^## /m).find((part) => part.startsWith("Quick start"))!;
  const [, block] = /^```console\n(.*?)^```$/ms.exec(quickStart)!;
  const commands = block!
    .trim()
    .split("\n")
    .map((line) => line.replace("$ npm ci && ", ""));

  it("are the demo and the tests, of which this is one", () => {
    expect(commands).toEqual(["npm run demo", "npm test"]);
    expect(scripts["test"]).toContain("vitest run");
  });

  it("show a demo that counts what arrived", async () => {
    const [npm, ...demo] = commands[0]!.split(" ");
    const { stdout } = await promisify(execFile)(npm!, [...demo, "--", "--exit", "--json"], {
      cwd: packageRoot,
      timeout: waitMs,
    });
    const result = JSON.parse(stdout.trim().split("\n").at(-1)!);
    expect(result).toMatchObject({ lost: 0, pending: 0, reconciled: true });
    const arrived = result.channels.filter(({ sent, lost }: OnChannel) => sent > 0 && lost === 0);
    expect(arrived.map(({ channel }: OnChannel) => channel)).toEqual(["email", "push", "in_app"]);
  });
});

it.each(["README.md", "docs/guarantees.md"])("%s promises the bound that workers print", (page) => {
  const [, promised] = /at\s+most\s+\*\*(\d+)\*\*/.exec(readPage(page))!;
  expect(Number(promised)).toBe(inFlightBound.delivery + inFlightBound.critical);
});

it.each(markdownPages)("%s names npm scripts that exist", (page) => {
  const run = [...readPage(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!);
  expect(run.filter((name) => !(name in scripts))).toEqual([]);
});
