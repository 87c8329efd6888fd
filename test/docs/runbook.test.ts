import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compiled } from "../../cli/stack/guarded.ts";
import { freePort } from "../../cli/stack/ports.ts";
import { startStack, type Stack } from "../../cli/stack/stack.ts";
import { waitUntil } from "../../cli/stack/wait.ts";
import { packageRoot } from "../../config/package-root.ts";
import { compose } from "../deploy/compose-file.ts";
import {
  pathWithPostgres,
  startSystemPostgres,
  systemPostgres,
} from "../support/system-postgres.ts";
import { waitMs } from "../support/patience.ts";

const runbook = readFileSync(join(packageRoot, "docs/runbook.md"), "utf8");

interface Block {
  /** The heading that it stands under. */
  heading: string;
  language: "sh" | "console";
  /** It runs PostgreSQL's own programs. */
  postgres: boolean;
  commands: string;
}

function blocks(): Block[] {
  const found: Block[] = [];
  let heading = "";
  for (const [, title, indent, language, mark, content] of runbook.matchAll(
    /^##+ ([^\n]*)|^( *)```(sh|console)( postgres)?\n(.*?)^ *```$/gms,
  )) {
    if (title !== undefined) heading = title;
    else
      found.push({
        heading,
        language: language as Block["language"],
        postgres: mark !== undefined,
        commands: content!.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      });
  }
  return found;
}

const all = blocks();
const shell = all.filter(({ language }) => language === "sh");
const consoles = all.filter(({ language }) => language === "console");
const runnable = shell.filter(({ postgres }) => !postgres || systemPostgres !== null);

const json = { "content-type": "application/json" };

