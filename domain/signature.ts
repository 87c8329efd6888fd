import { createHash, createHmac } from "node:crypto";

interface Signing {
  /** The newest first. Each of them signs, so that a receiver which knows any of them can check while one replaces another. */
  secrets: readonly string[];
  body: string;
  at: Date;
}

const secondsOf = (at: Date) => Math.floor(at.getTime() / 1_000);

/**
 * Returns the header `Tidings-Signature`: the time of signing in seconds since 1970, and for each secret the HMAC with SHA-256 of that
 * time, a dot and the body, in hex. A receiver that refuses old times is safe from repetitions by others.
 */
export function signatureOf({ secrets, body, at }: Signing): string {
  const seconds = secondsOf(at);
  const signatures = secrets.map(
    (secret) => `v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`,
  );
  return [`t=${seconds}`, ...signatures].join(",");
}

/** How Standard Webhooks writes a secret in base64. */
const standardPrefix = "whsec_";

const isBase64 = (text: string) =>
  /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);

/** A secret that begins with `whsec_` has to continue in base64, or a receiver's library cannot read it. */
export const isSigningSecret = (secret: string): boolean =>
  !secret.startsWith(standardPrefix) || isBase64(secret.slice(standardPrefix.length));

/** The key of a secret: the bytes behind `whsec_`, or the text itself. */
const keyOf = (secret: string) =>
  secret.startsWith(standardPrefix)
    ? Buffer.from(secret.slice(standardPrefix.length), "base64")
    : secret;

/** Returns the headers of Standard Webhooks (https://www.standardwebhooks.com) for a message with an id, with a signature for each secret. */
export function standardWebhookHeaders({
  id,
  secrets,
  body,
  at,
}: Signing & { id: string }): Record<
  "webhook-id" | "webhook-timestamp" | "webhook-signature",
  string
> {
  const seconds = String(secondsOf(at));
  const signatures = secrets.map(
    (secret) =>
      `v1,${createHmac("sha256", keyOf(secret)).update(`${id}.${seconds}.${body}`).digest("base64")}`,
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": seconds,
    "webhook-signature": signatures.join(" "),
  };
}

/** Returns the id of a batch: the same for the same events in the same order, so that a receiver recognises a batch that is repeated. */
export const batchId = (eventIds: readonly string[]): string =>
  `batch_${createHash("sha256").update(eventIds.join()).digest("base64url")}`;
