import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "pg";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import type { Finding } from "../../cli/doctor/check.ts";
import { diagnose } from "../../cli/doctor/diagnose.ts";
import { runChecks } from "../../cli/doctor/check.ts";
import { installationChecks } from "../../cli/doctor/installation.ts";
import { report } from "../../cli/doctor/report.ts";
import { compiled } from "../../cli/stack/guarded.ts";
import { freePort } from "../../cli/stack/ports.ts";
import { packageRoot } from "../../config/package-root.ts";
import { knownVersion } from "../../domain/time/iana-names.ts";
import { createEmptyDatabase, createTestDatabase } from "../support/postgres.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { storeAddresses } from "../support/sealed-addresses.ts";
import { masterKey, sealingKeys } from "../support/sealing.ts";
import { createDevServer } from "../support/temporal.ts";
import { writeZoneFolder } from "../../lib/zone-folder.testing.ts";

const password = "hunter2-of-the-tests";

let folder: string;
let endings: (() => unknown)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tidings-doctor-"));
  endings = [];
});
afterEach(async () => {
  for (const end of endings.reverse()) await end();
  rmSync(folder, { recursive: true });
});

/** Those of this machine, without what names servers. */
const ownEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(DATABASE|SMTP|TIDINGS|SEALING|PROVIDERS|VAPID)(_|$)|^TEMPORAL_(ADDRESS|NAMESPACE)|_PORT/.test(
          name,
        ),
    ),
  );

const look = (environment: NodeJS.ProcessEnv) =>
  diagnose({
    environment: { ...ownEnvironment(), ...environment },
    dataDir: folder,
    canDownload: () => Promise.resolve(false),
  });
const of = (findings: Finding[], name: string) =>
  findings.filter((finding) => finding.name === name);
const lacks = (findings: Finding[]) => findings.filter(({ status }) => status === "missing");

async function run(program: string, args: string[], environment: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [program, ...args], { env: environment });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [exitCode] = (await once(child, "close")) as [number];
  return { text, exitCode };
}

const doctor = (environment: NodeJS.ProcessEnv, ...args: string[]) =>
  run(compiled("cli/doctor.js"), ["--data", folder, ...args], {
    ...ownEnvironment(),
    ...environment,
  });

describe("npm run doctor", () => {
  it("finds all well on this machine: a line each, and 0", async () => {
    const { text, exitCode } = await doctor({});
    expect(text).toContain("Nothing that is required is missing.");
    expect(text).toMatch(/^ok +Embedded PostgreSQL +\d+\.\d+/m);
    for (const line of text.trimEnd().split("\n").slice(0, -2))
      expect(line).toMatch(/^(ok {7}\w.*|warning {2}\w.* → .+\.)$/);
    expect(exitCode).toBe(0);
  });

  it("exits with 1 if something required is missing, and says how to fix it, in JSON as well", async () => {
    const nothing = join(folder, "nothing");
    const environment = { TEMPORAL_CLI_PATH: nothing };
    const { text, exitCode } = await doctor(environment);
    expect(text).toContain(
      `missing  Temporal CLI          TEMPORAL_CLI_PATH names ${nothing}, which is not a program that can be run → Correct it, or unset TEMPORAL_CLI_PATH.`,
    );
    expect(exitCode).toBe(1);

    const json = await doctor(environment, "--json");
    const document = JSON.parse(json.text) as { ok: boolean; findings: Finding[] };
    expect(document).toEqual({ ok: false, findings: expect.any(Array) });
    for (const { name, status, found, mend } of document.findings) {
      expect([name, found]).toEqual([expect.any(String), expect.any(String)]);
      expect(["ok", "warning", "missing"]).toContain(status);
      expect(mend === null).toBe(status === "ok");
    }
    expect(lacks(document.findings).map(({ name }) => name)).toEqual(["Temporal CLI"]);
    expect(json.exitCode).toBe(1);
  });

  it("speaks before anything is installed or compiled", async () => {
    mkdirSync(join(folder, "cli/doctor"), { recursive: true });
    for (const file of ["package.json", "cli/doctor/begin.js"])
      cpSync(join(packageRoot, file), join(folder, file));
    const begin = join(folder, "cli/doctor/begin.js");
    const { text, exitCode } = await run(begin, [], ownEnvironment());
    expect(text).toBe('missing  npm packages  not installed → Run "npm ci".\n\n1 missing.\n');
    expect(exitCode).toBe(1);
    expect(JSON.parse((await run(begin, ["--json"], ownEnvironment())).text)).toMatchObject({
      ok: false,
      findings: [{ name: "npm packages", status: "missing" }],
    });
  });
});

