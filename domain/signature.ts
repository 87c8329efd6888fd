import { createHmac } from "node:crypto";

/**
 * The value of the header `Tidings-Signature` for a body. It contains the time of signing in seconds since 1970, and for each secret an HMAC
 * with SHA-256 over that time, a dot and the body. So a receiver that knows one of the secrets can verify the body while a secret is being
 * replaced. A receiver that refuses old times is safe from replays.
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
