import type { KeyObject } from "node:crypto";
import type { SealedPlace } from "../sealer.ts";
import { decrypt, encrypt, encryptionBytes } from "./encryption.ts";

/*
 * The form of a sealed value: version (1 byte) | id of the data key (4 bytes, most significant first) | iv (12) | ciphertext | tag (16).
 * The additional data contain the version, the id of the data key, and the place of the value.
 */

export const sealedVersion = 1;

const headerBytes = 5;

/** The first bytes of each value that is sealed with a data key. */
export function sealedHeader(dataKeyId: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(sealedVersion, 0);
  header.writeUInt32BE(dataKeyId, 1);
  return header;
}

/** The id of the data key of a sealed value; null where the value is too short to be sealed, or has an unknown version. */
export function dataKeyIdOf(sealed: Uint8Array): number | null {
  if (sealed.length < headerBytes + encryptionBytes || sealed[0] !== sealedVersion) return null;
  return Buffer.from(sealed.subarray(0, headerBytes)).readUInt32BE(1);
}

/** JSON distinguishes all places: no two of them have the same text. */
const additionalData = (dataKeyId: number, { table, column, row }: SealedPlace) =>
  JSON.stringify(["tidings sealed value", sealedVersion, dataKeyId, table, column, row]);

export function sealValue(
  dataKey: { id: number; key: KeyObject },
  value: Uint8Array,
  place: SealedPlace,
): Buffer {
  const encrypted = encrypt(dataKey.key, value, additionalData(dataKey.id, place));
  return Buffer.concat([sealedHeader(dataKey.id), encrypted]);
}

/** Opens a value that `dataKey` has sealed; null where the value was changed or moved. */
export function openValue(
  dataKey: { id: number; key: KeyObject },
  sealed: Uint8Array,
  place: SealedPlace,
): Buffer | null {
  return decrypt(dataKey.key, sealed.subarray(headerBytes), additionalData(dataKey.id, place));
}
