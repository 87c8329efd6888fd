import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Finding, runChecks } from "../../cli/doctor/check.ts";
import { dnsChecks } from "../../cli/doctor/dns.ts";
import { type Records, startDnsServer } from "../support/dns-server.ts";

const zone = new Map<string, Records>();
let server: Awaited<ReturnType<typeof startDnsServer>>;
let folder: string;
let keys: { rsa: KeyObject; ed25519: KeyObject };
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  server = await startDnsServer(zone);
  folder = mkdtempSync(join(tmpdir(), "tidings-dns-"));
  const [rsa, ed25519] = [
    generateKeyPairSync("rsa", { modulusLength: 2_048 }),
    generateKeyPairSync("ed25519"),
  ];
  keys = { rsa: rsa.publicKey, ed25519: ed25519.publicKey };
  for (const [name, { privateKey }] of Object.entries({ rsa, ed25519 }))
    writeFileSync(join(folder, name), privateKey.export({ type: "pkcs8", format: "pem" }));
  environment = {
    MAIL_FROM: "Tidings <news@example.org>",
    SMTP_URL: "smtp://smtp.example.net:25",
    BOUNCE_DOMAIN: "bounces.example.org",
    DKIM_KEYS: `s1._domainkey.example.org=${folder}/rsa s2._domainkey.example.org=${folder}/ed25519`,
  };
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const rsaRecord = () =>
  `v=DKIM1; k=rsa; p=${keys.rsa.export({ type: "spki", format: "der" }).toString("base64")}`;
const edRecord = () =>
  `v=DKIM1; k=ed25519; p=${Buffer.from(keys.ed25519.export({ format: "jwk" }).x!, "base64url").toString("base64")}`;

/** Everything is as it should be. */
beforeEach(() => {
  zone.clear();
  zone.set("example.org", { txt: ["v=spf1 include:_spf.example.net ~all", "something=else"] });
  zone.set("_spf.example.net", { txt: ["v=spf1 ip4:192.0.2.0/24 a:smtp.example.net -all"] });
  zone.set("bounces.example.org", {
    txt: ["v=spf1 a:smtp.example.net -all"],
    mx: [{ priority: 10, exchange: "in.example.org" }],
  });
  zone.set("in.example.org", { a: ["192.0.2.9"] });
  zone.set("s1._domainkey.example.org", { txt: [rsaRecord()] });
  zone.set("s2._domainkey.example.org", { txt: [edRecord()] });
  zone.set("_dmarc.example.org", { txt: ["v=DMARC1; p=none; rua=mailto:d@example.org"] });
});

const look = (more: NodeJS.ProcessEnv = {}, resolver = server.resolver) =>
  runChecks(dnsChecks({ environment: { ...environment, ...more }, dataDir: folder, resolver }));
const of = (findings: Finding[], name: string) => findings.find((each) => each.name === name);

describe("the records of senders' domains", () => {
  it("are well where all of them are right, and are not looked for without a sender", async () => {
    const findings = await look();
    expect(findings.map(({ name, status }) => [name, status])).toEqual([
      ["SPF example.org", "ok"],
      ["SPF bounces.example.org", "ok"],
      ["DKIM s1._domainkey.example.org", "ok"],
      ["DKIM s2._domainkey.example.org", "ok"],
      ["DMARC example.org", "ok"],
      ["MX bounces.example.org", "ok"],
    ]);
    expect(await look({ MAIL_FROM: "" })).toEqual([]);
  });

  it("are named with what to publish where they are missing", async () => {
    zone.clear();
    const findings = await look();
    expect(findings.every(({ status }) => status === "warning")).toBe(true);
    expect(of(findings, "SPF example.org")!.mend).toContain(
      'example.org. TXT "v=spf1 a:smtp.example.net ~all"',
    );
    for (const [selector, record] of [
      ["s1", rsaRecord()],
      ["s2", edRecord()],
    ] as const)
      expect(of(findings, `DKIM ${selector}._domainkey.example.org`)!.mend).toBe(
        `Publish ${selector}._domainkey.example.org. TXT "${record}"`,
      );
    expect(of(findings, "DMARC example.org")!.mend).toContain(
      '_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:',
    );
    expect(of(findings, "MX bounces.example.org")!.found).toContain("has no MX record");
  });

  it.each<[string, string[], string]>([
    ["two records", ["v=spf1 -all", "v=spf1 ~all"], "2 SPF records"],
    ["a term that is not valid", ["v=spf1 ipv4:192.0.2.1 ~all"], '"ipv4:192.0.2.1"'],
    ["no end", ["v=spf1 ip4:192.0.2.1"], "does not end with ~all or -all"],
    ["an end that permits everybody", ["v=spf1 +all"], "everybody"],
    ["an include without a record", ["v=spf1 include:none.example.net ~all"], "none.example.net"],
    ["a loop", ["v=spf1 include:example.org ~all"], "more than 10 look-ups"],
    [
      "too many look-ups",
      [`v=spf1 ${Array.from({ length: 11 }, (_, n) => `a:h${n}.example.net`).join(" ")} ~all`],
      "more than 10 look-ups",
    ],
  ])("SPF with %s", async (_, txt, found) => {
    zone.set("example.org", { txt });
    expect(of(await look(), "SPF example.org")).toMatchObject({
      status: "warning",
      found: expect.stringContaining(found),
    });
  });

  it.each<[string, () => string[], string]>([
    ["another key", () => [edRecord().replace("ed25519", "rsa")], "another key"],
    ["a revoked key", () => ["v=DKIM1; p="], "revoked"],
    ["a test", () => [`${rsaRecord()}; t=y`], "t=y"],
  ])("DKIM with %s", async (_, txt, found) => {
    zone.set("s1._domainkey.example.org", { txt: txt() });
    expect(of(await look(), "DKIM s1._domainkey.example.org")).toMatchObject({
      status: "warning",
      found: expect.stringContaining(found),
    });
  });

  it.each<[string, string[], string]>([
    ["no policy", ["v=DMARC1; rua=mailto:d@example.org"], "no valid policy"],
    ["no reports", ["v=DMARC1; p=reject"], "no rua="],
    ["two records", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "2 DMARC records"],
  ])("DMARC with %s", async (_, txt, found) => {
    zone.set("_dmarc.example.org", { txt });
    expect(of(await look(), "DMARC example.org")).toMatchObject({
      status: "warning",
      found: expect.stringContaining(found),
    });
  });

  it("of a subdomain: the policy of the domain above it holds", async () => {
    const findings = await look({ MAIL_FROM_DOMAINS: "news.example.org" });
    expect(of(findings, "DMARC news.example.org")).toMatchObject({ status: "ok" });
    expect(of(findings, "SPF news.example.org")).toMatchObject({ status: "warning" });
  });

  it("an MX record whose host has no address", async () => {
    zone.delete("in.example.org");
    expect(of(await look(), "MX bounces.example.org")).toMatchObject({
      status: "warning",
      found: "in.example.org has no address",
    });
  });

  it("are never said to be well where the name server does not answer", async () => {
    for (const name of zone.keys()) zone.set(name, { fails: true });
    const failing = await look();
    expect(failing).toHaveLength(6);
    for (const { status, found } of failing) {
      expect(status).toBe("warning");
      expect(found).toContain("could not be checked");
    }
  });
});
