import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dkimKeys } from "./dkim.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-dkim-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}
const format = { type: "pkcs8", format: "pem" } as const;
const rsa = (modulusLength: number) =>
  generateKeyPairSync("rsa", { modulusLength }).privateKey.export(format).toString();
const edwards = generateKeyPairSync("ed25519");
const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" });

describe("DKIM_KEYS", () => {
  it("names keys of both kinds by their DNS records", () => {
    const one = write("rsa.pem", rsa(2_048));
    const other = write("edwards.pem", edwards.privateKey.export(format).toString());
    const keys = dkimKeys.parse(
      `s1._domainkey.example.org=${one}\n  a.b._domainkey.Mail.Example.org=${other} `,
    );
    expect(
      keys.map(({ domain, selector, key }) => [domain, selector, key.asymmetricKeyType]),
    ).toEqual([
      ["example.org", "s1", "rsa"],
      ["mail.example.org", "a.b", "ed25519"],
    ]);
    expect(dkimKeys.parse(undefined)).toEqual([]);
  });

  it.each([
    ["s1.example.org=/key.pem", /_domainkey/],
    ["s1._domainkey.example.org", /_domainkey/],
    ["s1._domainkey.example.org=/nowhere/key.pem", /cannot be read/],
    [`s1._domainkey.example.org=${write("text.pem", "nothing")}`, /not a private key/],
    [`s1._domainkey.example.org=${write("short.pem", rsa(512))}`, /fewer than 1024 bits/],
    [
      `s1._domainkey.example.org=${write("ec.pem", elliptic.privateKey.export(format).toString())}`,
      /neither RSA nor Ed25519/,
    ],
    [
      `s1._domainkey.example.org=${write("public.pem", edwards.publicKey.export({ type: "spki", format: "pem" }).toString())}`,
      /not a private key/,
    ],
  ])("refuses %s", (text, message) => {
    const { error } = dkimKeys.safeParse(text);
    expect(error?.issues.map((issue) => issue.message)).toEqual([expect.stringMatching(message)]);
  });
});
