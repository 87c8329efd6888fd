import { execFile } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { MissingError } from "./missing.ts";

const run = promisify(execFile);

/** The options of the functions that find or install a program. */
export interface BinaryOptions {
  environment: NodeJS.ProcessEnv;
  /** Receives a line for each step that takes long. */
  say: (line: string) => void;
}

/** Where a program is, or how it can be obtained. */
export type Source =
  | { from: "variable" | "path" | "cache"; path: string }
  | { from: "download" }
  /** Built or fetched from a package registry, with the builders of its `Program`. */
  | { from: "build" };

/** A program of Temporal that is searched, and downloaded or built where necessary. */
interface Program {
  /** The name of the SDK's download in the cache. */
  name: string;
  server: "dev-server" | "time-skipping";
  variable: string;
  /** Its name in `PATH`; null if it is never installed there. */
  command: string | null;
  /** The path of the built program in the cache. */
  built: string;
  builders: readonly string[];
  /** The message where the program cannot be obtained. */
  missing: readonly [found: string, mend: string];
  build: (path: string, options: BinaryOptions) => Promise<void>;
}

/** The newest version that `go install` can build: later ones have replace directives. */
const cliVersion = "1.5.1";
const testServerVersion = "1.32.1";
const buildTimeoutMs = 15 * 60_000;
const downloadTimeoutMs = 5 * 60_000;
const probeTimeoutMs = 4_000;

