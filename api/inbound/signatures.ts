import { createHash, createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";

/** A webhook as it arrived. */
export interface SignedRequest {
  header: (name: string) => string | undefined;
  body: Buffer;
}

/** Compares secrets of any length in constant time. */
const isSame = (a: string, b: string): boolean =>
  timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());

/** Verifies the ECDSA signature of SendGrid over the instant and the body. */
export function isFromSendGrid({ header, body }: SignedRequest, publicKey: string): boolean {
  const signature = header("x-twilio-email-event-webhook-signature") ?? "";
  const timestamp = header("x-twilio-email-event-webhook-timestamp") ?? "";
  const key = createPublicKey({
    key: Buffer.from(publicKey, "base64"),
    format: "der",
    type: "spki",
  });
  const signed = Buffer.concat([Buffer.from(timestamp), body]);
  return verify("sha256", signed, key, Buffer.from(signature, "base64"));
}

/** Mailgun repeats a webhook for eight hours. */
const mailgunToleranceMs = 12 * 3_600_000;

/** Verifies the signature of Mailgun over an instant and a token. It does not cover the rest of the body: the token is valid for one webhook. */
export function isFromMailgun(body: unknown, signingKeys: readonly string[], now: Date): boolean {
  const { signature: sent } = (body ?? {}) as { signature?: Record<string, unknown> };
  const { timestamp, token, signature } = sent ?? {};
  if ([timestamp, token, signature].some((part) => typeof part !== "string")) return false;
  const ageMs = Math.abs(now.getTime() - Number(timestamp) * 1_000);
  if (!(ageMs <= mailgunToleranceMs)) return false;
  return signingKeys.some((key) =>
    isSame(
      signature as string,
      createHmac("sha256", key)
        .update(`${timestamp as string}${token as string}`)
        .digest("hex"),
    ),
  );
}

/** Verifies the password of HTTP Basic, which Postmark sends instead of a signature. */
export function isFromPostmark({ header }: SignedRequest, secrets: readonly string[]): boolean {
  const [, credentials = ""] = /^Basic +([\w+/=]+)$/i.exec(header("authorization") ?? "") ?? [];
  const decoded = Buffer.from(credentials, "base64").toString();
  const password = decoded.slice(decoded.indexOf(":") + 1);
  return decoded.includes(":") && secrets.some((secret) => isSame(password, secret));
}
