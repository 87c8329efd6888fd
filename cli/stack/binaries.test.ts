import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  findTemporalCli,
  findTemporalTestServer,
  temporalCli,
  temporalTestServer,
} from "./binaries.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tidings-binaries-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const say = (line: string) => expect.unreachable(`nothing should take long here: ${line}`);

function program(...path: string[]): string {
  const file = join(folder, ...path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, "#!/bin/sh\n");
  chmodSync(file, 0o755);
  return file;
}

it("prefers the configured Temporal CLI to the one in PATH, and that to the one in the cache", async () => {
  const cached = program("cache", "tidings", "temporal-1.5.1");
  const installed = program("bin", "temporal");
  const named = program("named");
  const cache = { XDG_CACHE_HOME: join(folder, "cache") };
  const path = { ...cache, PATH: join(folder, "bin") };
  expect(await temporalCli({ environment: { ...path, TEMPORAL_CLI_PATH: named }, say })).toBe(
    named,
  );
  expect(await temporalCli({ environment: path, say })).toBe(installed);
  expect(await temporalCli({ environment: cache, say })).toBe(cached);
});

it("prefers the configured test server to the one in the cache", async () => {
  const cached = program("cache", "tidings", "temporal-test-server-1.32.1", "run");
  const named = program("named");
  const environment = { XDG_CACHE_HOME: join(folder, "cache") };
  expect(
    await temporalTestServer({
      environment: { ...environment, TEMPORAL_TEST_SERVER_PATH: named },
      say,
    }),
  ).toBe(named);
  expect(await temporalTestServer({ environment, say })).toBe(cached);
});

it("reports the variable whose path is not a program", async () => {
  const environment = { TEMPORAL_CLI_PATH: join(folder, "nothing") };
  await expect(temporalCli({ environment, say })).rejects.toThrow("TEMPORAL_CLI_PATH names");
});

it("finds the source of a program in the order of preference, and installs nothing", async () => {
  const cache = { XDG_CACHE_HOME: join(folder, "cache") };
  const [answers, silent] = [() => Promise.resolve(true), () => Promise.resolve(false)];
  const find = (environment: NodeJS.ProcessEnv, canDownload = silent) =>
    findTemporalCli({ environment, canDownload });
  await expect(find(cache)).rejects.toThrow("install the Temporal CLI");
  const go = { ...cache, PATH: join(program("go", "go"), "..") };
  expect(await find(go)).toEqual({ from: "build" });
  expect(await find(go, answers)).toEqual({ from: "download" });
  expect(readdirSync(folder)).toEqual(["go"]);
  const path = program("cache", "tidings", "temporal-1.5.1");
  expect(await find(go, answers)).toEqual({ from: "cache", path });

  const java = { ...cache, PATH: join(program("java", "java"), "..") };
  const findTestServer = (environment: NodeJS.ProcessEnv) =>
    findTemporalTestServer({ environment, canDownload: silent });
  await expect(findTestServer(java)).rejects.toThrow("no Maven and Java");
  program("java", "mvn");
  expect(await findTestServer(java)).toEqual({ from: "build" });
});
