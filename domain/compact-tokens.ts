import { hkdfSync, timingSafeEqual } from "node:crypto";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { createHmacSha256 } from "./hmac-sha256.ts";

/**
 * What a token is for. Each purpose has signing keys of its own, so that a token of one purpose is worthless for another. The names are part of
 * the keys: a changed layout of the content needs a new name.
 */
export type TokenPurpose =
  | "unsubscribe"
  | "unsubscribe by mail"
  | "preferences"
  | "bounce"
  | "open"
  | "click"
  | "link"
  | "view in a browser"
  | "confirm subscription"
  | "sign-up form";

/**
 * Signs and verifies short tokens that a message contains, thousands a second: one byte names the key, the content follows, and ten bytes of
 * HMAC-SHA256 protect both, all in base64url or base32. Such a token has no expiry, so that old messages keep working.
 */
export interface CompactTokens {
  sign(content: Uint8Array): string;
  /** The content of a token that one of the secrets signed; null for any other text. The comparison takes constant time. */
  verify(token: string): Buffer | null;
}

const macBytes = 10;
/** Tokens up to this length are put together in one buffer: thousands of buffers a second would be thousands to collect. */
const draft = Buffer.alloc(2_048);

/** How the bytes of tokens are written. Only one spelling of each token is valid. */
interface Encoding {
  /** Encodes the first `length` bytes. */
  encode: (bytes: Buffer, length: number) => string;
  /** Null for a text that is not in the encoding. */
  decode: (text: string) => Buffer | null;
}

const base64url: Encoding = {
  encode: (bytes, length) => bytes.toString("base64url", 0, length),
  decode: (text) => {
    const bytes = Buffer.from(text, "base64url");
    // Decoding skips characters outside the alphabet and spare bits.
    return bytes.toString("base64url") === text ? bytes : null;
  },
};

/** For mail addresses, in which some servers change the case of letters. */
export const base32: Encoding = { encode: encodeBase32, decode: decodeBase32 };

/** @param secrets secrets of at least 32 characters each. The first one signs; tokens that any of them signed are valid. */
export function createCompactTokens(
  secrets: readonly string[],
  purpose: TokenPurpose,
  { encode, decode }: Encoding = base64url,
): CompactTokens {
  const keyring = secrets.map((secret) => ({
    id: derive(secret, "key id", 1)[0]!,
    macOf: createHmacSha256(derive(secret, purpose, 32)),
  }));
  const [newest] = keyring;
  if (!newest) throw new Error("tokens need a secret");
  return {
    sign(content) {
      const signedBytes = 1 + content.length;
      const length = signedBytes + macBytes;
      const token = length <= draft.length ? draft : Buffer.allocUnsafe(length);
      token[0] = newest.id;
      for (let at = 0; at < content.length; at += 1) token[1 + at] = content[at]!;
      token.write(newest.macOf(token, signedBytes), signedBytes, macBytes, "latin1");
      return encode(token, length);
    },
    verify(token) {
      const bytes = decode(token);
      if (bytes === null || bytes.length <= 1 + macBytes) return null;
      const signed = bytes.subarray(0, -macBytes);
      const mac = bytes.subarray(-macBytes);
      const isSigned = keyring.some(
        ({ id, macOf }) =>
          id === bytes[0] &&
          timingSafeEqual(mac, Buffer.from(macOf(signed).slice(0, macBytes), "latin1")),
      );
      return isSigned ? signed.subarray(1) : null;
    },
  };
}

/** Derives a key of its own for each purpose from one secret (HKDF, RFC 5869). */
const derive = (secret: string, purpose: TokenPurpose | "key id", bytes: number): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, "", `tidings compact token: ${purpose}`, bytes));
