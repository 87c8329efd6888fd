import { createDecipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from "node:crypto";

/** The keys of a browser, which are no part of what it tells anybody but itself, except for `p256dh` and `auth`. */
export interface BrowserKeys {
  curve: ECDH;
  p256dh: string;
  auth: string;
}

export function createBrowserKeys(): BrowserKeys {
  const curve = createECDH("prime256v1");
  return {
    curve,
    p256dh: curve.generateKeys("base64url"),
    auth: randomBytes(16).toString("base64url"),
  };
}

const hkdf = (secret: Uint8Array, salt: Uint8Array, info: Uint8Array | string, length: number) =>
  Buffer.from(hkdfSync("sha256", secret, salt, info, length));

/**
 * Decrypts a push message as a browser does (RFC 8291 with RFC 8188), without any library for it: the second implementation that ours is held
 * to. The message has to be one record.
 */
export function decryptPush(body: Buffer, { curve, auth }: BrowserKeys): Buffer {
  const salt = body.subarray(0, 16);
  const recordSize = body.readUInt32BE(16);
  const keyLength = body.readUInt8(20);
  const senderKey = body.subarray(21, 21 + keyLength);
  const record = body.subarray(21 + keyLength);
  if (record.length > recordSize) throw new Error("the message has more than one record");
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), curve.getPublicKey(), senderKey]);
  const secret = hkdf(curve.computeSecret(senderKey), Buffer.from(auth, "base64url"), info, 32);
  const key = hkdf(secret, salt, "Content-Encoding: aes128gcm\0", 16);
  const nonce = hkdf(secret, salt, "Content-Encoding: nonce\0", 12);
  const cipher = createDecipheriv("aes-128-gcm", key, nonce);
  cipher.setAuthTag(record.subarray(-16));
  const padded = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
  const end = padded.findLastIndex((byte) => byte !== 0);
  if (padded[end] !== 2) throw new Error("the last record has no delimiter");
  return padded.subarray(0, end);
}
