import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";

/** A key that signs the mail of a domain. Its public part is the TXT record `<selector>._domainkey.<domain>`. */
export interface DkimKey {
  domain: string;
  selector: string;
  /** A private key: RSA, or Ed25519 (RFC 8463). */
  key: KeyObject;
}

const leastRsaBits = 1_024;
const format = "must list keys as <selector>._domainkey.<domain>=<file>, separated by white space";

/**
 * The keys that sign mail: each is the name of its DNS record and the file of its private key. A key must be able to sign, so that no message
 * fails because of one later.
 */
export const dkimKeys = z
  .string()
  .default("")
  .transform((list, context): DkimKey[] =>
    list
      .split(/\s+/)
      .filter((entry) => entry !== "")
      .flatMap((entry) => {
        const [, selector, domain, file] =
          /^([a-z0-9-]+(?:\.[a-z0-9-]+)*)\._domainkey\.([a-z0-9.-]+)=(.+)$/i.exec(entry) ?? [];
        const refuse = (message: string) => {
          context.addIssue({ code: "custom", message });
          return [];
        };
        if (!selector || !domain || !file) return refuse(format);
        const read = readKey(file);
        if ("fault" in read) return refuse(`has a key ${file} that ${read.fault}`);
        return [{ selector, domain: domain.toLowerCase(), key: read.key }];
      }),
  );

function readKey(file: string): { key: DkimKey["key"] } | { fault: string } {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch {
    return { fault: "cannot be read" };
  }
  try {
    const key = createPrivateKey(pem);
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
    if (type !== "rsa" && type !== "ed25519") return { fault: "is neither RSA nor Ed25519" };
    // Verifiers ignore shorter keys (RFC 8301, section 3.2).
    if (type === "rsa" && (details?.modulusLength ?? 0) < leastRsaBits)
      return { fault: `has fewer than ${leastRsaBits} bits` };
    sign(type === "rsa" ? "sha256" : null, Buffer.from("trial"), key);
    return { key };
  } catch {
    return { fault: "is not a private key in PEM without a password" };
  }
}
