import { createHmac } from "node:crypto";

/**
 * What the header `Tidings-Signature` says of a body, for whoever shares a secret: when it was signed, in seconds since 1970,
 * and for each secret HMAC with SHA-256 of that, a dot and the body, so that a receiver that knows one of them can check it while another
 * takes its place. A receiver that refuses old ones is safe from repeats by others.
 */
export function signatureOf({
  secrets,
  body,
  at,
}: {
  secrets: readonly string[];
  body: string;
  at: Date;
}): string {
  const seconds = Math.floor(at.getTime() / 1_000);
  const signatures = secrets.map(
    (secret) => `v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`,
  );
  return [`t=${seconds}`, ...signatures].join(",");
}
