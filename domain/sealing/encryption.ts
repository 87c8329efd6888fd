import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto";

const algorithm = "aes-256-gcm";
const ivBytes = 12;
const tagBytes = 16;

/** The number of bytes by which an encrypted text is longer than the text. */
export const encryptionBytes = ivBytes + tagBytes;

/**
 * Encrypts with AES-256-GCM under a random initialisation vector: `iv | ciphertext | tag`. The additional data are not stored, and are needed to
 * decrypt. A key may encrypt about four thousand million times (2³²) before vectors could repeat.
 */
export function encrypt(key: KeyObject, text: Uint8Array, additionalData: string): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(additionalData));
  return Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** Decrypts what `encrypt` returned; null where the key or the additional data are others, or where a bit was changed. */
export function decrypt(
  key: KeyObject,
  encrypted: Uint8Array,
  additionalData: string,
): Buffer | null {
  if (encrypted.length < encryptionBytes) return null;
  const iv = encrypted.subarray(0, ivBytes);
  const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(additionalData));
  decipher.setAuthTag(encrypted.subarray(encrypted.length - tagBytes));
  const text = decipher.update(encrypted.subarray(ivBytes, encrypted.length - tagBytes));
  try {
    return Buffer.concat([text, decipher.final()]);
  } catch {
    return null;
  }
}
