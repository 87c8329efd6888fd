import { createHmac } from "node:crypto";

/**
 * What the header `Tidings-Signature` says of a body, for whoever shares the secret: when it was signed, in seconds since 1970,
 * and HMAC with SHA-256 of that, a dot and the body. A receiver that refuses old ones is safe from repeats by others.
 */
export function signatureOf({
  secret,
  body,
  at,
}: {
  secret: string;
  body: string;
  at: Date;
}): string {
  const seconds = Math.floor(at.getTime() / 1_000);
  const digest = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v1=${digest}`;
}