describe("the receiver of events", () => {
  const name = "Events receiver";
  const EVENTS_SECRET = "s".repeat(24);

  it("is looked at only if there is one whose settings can be read", async () => {
    expect(of(await look({}), name)).toEqual([]);
    expect(of(await look({ EVENTS_URL: "http://127.0.0.1:9000/" }), name)).toEqual([]);
    const unreadable = { EVENTS_URL: "http://127.0.0.1:9000/", EVENTS_SECRET };
    expect(of(await look({ ...unreadable, HTTP_ALLOW_PORTS: "many" }), name)).toEqual([]);
  });

  it("on this machine is allowed by npm start, and by settings for workers that run alone", async () => {
    const receiver = { EVENTS_URL: "http://127.0.0.1:9000/hook?secret=1", EVENTS_SECRET };
    const settings = 'HTTP_ALLOW_PRIVATE="127.0.0.0/8 ::1/128" HTTP_ALLOW_PORTS="9000"';
    expect(of(await look(receiver), name)).toMatchObject([
      {
        status: "ok",
        found: `127.0.0.1:9000, with npm start; a worker that runs alone needs ${settings}`,
      },
    ]);
    const allowed = { HTTP_ALLOW_PRIVATE: "127.0.0.1", HTTP_ALLOW_PORTS: "9000" };
    expect(of(await look({ ...receiver, ...allowed }), name)).toMatchObject([
      { status: "ok", found: "127.0.0.1:9000, allowed" },
    ]);
  });

  it("on a private address is not allowed, and each setting that is lacking is named", async () => {
    const receiver = { EVENTS_URL: "http://10.1.2.3:9000/hook", EVENTS_SECRET };
    expect(of(await look(receiver), name)).toMatchObject([
      { status: "missing", mend: "Add 9000 to HTTP_ALLOW_PORTS" },
      {
        status: "missing",
        mend: "Add 10.1.2.3, or the range that it is in, to HTTP_ALLOW_PRIVATE",
      },
    ]);
  });
});

describe("the time zone data", () => {
  const found = async (version: string) => {
    const zones = join(folder, "zoneinfo");
    writeZoneFolder(zones, { version, zones: { "Europe/London": "GMT0BST,M3.5.0/1,M10.5.0" } });
    return of(await look({ TZDIR: zones }), "Time zone data");
  };

  it("is named with its version and where it is from", async () => {
    const zones = join(folder, "zoneinfo");
    expect(await found("2098a")).toMatchObject([
      { status: "ok", found: `2098a, released at least 0 days ago, from ${zones}` },
    ]);
  });

  it("is a warning where the system's is old, and Node.js's too", async () => {
    const [finding] = await found("1999a");
    // What Node.js brings may be new enough.
    if (process.versions["tz"]! >= knownVersion) expect(finding).toMatchObject({ status: "ok" });
    else
      expect(finding).toMatchObject({
        status: "warning",
        found: expect.stringContaining(`is older than ${knownVersion}`),
        mend: expect.stringContaining("package tzdata"),
      });
  });

  it("comes with how many recipients have a time zone that is no name of IANA's", async () => {
    const database = await createTestDatabase();
    endings.push(() => database.drop());
    await database.prisma.$executeRaw`
      INSERT INTO recipients (id, external_id, time_zone, locale)
      SELECT gen_random_uuid(), n::text, CASE WHEN n < 3 THEN 'BST' WHEN n < 4 THEN 'SystemV/PST8' ELSE 'us/eastern' END, 'en' FROM generate_series(1, 9) AS n`;
    expect(of(await look({ DATABASE_URL: database.url }), "Recipients' time zones")).toMatchObject([
      { status: "warning", found: "not in IANA's data: BST (2), SystemV/PST8 (1)" },
    ]);
  });
});

