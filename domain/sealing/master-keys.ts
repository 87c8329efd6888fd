import { createSecretKey, type KeyObject } from "node:crypto";
import { decrypt, encrypt } from "./encryption.ts";

/** A key from the configuration, which only encrypts ("wraps") data keys. It is never stored beside what it protects. */
export interface MasterKey {
  /** A name that is not secret. A wrapped data key names its master key by it. */
  id: string;
  /** A key of 32 bytes, which is not shown where the object is printed. */
  key: KeyObject;
}

export const keyBytes = 32;

const idPattern = /^[A-Za-z0-9][\w.-]{0,31}$/;

/**
 * Reads master keys in the form `id:base64`, separated by commas or white space; the first one wraps. Returns null where the text has
 * another form, where a key has not 32 bytes, or where two keys have the same id.
 */
export function parseMasterKeys(text: string): MasterKey[] | null {
  const keys = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(parseMasterKey);
  if (!keys.every((key) => key !== null)) return null;
  return new Set(keys.map(({ id }) => id)).size === keys.length ? keys : null;
}

function parseMasterKey(text: string): MasterKey | null {
  const at = text.indexOf(":");
  const [id, encoded] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1).replace(/=+$/, "")];
  if (!idPattern.test(id) || !/^[\w+/-]+$/.test(encoded)) return null;
  // Reads base64 and base64url.
  const bytes = Buffer.from(encoded, "base64");
  return bytes.length === keyBytes ? { id, key: createSecretKey(bytes) } : null;
}

/** A data key as it is stored. */
export interface WrappedKey {
  id: number;
  wrapped: Uint8Array;
  /** The id of the master key. */
  wrappedBy: string;
}

const version = 1;

/** A wrapped key opens only under the id of its data key and of its master key. */
const additionalData = ({ id, wrappedBy }: Omit<WrappedKey, "wrapped">) =>
  JSON.stringify(["tidings data key", version, id, wrappedBy]);

/** Encrypts a data key with a master key: `version | iv | ciphertext | tag`. */
export function wrapDataKey(dataKey: KeyObject, id: number, master: MasterKey): WrappedKey {
  const wrappedBy = master.id;
  const encrypted = encrypt(master.key, dataKey.export(), additionalData({ id, wrappedBy }));
  return { id, wrapped: Buffer.concat([Buffer.of(version), encrypted]), wrappedBy };
}

/** Decrypts a data key; null where this master key has not wrapped it, or where it was changed. */
export function unwrapDataKey(row: WrappedKey, master: MasterKey): KeyObject | null {
  if (row.wrapped[0] !== version) return null;
  const bytes = decrypt(master.key, row.wrapped.subarray(1), additionalData(row));
  return bytes?.length === keyBytes ? createSecretKey(bytes) : null;
}
