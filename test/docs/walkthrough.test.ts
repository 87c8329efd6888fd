import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { packageRoot } from "../../config/package-root.ts";
import { waitMs } from "../support/patience.ts";

const page = readFileSync(join(packageRoot, "docs/walkthrough.md"), "utf8");

/** A shell block of the walk-through, and the answer that the page shows for its last command. */
interface Step {
  /** The heading above it. */
  title: string;
  commands: string;
  shown: unknown;
}

function walkThrough(): Step[] {
  const steps: Step[] = [];
  let title = "";
  for (const [, heading, language, content] of page.matchAll(
    /^## ([^\n]*)|^```(sh|json)\n(.*?)^```$/gms,
  )) {
    if (heading !== undefined) title = heading;
    else if (language === "sh") steps.push({ title, commands: content!, shown: undefined });
    else steps.at(-1)!.shown = JSON.parse(content!);
  }
  return steps;
}

/** An answer without what differs between runs: ids, instants, shards, rates. */
function withoutChance(answer: unknown): unknown {
  const plain = JSON.stringify(answer)
    .replaceAll(/\b([a-z]{3})_[0-9a-z]{26}\b/g, "$1_")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "uuid")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "instant")
    .replaceAll(/\b(mailbox|critical)\/\d+/g, "$1/")
    .replaceAll(/"messagesPerSecond":[\d.]+/g, '"messagesPerSecond":0')
    .replaceAll(/"latencyMs":\d+/g, '"latencyMs":0');
  return JSON.parse(plain);
}

describe("the walk-through", () => {
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
    folder = mkdtempSync(join(tmpdir(), "tidings-walkthrough-"));
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
    if (shown !== undefined) expect(withoutChance(lastAnswer(index))).toEqual(withoutChance(shown));
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