describe("what is installed", () => {
  it("is named where it differs from package-lock.json, but for what other platforms and development need", async () => {
    const lock = (packages: object) => JSON.stringify({ packages });
    writeFileSync(join(folder, "package.json"), '{"engines":{"node":">=99.1"}}');
    writeFileSync(
      join(folder, "package-lock.json"),
      lock({
        "": {},
        "node_modules/a": { version: "1.0.0" },
        "node_modules/b": { version: "1.0.0" },
        "node_modules/c/node_modules/d": { version: "1.0.0" },
        "node_modules/e": { version: "1.0.0", optional: true },
        "node_modules/f": { version: "1.0.0", dev: true },
      }),
    );
    const findings = () => runChecks(installationChecks(folder));
    const mend = 'Run "npm ci"';
    expect(await findings()).toMatchObject([
      {
        name: "Node.js",
        status: "missing",
        mend: expect.stringContaining("Install 99.1 or newer"),
      },
      { status: "missing", found: expect.stringContaining("node_modules"), mend },
      { name: "Build", status: "missing", mend: 'Run "npm run build"' },
    ]);
    mkdirSync(join(folder, "node_modules"));
    writeFileSync(
      join(folder, "node_modules/.package-lock.json"),
      lock({ "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "1.1.0" } }),
    );
    expect((await findings())[1]).toMatchObject({ found: expect.stringMatching(/: b, d$/), mend });
  });

  it("is not enough without a Temporal CLI, nor a way to one", async () => {
    const empty = { PATH: "", XDG_CACHE_HOME: folder };
    const findings = await look(empty);
    expect(of(findings, "Temporal CLI")).toEqual([
      {
        name: "Temporal CLI",
        status: "missing",
        found: expect.stringContaining("no Go to build it with"),
        mend: expect.stringContaining(
          "Install the Temporal CLI (https://docs.temporal.io/cli) or Go",
        ),
      },
    ]);
    expect(of(findings, "Temporal test server")).toMatchObject([
      { status: "warning", mend: expect.stringContaining("Install both") },
    ]);
    expect(report(findings, { json: false }).exitCode).toBe(1);

    const named = await look({ ...empty, TEMPORAL_ADDRESS: inject("temporalAddress") });
    expect(of(named, "Temporal CLI")).toMatchObject([{ status: "ok" }]);
  });
});

describe("the database that is named", () => {
  it("is well where it answers and is up to date", async () => {
    const database = await createTestDatabase();
    endings.push(() => database.drop());
    const findings = await look({ DATABASE_URL: database.url });
    for (const name of ["Database", "Migrations", "Extension pg_trgm"])
      expect(of(findings, name)).toMatchObject([{ status: "ok" }]);
    expect(JSON.stringify(findings)).not.toContain(new URL(database.url).password);
  });

  it("is missing if no server answers, or refuses this password, and the password is not shown", async () => {
    const port = await freePort();
    const away = await look({
      DATABASE_URL: `postgresql://tidings:${password}@127.0.0.1:${port}/tidings`,
    });
    expect(of(away, "Database")).toEqual([
      {
        name: "Database",
        status: "missing",
        found: `127.0.0.1:${port}/tidings: connect ECONNREFUSED 127.0.0.1:${port}`,
        mend: "Start it, or correct DATABASE_URL",
      },
    ]);
    expect(of(away, "Migrations")).toEqual([]);
    expect(JSON.stringify(away)).not.toContain(password);

    const wrong = new URL(inject("postgresUrl"));
    wrong.password = password;
    const refused = await look({ DATABASE_URL: wrong.href });
    expect(of(refused, "Database")).toMatchObject([
      { status: "missing", mend: "Correct user and password in DATABASE_URL" },
    ]);
    expect(JSON.stringify(refused)).not.toContain(password);
  });

  it("has the keys that its sealed values need, or the missing one is named, and no key is shown", async () => {
    const database = await createTestDatabase();
    endings.push(() => database.drop());
    const sealing = async (keys?: string) => {
      const findings = await look({
        DATABASE_URL: database.url,
        ...(keys !== undefined && { SEALING_KEYS: keys }),
      });
      if (keys) expect(JSON.stringify(findings)).not.toContain(keys.split(":")[1]);
      return of(findings, "Sealing keys");
    };
    expect(await sealing()).toMatchObject([
      { status: "warning", found: expect.stringContaining("SEALING_KEYS is not set") },
    ]);
    const pool = new Pool({ connectionString: database.url });
    await storeAddresses(pool, createSealer({ pool, masterKeys: [masterKey("k1")] }), 2);
    await pool.end();
    expect(await sealing(sealingKeys(["k1"]))).toMatchObject([
      { status: "ok", found: "data keys: 1, all of which can be decrypted" },
    ]);
    const found =
      "SEALING_KEYS lacks the key k1, which 2 stored values need. Add it again, behind the others";
    expect(await sealing()).toMatchObject([{ status: "warning", found }]);
    expect(await sealing(sealingKeys(["k2"]))).toMatchObject([{ status: "warning", found }]);
    await database.prisma.$executeRaw`DELETE FROM data_keys`;
    expect(await sealing(sealingKeys(["k1"]))).toMatchObject([
      { found: expect.stringContaining("lacks the data key 1, which 2 stored values need") },
    ]);
  });

  it("is missing migrations where it is behind, or where they were edited", async () => {
    const database = await createTestDatabase();
    endings.push(() => database.drop());
    await database.prisma
      .$executeRaw`DELETE FROM _prisma_migrations WHERE started_at = (SELECT max(started_at) FROM _prisma_migrations)`;
    const behind = await look({ DATABASE_URL: database.url });
    expect(of(behind, "Migrations")).toEqual([
      {
        name: "Migrations",
        status: "missing",
        found: expect.stringMatching(/^The database lacks \d{14}_\w+$/),
        mend: 'Run "npm run db:migrate"',
      },
    ]);
    expect(report(behind, { json: false }).exitCode).toBe(1);

    await database.prisma.$executeRaw`UPDATE _prisma_migrations SET checksum = 'another'`;
    expect(of(await look({ DATABASE_URL: database.url }), "Migrations")).toContainEqual(
      expect.objectContaining({
        status: "missing",
        found: expect.stringContaining("Edited after they were applied"),
      }),
    );
  });

  it("needs a role that may create the extension for searches", async () => {
    const database = await createEmptyDatabase();
    const url = new URL(database.url);
    const role = url.pathname.slice(1);
    await database.prisma.$executeRawUnsafe(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    endings.push(async () => {
      await database.prisma.$executeRawUnsafe(`DROP ROLE ${role}`);
      await database.drop();
    });
    [url.username, url.password] = [role, password];
    expect(of(await look({ DATABASE_URL: url.href }), "Extension pg_trgm")).toMatchObject([
      { status: "missing", mend: expect.stringContaining("GRANT CREATE ON DATABASE") },
    ]);
    await database.prisma.$executeRawUnsafe(`GRANT CREATE ON DATABASE ${role} TO ${role}`);
    expect(of(await look({ DATABASE_URL: url.href }), "Extension pg_trgm")).toMatchObject([
      { status: "ok", found: expect.stringContaining("this role may create it") },
    ]);
    await database.prisma.$executeRawUnsafe(`REVOKE CREATE ON DATABASE ${role} FROM ${role}`);
  });
});

describe("the Temporal server that is named", () => {
  it("is well where the namespace knows our search attributes", async () => {
    const environment = await createDevServer();
    endings.push(() => environment.teardown());
    const findings = await look({
      TEMPORAL_ADDRESS: inject("temporalAddress"),
      TEMPORAL_NAMESPACE: environment.client.options.namespace,
    });
    expect(of(findings, "Temporal")).toMatchObject([{ status: "ok" }]);
    expect(of(findings, "Search attributes")).toMatchObject([{ status: "ok" }]);
  });

  it("is missing without its namespace, or if no server answers", async () => {
    const address = inject("temporalAddress");
    const unknown = await look({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: "elsewhere" });
    expect(of(unknown, "Temporal")).toEqual([
      {
        name: "Temporal",
        status: "missing",
        found: `${address} has no namespace "elsewhere"`,
        mend: expect.stringContaining("temporal operator namespace create --namespace elsewhere"),
      },
    ]);
    const away = await look({ TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` });
    expect(of(away, "Temporal")).toMatchObject([
      {
        status: "missing",
        found: expect.stringContaining("no answer"),
        mend: expect.stringContaining("TEMPORAL_ADDRESS"),
      },
    ]);
  });
});

describe("the mail server that is named", () => {
  async function serve(options: SMTPServerOptions) {
    const messages: string[] = [];
    const server = new SMTPServer({
      onAuth: (auth, _, done) =>
        auth.password === password
          ? done(null, { user: auth.username })
          : done(new Error(`not ${auth.password}`)),
      onData: (stream, session, done) => {
        messages.push(session.id);
        stream.resume().on("end", () => done());
      },
      authOptional: true,
      ...options,
    });
    server.on("error", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    endings.push(() => new Promise<void>((resolve) => server.close(resolve)));
    const { port } = server.server.address() as AddressInfo;
    return { port, messages };
  }
  const smtp = async (url: string) => of(await look({ SMTP_URL: url }), "SMTP smtp-1");

  it("is greeted, and signed in to over TLS, and sent nothing", async () => {
    const { port, messages } = await serve({});
    const url = `smtp://ada:${password}@127.0.0.1:${port}?tls=unverified`;
    expect(await smtp(url)).toMatchObject([
      { status: "ok", found: expect.stringMatching(/TLSv1\.\d, signed in$/) },
    ]);
    expect(messages).toEqual([]);
    expect(await smtp(`smtp://ada:${password}@127.0.0.1:${port}?tls=required`)).toMatchObject([
      {
        status: "missing",
        found: expect.stringMatching(/certificate|self-signed/),
        mend: expect.stringContaining("set tls to unverified"),
      },
    ]);
  });

  it("is missing at the wrong port", async () => {
    const port = await freePort();
    expect(await smtp(`smtp://127.0.0.1:${port}`)).toEqual([
      {
        name: "SMTP smtp-1",
        status: "missing",
        found: `127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
        mend: expect.stringContaining("correct host and port in the URL"),
      },
    ]);
  });

  it("is missing where it refuses the credentials, offers no TLS that is required, or no authentication", async () => {
    const { port } = await serve({});
    const refused = await smtp(`smtp://ada:another-${password}@127.0.0.1:${port}?tls=unverified`);
    expect(refused).toMatchObject([
      { status: "missing", mend: expect.stringContaining("Correct user and password") },
    ]);
    expect(JSON.stringify(refused)).not.toContain(password);

    const plain = await serve({ hideSTARTTLS: true, disabledCommands: ["STARTTLS", "AUTH"] });
    expect(await smtp(`smtp://127.0.0.1:${plain.port}`)).toMatchObject([
      { status: "ok", found: expect.stringContaining("without TLS") },
    ]);
    expect(await smtp(`smtp://127.0.0.1:${plain.port}?tls=required`)).toMatchObject([
      { status: "missing", found: expect.stringContaining("TLS is required and fails") },
    ]);
    const secure = await serve({ secure: true, disabledCommands: ["AUTH"] });
    expect(
      await smtp(`smtps://ada:${password}@127.0.0.1:${secure.port}?tls=unverified`),
    ).toMatchObject([
      { status: "missing", found: expect.stringContaining("offers no authentication") },
    ]);
  });

  it("is missing where the password could be read on its way", async () => {
    const { port } = await serve({
      hideSTARTTLS: true,
      disabledCommands: ["STARTTLS"],
      allowInsecureAuth: true,
    });
    for (const tls of ["", "?tls=unverified"])
      expect(await smtp(`smtp://ada:${password}@127.0.0.1:${port}${tls}`)).toMatchObject([
        {
          status: "missing",
          found: expect.stringContaining("TLS is required and fails"),
          mend: expect.stringContaining("a password is never sent without TLS"),
        },
      ]);
  });
});

describe("this machine", () => {
  it("has every fault of the configuration listed, without its value", async () => {
    const findings = of(
      await look({
        SMTP_URL: `mail:${password}`,
        API_BODY_LIMIT_BYTES: "some",
        RETRY_CAP_MS: "10",
      }),
      "Configuration",
    );
    expect(findings.map(({ status, mend }) => [status, mend])).toEqual(
      ["API_BODY_LIMIT_BYTES", "SMTP_URL"].map((name) => [
        "missing",
        `Correct ${name}: see docs/configuration.md`,
      ]),
    );
    expect(JSON.stringify(findings)).not.toContain(password);
  });

  it("lacks a configured port that is in use, and ignores a default port that is in use", async () => {
    const occupant = createServer();
    occupant.listen(0, "127.0.0.1");
    await once(occupant, "listening");
    endings.push(() => occupant.close());
    const { port } = occupant.address() as AddressInfo;
    const findings = of(await look({ POSTGRES_PORT: String(port), SMTP_PORT: "none" }), "Ports");
    expect(findings).toContainEqual({
      name: "Ports",
      status: "missing",
      found: `${port} (PostgreSQL) is in use`,
      mend: "Stop the program that listens there, or change POSTGRES_PORT",
    });
    expect(lacks(findings).map(({ found }) => found)).toContain("SMTP_PORT is not a port");
    expect(lacks(of(await look({ DATABASE_URL: "postgresql://127.0.0.1:1/a" }), "Ports"))).toEqual(
      [],
    );
  });
});
