import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { testMs } from "../support/patience.ts";

const run = promisify(execFile);

const version = "2.16.2";

/**
 * The program of compose-go, the library with which `docker compose` reads its files: of our cache, else built with Go
 * from the module proxy, in seconds.
 */
export async function composeLoader(): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tidings");
  const cached = join(cache, `compose-go-${version}`);
  if (existsSync(cached)) return cached;
  await run("go", ["version"]).catch((cause: unknown) => {
    throw new Error("there is no Go to build compose-go with", { cause });
  });
  mkdirSync(cache, { recursive: true });
  const build = join(cache, `build-compose-${process.pid}`);
  try {
    await run("go", ["install", `github.com/compose-spec/compose-go/v2/cmd@v${version}`], {
      env: { ...process.env, GOBIN: build, GOFLAGS: "" },
      timeout: testMs,
    });
    renameSync(join(build, "cmd"), cached);
  } finally {
    rmSync(build, { recursive: true, force: true });
  }
  return cached;
}