describe("the runbook", () => {
  let postgres: { url: string; stop(): Promise<void> } | null = null;
  let folder: string;
  let stack: Stack;
  let before: unknown;
  let slow: string;
  let outputs: string[];
  let complaints: string;

  async function call(path: string, init: RequestInit = {}, api = stack.urls.api) {
    const headers = { authorization: `Bearer ${stack.apiKey}`, ...json, ...init.headers };
    // A step may take as long as the API keeps an idle connection, which would then be closed just when it is used again.
    const response = await fetch(`${api}${path}`, {
      ...init,
      headers: { ...headers, connection: "close" },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const post = (path: string, body: unknown = {}) =>
    call(path, { method: "POST", body: JSON.stringify(body) });

  async function campaign(throttle: object | null): Promise<string> {
    const { body } = await post("/v1/campaigns", {
      name: "Account",
      template: { key: "account" },
      audience: { all: true },
      data: {},
      ...(throttle && { throttle }),
    });
    await post(`/v1/campaigns/${body["id"] as string}/start`);
    return body["id"] as string;
  }
  const account = async (id: string, api?: string) =>
    (await call(`/v1/campaigns/${id}/reconciliation`, {}, api)).body;
  const completed = (id: string) =>
    waitUntil("the campaign to complete", waitMs, async () => {
      const { body } = await call(`/v1/campaigns/${id}`);
      return body["status"] === "completed";
    });

  let sent: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tidings-runbook-"));
    mkdirSync(join(folder, "secrets"));
    if (systemPostgres) postgres = await startSystemPostgres();
    stack = await startStack({
      dataDir: join(folder, "data"),
      ports: "any",
      workers: 2,
      environment: {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        TEMPORAL_CLI_PATH: process.env["TEMPORAL_CLI_PATH"],
        ...(postgres && { DATABASE_URL: postgres.url }),
      },
    });
    const lines = ["ada", ...Array.from({ length: 99 }, (_, index) => `r${index}`)].map((name) =>
      JSON.stringify({ externalId: name, email: `${name}@example.org` }),
    );
    await call("/v1/recipients/import", {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: lines.join("\n"),
    });
    const content = { email: { subject: "Account", html: "<p>Account</p>" } };
    await post("/v1/templates", { key: "account", name: "Account", content });
    sent = await campaign(null);
    await completed(sent);
    before = await account(sent);
    slow = await campaign({ perSecond: 0.1, burst: 1 });
    await waitUntil("the slow campaign to run", waitMs, async () => {
      const { body } = await call(`/v1/campaigns/${slow}`);
      return body["status"] === "running";
    });

    const endOfStep = "-- end of step --";
    const script = runnable.map(({ commands }) => `${commands}echo '${endOfStep}'\n`).join("");
    const bash = spawn("bash", ["-euo", "pipefail", "-c", script], {
      cwd: folder,
      env: {
        PATH: pathWithPostgres,
        TIDINGS: stack.urls.api,
        KEY: stack.apiKey,
        ...(postgres && { DATABASE_URL: postgres.url }),
      },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: waitMs,
    });
    const ended = once(bash, "close");
    const [output, errors] = await Promise.all([text(bash.stdout), text(bash.stderr)]);
    await ended;
    outputs = output.split(`${endOfStep}\n`);
    complaints = `${outputs.pop()}${errors}`;
  });

  afterAll(async () => {
    await stack?.stop();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(runnable.map((block, index) => ({ ...block, index })))("works: $heading", ({ index }) => {
    if (index >= outputs.length) throw new Error(complaints);
  });

  it.skipIf(!systemPostgres)(
    "restores a dump in which a campaign's account is the same",
    async () => {
      const port = await freePort();
      const api = spawn(process.execPath, [compiled("api/main.js")], {
        env: {
          PATH: process.env["PATH"],
          DATABASE_URL: postgres!.url.replace(/tidings$/, "tidings_restored"),
          TIDINGS_API_KEY: stack.apiKey,
          TOKEN_SECRET: "a-secret-of-at-least-32-characters",
          API_PORT: String(port),
          TEMPORAL_ADDRESS: "127.0.0.1:1",
        },
        stdio: "ignore",
      });
      try {
        const url = `http://127.0.0.1:${port}`;
        await waitUntil(
          "the restored API to serve",
          waitMs,
          async () => (await fetch(`${url}/readyz`)).ok,
        );
        expect(before).toMatchObject({ audience: 100, sent: 100, reconciled: true });
        expect(await account(sent, url)).toEqual(before);
        // Nothing of the ledger's rules was lost on the way.
        execFileSync(process.execPath, [compiled("cli/migrate.js"), "apply"], {
          env: { DATABASE_URL: postgres!.url.replace(/tidings$/, "tidings_restored") },
        });
      } finally {
        api.kill("SIGKILL");
      }
    },
  );

  it("has paused what ran", async () => {
    expect((await call(`/v1/campaigns/${slow}`)).body).toMatchObject({ status: "paused" });
  });

  it("has made, rotated and revoked a key, and all of it is in the audit trail", async () => {
    const { id, secret } = JSON.parse(readFileSync(join(folder, "key.json"), "utf8")) as Record<
      string,
      string
    >;
    const { body } = await call(`/v1/audit?resource=${id}`);
    const actions = (body["items"] as { action: string }[]).map(({ action }) => action);
    expect(actions.sort()).toEqual(["api_key.create", "api_key.revoke", "api_key.rotate"]);
    await waitUntil("the key to be refused", waitMs, async () => {
      const { status } = await call("/v1/campaigns", {
        headers: { authorization: `Bearer ${secret}` },
      });
      return status === 401;
    });
  });

  it("has erased a person", async () => {
    expect((await call("/v1/recipients/ada")).status).toBe(404);
  });

  it("loses Temporal's database in the middle of a campaign, and every recipient still gets the message", async () => {
    const id = await campaign({ perSecond: 20, burst: 1 });
    await waitUntil("some to be sent", waitMs, async () => Number((await account(id))["sent"]) > 5);
    await stack.kill("temporal");
    for (const file of ["temporal.db", "temporal.db-wal", "temporal.db-shm"])
      rmSync(join(folder, "data", file), { force: true });
    expect(await account(id)).not.toMatchObject({ pending: 0 });
    await stack.restart("temporal");
    await Promise.all([stack.restart("worker", 0), stack.restart("worker", 1)]);
    await completed(id);
    expect(await account(id)).toMatchObject({
      audience: 99,
      sent: 99,
      pending: 0,
      reconciled: true,
    });
  });
});

describe("what the runbook says of other machines", () => {
  it.each(all)("is shell, at least: $heading", ({ language, commands }) => {
    const script = language === "sh" ? commands : commands.replaceAll(/^\$ /gm, "");
    execFileSync("bash", ["-n", "-c", script]);
  });

  it("names services that docker-compose.yml has", () => {
    const lines = consoles
      .flatMap(({ commands }) => commands.replaceAll("\\\n", " ").split("\n"))
      .map((line) => /docker compose (?:stop|run|exec|up|ps)\b(.*)/.exec(line)?.[1] ?? "");
    // A service ends a command, or follows another, or comes before what it is to run; `--scale` gives it a number.
    const named = lines.flatMap((line) =>
      line
        .replace(/ (pg_dump|psql) .*/, "")
        .split(/\s+/)
        .filter((word) => word !== "" && !word.startsWith("-"))
        .map((word) => word.replace(/=\d+$/, "")),
    );
    expect(named).toEqual(expect.arrayContaining(["api", "worker", "postgres", "temporal"]));
    expect(named.filter((word) => !(word in compose.services))).toEqual([]);
  });

  it("says under which heading each alert is explained", () => {
    expect(runbook).toMatch(/^## What each alert means$/m);
  });
});

it.each(["docs/runbook.md", "docs/threat-model.md"])("%s names files that there are", (page) => {
  const content = readFileSync(join(packageRoot, page), "utf8");
  const links = [...content.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) =>
    join("docs", path!),
  );
  const quoted = content.match(/(?<=`)[\w.-]+(\/[\w.-]+)+(?=`)/g) ?? [];
  const missing = [
    ...links,
    ...quoted.filter((path) => /^(\w+\/)+[\w.-]+\.\w+$/.test(path)),
  ].filter((path) => !existsSync(join(packageRoot, path)) && !path.startsWith("secrets/"));
  expect(missing).toEqual([]);
});
