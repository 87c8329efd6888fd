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
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What a resolver may ask of its surroundings. */
export interface BinaryOptions {
  environment: NodeJS.ProcessEnv;
  /** Told what takes long, and why. */
  say: (line: string) => void;
}

/** The newest that `go install` can build: later ones replace a module. */
const cliVersion = "1.5.1";
const testServerVersion = "1.32.1";
const buildTimeoutMs = 15 * 60_000;
const downloadTimeoutMs = 5 * 60_000;
const probeTimeoutMs = 4_000;

/**
 * The path of Temporal's CLI, which is also its development server: of `TEMPORAL_CLI_PATH`, in `PATH`, in our cache; else
 * fetched into the cache by the SDK; else, where that server cannot be reached, built with Go from the module proxy. Throws,
 * with what can be done, if all of that fails.
 */
export async function temporalCli(options: BinaryOptions): Promise<string> {
  const { environment, say } = options;
  const named = environment["TEMPORAL_CLI_PATH"];
  if (named) return executable(named, "TEMPORAL_CLI_PATH");
  const installed = inPath("temporal", environment);
  if (installed) return installed;
  const cache = cacheFolder(environment);
  const cached = join(cache, `temporal-${cliVersion}`);
  if (existsSync(cached)) return cached;
  const downloaded = await download("temporal-cli", "dev-server", options);
  if (downloaded) return downloaded;

  if (!inPath("go", environment))
    throw new Error(
      "Temporal's server is not here: it cannot be downloaded, and there is no Go to build it with. Install the Temporal CLI (https://docs.temporal.io/cli) or Go, or name a binary in TEMPORAL_CLI_PATH, or a running server in TEMPORAL_ADDRESS.",
    );
  say(`Building Temporal's server ${cliVersion} with Go: once, 3 to 5 minutes.`);
  const build = join(cache, `build-${process.pid}`);
  try {
    await run(
      "go",
      ["install", "-ldflags", "-s -w", `github.com/temporalio/cli/cmd/temporal@v${cliVersion}`],
      {
        env: { ...environment, GOBIN: build, GOFLAGS: "" },
        timeout: buildTimeoutMs,
        maxBuffer: 64 * 1024 * 1024,
      },
    );
    renameSync(join(build, "temporal"), cached);
  } finally {
    rmSync(build, { recursive: true, force: true });
  }
  return cached;
}

/**
 * The path of Temporal's time-skipping test server: of `TEMPORAL_TEST_SERVER_PATH`, in our cache; else fetched by the SDK;
 * else, with Maven, as Java classes and a script that runs them.
 */
export async function temporalTestServer(options: BinaryOptions): Promise<string> {
  const { environment, say } = options;
  const named = environment["TEMPORAL_TEST_SERVER_PATH"];
  if (named) return executable(named, "TEMPORAL_TEST_SERVER_PATH");
  const folder = join(cacheFolder(environment), `temporal-test-server-${testServerVersion}`);
  const script = join(folder, "run");
  if (existsSync(script)) return script;
  const downloaded = await download("temporal-test-server", "time-skipping", options);
  if (downloaded) return downloaded;

  if (!inPath("mvn", environment) || !inPath("java", environment))
    throw new Error(
      "Temporal's test server is not here: it cannot be downloaded, and there is no Maven and Java to fetch and run it with. Install both, or name a binary in TEMPORAL_TEST_SERVER_PATH.",
    );
  say(`Fetching Temporal's test server ${testServerVersion} with Maven: once, less than a minute.`);
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
    await run("mvn", ["--batch-mode", "--quiet", ...goal], { cwd: draft, timeout: buildTimeoutMs });
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
  return script;
}

/**
 * Lets the SDK fetch what fits its version, by starting it once; null if its server cannot be reached. What was fetched
 * before is found again, also offline.
 */
async function download(
  name: string,
  type: "dev-server" | "time-skipping",
  { environment, say }: BinaryOptions,
): Promise<string | null> {
  const { version } = createRequire(import.meta.url)("@temporalio/worker/package.json") as {
    version: string;
  };
  const target = join(cacheFolder(environment), `${name}-for-sdk-${version}`);
  if (existsSync(target)) return target;
  try {
    await fetch("https://temporal.download/", {
      method: "HEAD",
      signal: AbortSignal.timeout(probeTimeoutMs),
    });
  } catch {
    return null;
  }
  say(`Downloading ${name} for the Temporal SDK ${version}: once.`);
  const draft = `${target}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const { TestWorkflowEnvironment } = await import("@temporalio/testing");
  const executable = { type: "cached-download" as const, downloadDir: draft };
  try {
    const starting =
      type === "dev-server"
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
    say(`It cannot be downloaded (${error instanceof Error ? error.message : String(error)}).`);
    return null;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function cacheFolder(environment: NodeJS.ProcessEnv): string {
  const folder = join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tidings");
  mkdirSync(folder, { recursive: true });
  return folder;
}

function inPath(program: string, environment: NodeJS.ProcessEnv): string | null {
  const folders = (environment["PATH"] ?? "").split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? null;
}

function executable(path: string, variable: string): string {
  if (!isExecutable(path))
    throw new Error(`${variable} names ${path}, which is not a program that can be run`);
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
