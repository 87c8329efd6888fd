import { createHash, ECDH } from "node:crypto";
import { z } from "zod";

/*
 * A subscription of a browser to web push (https://www.w3.org/TR/push-api/): the address at a push service to which messages are sent, and the
 * keys with which they are encrypted (RFC 8291). Anybody who has all of it can send to the device.
 */

/** The kind of an address that is a subscription to web push. */
export const webPushKind = "web_push";

/** The longest endpoint in characters. Those of the known push services have a few hundred. */
const maxEndpoint = 2_000;

const publicKeyBytes = 65;
const secretBytes = 16;

/** Decodes base64url with or without padding; null if the text is not exactly that. Some libraries pad the keys of subscriptions. */
function decode(text: string): Buffer | null {
  const bare = text.replace(/={1,2}$/, "");
  const bytes = Buffer.from(bare, "base64url");
  return bytes.toString("base64url") === bare ? bytes : null;
}

/** Whether the bytes are an uncompressed point on the curve P-256 (SEC 1, section 2.3.3). */
function isPoint(bytes: Buffer): boolean {
  if (bytes.length !== publicKeyBytes || bytes[0] !== 4) return false;
  try {
    ECDH.convertKey(bytes, "prime256v1", undefined, undefined, "uncompressed");
    return true;
  } catch {
    return false;
  }
}

/** The schema of base64url; the result has no padding. */
const encoded = (maxLength: number, isValid: (bytes: Buffer) => boolean, message: string) =>
  z
    .string()
    .max(maxLength, { error: message, abort: true })
    .refine((text) => {
      const bytes = decode(text);
      return bytes !== null && isValid(bytes);
    }, message)
    .overwrite((text) => text.replaceAll("=", ""));

/** The schema of a public key on P-256: an uncompressed point in base64url. The result has no padding. */
export const publicKey = encoded(
  90,
  isPoint,
  `must be ${publicKeyBytes} bytes in base64url: an uncompressed point on the curve P-256`,
);

/** The year 2100, the end of the times that the API takes. */
const latestMs = Date.UTC(2100);

/**
 * The schema of a subscription, as `PushSubscription.toJSON()` in a browser returns it. It checks the form of the endpoint only; which
 * endpoints are accepted is a matter of configuration.
 */
export const pushSubscription = z.strictObject({
  endpoint: z
    .string()
    .max(maxEndpoint, { error: `must have at most ${maxEndpoint} characters`, abort: true })
    .refine(
      // A browser serializes the URL, so another spelling does not come from a browser, and would be a second row.
      (text) => URL.canParse(text) && new URL(text).href === text && !text.includes("#"),
      "must be the URL of a push service, as the browser returns it",
    ),
  /** When the push service ends the subscription, in milliseconds since 1970. */
  expirationTime: z
    .number()
    .min(0, "must not be negative")
    .max(latestMs, "must be an instant in milliseconds since 1970, before the year 2100")
    .nullable()
    .optional(),
  keys: z.strictObject({
    p256dh: publicKey,
    auth: encoded(
      26,
      (bytes) => bytes.length === secretBytes,
      `must be ${secretBytes} bytes in base64url`,
    ),
  }),
});

export type PushSubscription = z.output<typeof pushSubscription>;

/** The part of a subscription that is stored, sealed, as the value of an address. */
const storedSubscription = z.object({
  endpoint: z.string(),
  keys: z.object({ p256dh: z.string(), auth: z.string() }),
});

export type StoredSubscription = z.output<typeof storedSubscription>;

/** Writes a subscription in the form that is sealed and stored. */
export const writeSubscription = ({ endpoint, keys }: PushSubscription): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({ endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } }),
  );

/** Reads a subscription from the form that `writeSubscription` returns. Throws if the bytes are anything else. */
export const readSubscription = (bytes: Uint8Array): StoredSubscription =>
  storedSubscription.parse(JSON.parse(new TextDecoder().decode(bytes)));

/** The hash by which an endpoint is found, of any recipient. */
export const hashEndpoint = (endpoint: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(createHash("sha256").update(`${webPushKind}\n${endpoint}`).digest());
