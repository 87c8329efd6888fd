import { randomUUID } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { choosePorts } from "../../cli/stack/ports.ts";
import { launch, type LauncherProcess, portFlags } from "../support/launcher.ts";

let dataDir: string;
let launcher: LauncherProcess | undefined;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "tidings-broken-"));
});
afterEach(async () => {
  launcher?.process.kill("SIGTERM");
  await launcher?.ended;
  launcher = undefined;
  rmSync(dataDir, { recursive: true, force: true });
});

const inFolder = (name: string) => join(dataDir, name);
const modeOf = (name: string) => statSync(inFolder(name)).mode & 0o777;
const said = () => launcher!.output();

async function start(): Promise<void> {
  launcher = launch(dataDir, portFlags(await choosePorts("any")));
  await launcher.running;
}
async function stop(): Promise<void> {
  launcher!.process.kill("SIGTERM");
  expect(await launcher!.ended).toBe(0);
}
const apiUrl = () => /API +(http:\S+)/.exec(said())![1]!;
const call = (method: string, path: string, body?: unknown) =>
  fetch(`${apiUrl()}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${readFileSync(inFolder("api-key"), "utf8").trim()}`,
      "content-type": "application/json",
      "idempotency-key": randomUUID(),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

describe("a data folder in which files are broken", () => {
  it("is repaired if it is not needed or can be created again, with a sentence about each; owed messages are still sent", async () => {
    await start();
    await call("PUT", "/v1/recipients/ada", { email: "ada@example.org", attributes: {} });
    await call("POST", "/v1/templates", {
      key: "t",
      name: "T",
      content: { email: { subject: "Hello", html: "<p>Hello</p>" } },
    });
    const accepted = await call("POST", "/v1/notifications", {
      recipients: ["ada"],
      template: { key: "t" },
      sendAt: new Date(Date.now() + 3_000).toISOString(),
    });
    expect(accepted.status).toBe(202);
    const { id } = (await accepted.json()) as { id: string };
    const key = readFileSync(inFolder("api-key"), "utf8");
    await stop();

    for (const name of ["postgres-password", "api-key", "token-secret", "sealing-keys"])
      writeFileSync(inFolder(name), "");
    writeFileSync(inFolder("temporal.db"), "no database of anybody's".repeat(1_000));
    rmSync(inFolder("logs"), { recursive: true });
    writeFileSync(inFolder("logs"), "a file");
    rmSync(inFolder("mailbox.jsonl"));
    mkdirSync(inFolder("mailbox.jsonl"));
    writeFileSync(inFolder("launcher.json"), "{}");
    writeFileSync(inFolder("processes.json"), '{"pid":');
    writeFileSync(inFolder("postgres/postmaster.pid"), "");
    mkdirSync(inFolder("processes.json.draft"));

    await start();
    for (const name of ["postgres-password", "api-key", "token-secret", "sealing-keys"])
      expect(said()).toMatch(new RegExp(`^\\S+/${name} was (missing, )?empty.*: `, "m"));
    expect(said()).toMatch(/temporal\.db could not be used, and is now \S+\. Nothing is lost/);
    expect(said()).toMatch(/logs could not be used for logs, and is now /);
    expect(said()).toMatch(/mailbox\.jsonl could not be written to, and is now /);
    expect(said()).not.toMatch(/^ +at /m);
    expect(readFileSync(inFolder("api-key"), "utf8")).not.toBe(key);
    expect(said()).toContain("shown once");
    await expect
      .poll(async () => (await call("GET", `/v1/notifications/${id}`)).json())
      .toMatchObject({ counts: { sent: 1 } });
    expect(existsSync(inFolder("logs/api.log"))).toBe(true);
  });

  it("is for its owner's eyes only, also what an earlier version left open", async () => {
    await start();
    await stop();
    chmodSync(dataDir, 0o755);
    chmodSync(inFolder("temporal.db"), 0o644);
    chmodSync(inFolder("logs/api.log"), 0o644);
    await start();
    // Where root starts it, PostgreSQL is another user's, and its group enters.
    expect((statSync(dataDir).mode & 0o777).toString(8)).toBe(
      process.getuid!() === 0 ? "710" : "700",
    );
    const files = [
      ...readdirSync(dataDir).filter((name) => statSync(inFolder(name)).isFile()),
      ...readdirSync(inFolder("logs")).map((name) => `logs/${name}`),
    ];
    expect(files).toContain("temporal.db");
    expect(files.filter((name) => modeOf(name) !== 0o600)).toEqual([]);
    expect([modeOf("logs"), modeOf("postgres")]).toEqual([0o700, 0o700]);
  });

  it("whose password is wrong gets another, for the server is ours", async () => {
    await start();
    await stop();
    writeFileSync(inFolder("postgres-password"), "half-writ");
    await start();
    expect(said()).toMatch(/postgres-password was missing, empty or wrong: PostgreSQL has a new/);
    const [, port] = /PostgreSQL +postgresql:\/\/127\.0\.0\.1:(\d+)/.exec(said())!;
    const client = new pg.Client({
      host: "127.0.0.1",
      port: Number(port),
      user: "postgres",
      database: "tidings",
      password: readFileSync(inFolder("postgres-password"), "utf8").trim(),
    });
    await client.connect();
    await client.end();
  });

  it.each([
    [
      "a database that is none",
      () => {
        mkdirSync(inFolder("postgres"));
        writeFileSync(inFolder("postgres/base"), "");
      },
      /postgres exists, but is not a database of PostgreSQL .*: restore it from a backup, or move it away/,
    ],
    [
      "a key that is a folder",
      () => mkdirSync(inFolder("api-key")),
      /api-key cannot be read \(.*\): make it readable/,
    ],
    [
      "half a key",
      () => writeFileSync(inFolder("api-key"), "tdg_1"),
      /api-key is invalid: correct it, or delete it/,
    ],
  ])("in which is %s says so in a sentence, and what to do", async (_, breakIt, expected) => {
    breakIt();
    launcher = launch(dataDir, portFlags(await choosePorts("any")));
    expect(await launcher.ended).toBe(1);
    expect(said()).toMatch(expected);
    expect(said()).not.toMatch(/^ +at /m);
  });
});
