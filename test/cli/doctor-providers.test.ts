import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Finding, runChecks } from "../../cli/doctor/check.ts";
import { configurationCheck } from "../../cli/doctor/configuration.ts";
import { pushChecks } from "../../cli/doctor/push.ts";
import { smtpChecks } from "../../cli/doctor/smtp.ts";
import { freePort } from "../../cli/stack/ports.ts";
import { createVapidKey, publicKeyOf } from "../../config/vapid.ts";
import { pushCertificate } from "../support/push-certificate.ts";
import { startPushService } from "../support/push-service.ts";
import { waitMs } from "../support/patience.ts";

const password = "hunter2-of-the-tests";

let folder: string;
const endings: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tidings-doctor-"));
});
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
  rmSync(folder, { recursive: true });
});

const surroundings = (environment: NodeJS.ProcessEnv) => ({ environment, dataDir: folder });

describe("the SMTP servers in PROVIDERS", () => {
  /** A server that accepts one password, and fails the test if it is sent a message. */
  async function serve(options: SMTPServerOptions = {}): Promise<number> {
    const messages: string[] = [];
    const server = new SMTPServer({
      onAuth: (auth, _, done) =>
        auth.password === password
          ? done(null, { user: auth.username })
          : done(new Error(`not ${auth.password}`)),
      onMailFrom: ({ address }, _, done) => {
        messages.push(address);
        done();
      },
      authOptional: true,
      ...options,
    });
    server.on("error", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    endings.push(async () => {
      await new Promise<void>((resolve) => server.close(resolve));
      expect(messages).toEqual([]);
    });
    return (server.server.address() as AddressInfo).port;
  }
  const look = (list: object[]) => {
    const given = surroundings({ PROVIDERS: JSON.stringify(list) });
    return runChecks([configurationCheck(given), ...smtpChecks(given)], waitMs);
  };
  const url = (port: number, user = "") => `smtp://${user}127.0.0.1:${port}`;

  it("are each connected to, and signed in to with the password of a file, and sent nothing", async () => {
    const [main, backup] = [await serve(), await serve({ hideSTARTTLS: true })];
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, `${password}\n`);
    const findings = await look([
      {
        kind: "smtp",
        name: "main",
        url: url(main, "ada@"),
        passwordFile,
        tls: "unverified",
        perDay: 50_000,
      },
      { kind: "smtp", name: "backup", url: url(backup) },
      { kind: "smtp", name: "gone", url: url(await freePort()) },
    ]);
    expect(findings).toMatchObject([
      { name: "Configuration", status: "ok", found: "set: PROVIDERS" },
      {
        name: "SMTP main",
        status: "ok",
        found: expect.stringMatching(/^127\.0\.0\.1:\d+, TLSv1\.\d, signed in$/),
      },
      { name: "SMTP backup", status: "ok", found: expect.stringContaining("without TLS") },
      {
        name: "SMTP gone",
        status: "missing",
        found: expect.stringContaining("ECONNREFUSED"),
        mend: expect.stringContaining("correct host and port in the URL"),
      },
    ]);
    expect(JSON.stringify(findings)).not.toContain(password);
  });

  it("are refused with the wrong password, which is not shown", async () => {
    const port = await serve();
    const wrong = `another-${password}`;
    const server = { kind: "smtp", name: "main", url: url(port, `ada:${wrong}@`) };
    const findings = await look([{ ...server, tls: "unverified" }]);
    expect(findings.at(-1)).toMatchObject({
      status: "missing",
      found: expect.stringContaining("refuses the credentials"),
    });
    expect(JSON.stringify(findings)).not.toContain(password);
  });

  it("are not looked at while the configuration has a fault, which is reported without secrets", async () => {
    const at = `smtp://ada:${password}@mail.example.org`;
    const faulty = await look([
      { kind: "smtp", name: "main", url: at },
      { kind: "smtp", name: "main", url: at, perDay: "many" },
    ]);
    expect(faulty).toEqual([
      {
        name: "Configuration",
        status: "missing",
        found: "PROVIDERS entry 2 (main): perDay must be a whole number from 1 to 1000000000",
        mend: "Correct PROVIDERS: see docs/configuration.md",
      },
    ]);
    const both = surroundings({
      SMTP_URL: at,
      PROVIDERS: JSON.stringify([{ kind: "smtp", name: "main", url: at }]),
    });
    const found = await runChecks([configurationCheck(both), ...smtpChecks(both)]);
    expect(found).toMatchObject([
      { status: "missing", found: expect.stringContaining("both name SMTP servers") },
    ]);
    expect(JSON.stringify([faulty, found])).not.toContain(password);
  });
});

