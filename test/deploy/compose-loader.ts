import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const version = "2.16.2";
const buildTimeoutMs = 170_000;

/**
 * The program of compose-go, the library with which `docker compose` reads its files: of our cache, else built with Go
 * from the module proxy, in seconds. Null without Go.
 */
export async function composeLoader(): Promise<string | null> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tidings");
  const cached = join(cache, `compose-go-${version}`);
  if (existsSync(cached)) return cached;
  const hasGo = await run("go", ["version"]).then(
    () => true,
    () => false,
  );
  if (!hasGo) return null;
  mkdirSync(cache, { recursive: true });
  const build = join(cache, `build-compose-${process.pid}`);
  try {
    await run("go", ["install", `github.com/compose-spec/compose-go/v2/cmd@v${version}`], {
      env: { ...process.env, GOBIN: build, GOFLAGS: "" },
      timeout: buildTimeoutMs,
    });
    renameSync(join(build, "cmd"), cached);
  } finally {
    rmSync(build, { recursive: true, force: true });
  }
  return cached;
}