const cli: Program = {
  name: "temporal-cli",
  server: "dev-server",
  variable: "TEMPORAL_CLI_PATH",
  command: "temporal",
  built: `temporal-${cliVersion}`,
  builders: ["go"],
  missing: [
    "Temporal's server is not installed, cannot be downloaded, and there is no Go to build it with",
    "install the Temporal CLI (https://docs.temporal.io/cli) or Go, or name a binary in TEMPORAL_CLI_PATH, or a running server in TEMPORAL_ADDRESS",
  ],
  async build(path, { environment, say }) {
    say(`Building Temporal's server ${cliVersion} with Go. This takes 3 to 5 minutes, once.`);
    const folder = `${path}.${process.pid}`;
    try {
      await run(
        "go",
        ["install", "-ldflags", "-s -w", `github.com/temporalio/cli/cmd/temporal@v${cliVersion}`],
        {
          env: { ...environment, GOBIN: folder, GOFLAGS: "" },
          timeout: buildTimeoutMs,
          maxBuffer: 64 * 1024 * 1024,
        },
      );
      renameSync(join(folder, "temporal"), path);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Maven fetches the test server as Java classes, which a script runs. */
const testServer: Program = {
  name: "temporal-test-server",
  server: "time-skipping",
  variable: "TEMPORAL_TEST_SERVER_PATH",
  command: null,
  built: join(`temporal-test-server-${testServerVersion}`, "run"),
  builders: ["mvn", "java"],
  missing: [
    "Temporal's test server is not installed, cannot be downloaded, and there is no Maven and Java to fetch and run it with",
    "install both, or name a binary in TEMPORAL_TEST_SERVER_PATH",
  ],
  async build(path, { say }) {
    say(
      `Fetching Temporal's test server ${testServerVersion} with Maven. This takes less than a minute, once.`,
    );
    const folder = dirname(path);
    const draft = `${folder}.${process.pid}`;
    mkdirSync(draft, { recursive: true });
    try {
      writeFileSync(
        join(draft, "pom.xml"),
        `<project><modelVersion>4.0.0</modelVersion><groupId>tidings</groupId><artifactId>test-server</artifactId><version>1</version><dependencies><dependency><groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>${testServerVersion}</version></dependency><dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency></dependencies></project>\n`,
      );
      const goal = [
        "dependency:copy-dependencies",
        "-DoutputDirectory=lib",
        "-DincludeScope=runtime",
      ];
      const options = { cwd: draft, timeout: buildTimeoutMs };
      await run("mvn", ["--batch-mode", "--quiet", ...goal], options);
      const java = "exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData";
      writeFileSync(
        join(draft, "run"),
        `#!/bin/sh\n${java} -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$@"\n`,
        { mode: 0o755 },
      );
      if (!existsSync(folder)) renameSync(draft, folder);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  },
};

/**
 * Resolves with the path of Temporal's CLI, which is also its development server. It is searched in `TEMPORAL_CLI_PATH`, in `PATH` and in the
 * cache. Otherwise the SDK downloads it into the cache, or Go builds it from the module proxy. Rejects with a `MissingError` if all of that
 * fails.
 */
export const temporalCli = (options: BinaryOptions) => obtain(cli, options);

/**
 * Resolves with the path of Temporal's time-skipping test server. It is searched in `TEMPORAL_TEST_SERVER_PATH` and in the cache. Otherwise
 * the SDK downloads it, or Maven fetches it as Java classes. Rejects with a `MissingError` if all of that fails.
 */
export const temporalTestServer = (options: BinaryOptions) => obtain(testServer, options);

/** Resolves with where `temporalCli` finds the program, without downloading it. Rejects with a `MissingError` if it is not available. */
export const findTemporalCli = (options: FindOptions) => find(cli, options);

/** Resolves with where `temporalTestServer` finds the program, without downloading it. Rejects with a `MissingError` if it is not available. */
export const findTemporalTestServer = (options: FindOptions) => find(testServer, options);

async function obtain(program: Program, options: BinaryOptions): Promise<string> {
  const source = await find(program, options);
  if ("path" in source) return source.path;
  if (source.from === "download") {
    const downloaded = await download(program, options);
    if (downloaded) return downloaded;
    if (!canBuild(program, options)) throw new MissingError(...program.missing);
  }
  const path = join(cacheFolder(options.environment), program.built);
  mkdirSync(cacheFolder(options.environment), { recursive: true });
  await program.build(path, options);
  return path;
}

interface FindOptions extends Pick<BinaryOptions, "environment"> {
  /** Whether Temporal's download server can be reached. */
  canDownload?: () => Promise<boolean>;
}

async function find(
  program: Program,
  { environment, canDownload = downloadsAnswer }: FindOptions,
): Promise<Source> {
  const named = environment[program.variable];
  if (named) return { from: "variable", path: executable(named, program.variable) };
  const installed = program.command && inPath(program.command, environment);
  if (installed) return { from: "path", path: installed };
  const cached = [
    join(cacheFolder(environment), program.built),
    downloadPath(program, environment),
  ];
  const path = cached.find((file) => existsSync(file));
  if (path !== undefined) return { from: "cache", path };
  if (await canDownload()) return { from: "download" };
  if (canBuild(program, { environment })) return { from: "build" };
  throw new MissingError(...program.missing);
}

function canBuild({ builders }: Program, { environment }: Pick<BinaryOptions, "environment">) {
  return builders.every((builder) => inPath(builder, environment));
}

async function downloadsAnswer(): Promise<boolean> {
  return fetch("https://temporal.download/", {
    method: "HEAD",
    signal: AbortSignal.timeout(probeTimeoutMs),
  }).then(
    () => true,
    () => false,
  );
}

function downloadPath({ name }: Program, environment: NodeJS.ProcessEnv): string {
  return join(cacheFolder(environment), `${name}-for-sdk-${sdkVersion()}`);
}

function sdkVersion(): string {
  const { version } = createRequire(import.meta.url)("@temporalio/worker/package.json") as {
    version: string;
  };
  return version;
}

/** Lets the SDK download the program for its version, by starting it once. Null if that fails. */
async function download(
  program: Program,
  { environment, say }: BinaryOptions,
): Promise<string | null> {
  const target = downloadPath(program, environment);
  say(`Downloading ${program.name} for the Temporal SDK ${sdkVersion()}. This happens once.`);
  const draft = `${target}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const { TestWorkflowEnvironment } = await import("@temporalio/testing");
  const executable = { type: "cached-download" as const, downloadDir: draft };
  try {
    const starting =
      program.server === "dev-server"
        ? TestWorkflowEnvironment.createLocal({ server: { executable } })
        : TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error("took too long")), downloadTimeoutMs).unref();
    });
    await (await Promise.race([starting, late])).teardown();
    const [file] = readdirSync(draft);
    if (!file) return null;
    renameSync(join(draft, file), target);
    return target;
  } catch (error) {
    say(
      `${program.name} cannot be downloaded (${error instanceof Error ? error.message : String(error)}).`,
    );
    return null;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function cacheFolder(environment: NodeJS.ProcessEnv): string {
  return join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tidings");
}

/** The path of a program in the folders of `PATH`; null if it is in none of them. */
export function inPath(program: string, environment: NodeJS.ProcessEnv): string | null {
  const folders = (environment["PATH"] ?? "").split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? null;
}

function executable(path: string, variable: string): string {
  if (!isExecutable(path))
    throw new MissingError(
      `${variable} names ${path}, which is not a program that can be run`,
      `correct it, or unset ${variable}`,
    );
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