describe("web push", () => {
  const privateKey = createVapidKey();
  const keys = {
    VAPID_PRIVATE_KEY: privateKey,
    VAPID_PUBLIC_KEY: publicKeyOf(privateKey),
    VAPID_SUBJECT: "mailto:ops@example.org",
  };
  const look = (
    environment: NodeJS.ProcessEnv,
    way: Parameters<typeof pushChecks>[1] = { origins: [] },
  ) => runChecks(pushChecks(surroundings(environment), way), waitMs);
  const statuses = (findings: readonly Finding[]) => findings.map(({ status }) => status);

  it("is not examined without a private key, or while a setting has a fault", async () => {
    expect(await look({})).toEqual([]);
    expect(await look({ VAPID_PUBLIC_KEY: keys.VAPID_PUBLIC_KEY })).toEqual([]);
    expect(await look({ ...keys, HTTP_ALLOW_PORTS: "https" })).toEqual([]);
  });

  it("has keys that form pairs and sign", async () => {
    expect(await look(keys)).toMatchObject([
      { name: "VAPID keys", status: "ok", found: "a pair that signs" },
    ]);
    const older = `${privateKey}\n${createVapidKey()}`;
    expect(await look({ ...keys, VAPID_PRIVATE_KEY: older })).toMatchObject([
      { status: "ok", found: "2 pairs that sign" },
    ]);
  });

  it("lacks a pair where the public key is another's", async () => {
    const foreign = publicKeyOf(createVapidKey());
    const findings = await look({ ...keys, VAPID_PUBLIC_KEY: foreign });
    expect(findings).toMatchObject([
      { status: "missing", found: expect.stringContaining("is not the public key of the first") },
    ]);
    expect(JSON.stringify(findings)).not.toContain(privateKey);
  });

  it("warns where the API has no public key, and names it", async () => {
    expect(await look({ ...keys, VAPID_PUBLIC_KEY: "" })).toMatchObject([
      {
        status: "warning",
        mend: expect.stringContaining(`VAPID_PUBLIC_KEY=${keys.VAPID_PUBLIC_KEY}`),
      },
    ]);
  });

  it("reaches each push service over TLS at an allowed address, without a request", async () => {
    const service = await startPushService();
    endings.push(() => service.stop());
    const allowed = {
      ...keys,
      HTTP_ALLOW_PRIVATE: "127.0.0.0/8",
      HTTP_ALLOW_PORTS: String(service.port),
    };
    const way = {
      origins: [
        `https://fcm.googleapis.com:${service.port}`,
        `https://push.example.test:${service.port}`,
      ],
      resolve: () => Promise.resolve(["127.0.0.1"]),
      ca: pushCertificate.cert,
    };
    expect((await look(allowed, way)).slice(1)).toEqual([
      {
        name: "Push service push/fcm",
        status: "ok",
        found: expect.stringMatching(/^fcm\.googleapis\.com:\d+, TLSv1\.\d$/),
        mend: null,
      },
      {
        name: "Push service push/other",
        status: "ok",
        found: expect.stringMatching(/^push\.example\.test:\d+, TLSv1\.\d$/),
        mend: null,
      },
    ]);
    expect([service.received, service.faults]).toEqual([[], []]);

    const refused = await look({ ...allowed, HTTP_ALLOW_PRIVATE: "" }, way);
    expect(refused[1]).toMatchObject({
      status: "warning",
      found: expect.stringContaining("has the address 127.0.0.1, which is not public"),
      mend: expect.stringContaining("HTTP_ALLOW_PRIVATE"),
    });
    const { ca: _, ...untrusted } = way;
    expect((await look(allowed, untrusted))[1]).toMatchObject({
      status: "warning",
      found: expect.stringContaining("cannot be reached from here"),
      mend: expect.stringContaining("a proxy that inspects TLS"),
    });
  });

  it("warns about services that cannot be reached from here", async () => {
    const port = await freePort();
    const findings = await look(
      { ...keys, HTTP_ALLOW_PRIVATE: "127.0.0.0/8", HTTP_ALLOW_PORTS: String(port) },
      {
        origins: [`https://fcm.googleapis.com:${port}`, "https://web.push.apple.com"],
        resolve: (host) =>
          host === "fcm.googleapis.com"
            ? Promise.resolve(["127.0.0.1"])
            : Promise.reject(new Error("no such host")),
      },
    );
    expect(statuses(findings)).toEqual(["ok", "warning", "warning"]);
    expect(findings[1]!.found).toMatch(/cannot be reached from here: ECONNREFUSED$/);
    expect(findings[2]!.found).toContain("web.push.apple.com cannot be reached from here");
  });
});
