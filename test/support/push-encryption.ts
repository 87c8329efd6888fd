import {
  createDecipheriv,
  createECDH,
  createPublicKey,
  diffieHellman,
  createPrivateKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";

/** The keys of a subscription, as a browser makes them. */
export interface PushKeys {
  /** The public key: an uncompressed point of P-256 in base64url. */
  p256dh: string;
  /** The shared secret of 16 bytes in base64url. */
  auth: string;
  /** The scalar of the private key in base64url. */
  privateKey: string;
  /** Decrypts a body in the encoding `aes128gcm` (RFC 8188, RFC 8291). Throws if it does not conform, or is for other keys. */
  decrypt(body: Buffer): Buffer;
}

const saltBytes = 16;
const tagBytes = 16;
const pointBytes = 65;
/** The salt, the size of a record, and the length of the sender's public key. */
const headerBytes = saltBytes + 4 + 1;
/** The delimiter of the last record, after which only padding follows. */
const lastRecord = 2;

/**
 * Creates the keys of a subscription. The decryption is written with `node:crypto` alone, independently of the library that
 * encrypts.
 */
export function createPushKeys(): PushKeys {
  const pair = createECDH("prime256v1");
  const publicPoint = pair.generateKeys();
  return readPushKeys(publicPoint, pair.getPrivateKey(), randomBytes(16));
}

/** The same of given keys: an uncompressed point, its private scalar, and the shared secret. */
export function readPushKeys(publicPoint: Buffer, scalar: Buffer, auth: Buffer): PushKeys {
  const privateKey = createPrivateKey({
    key: { ...jwkOf(publicPoint), d: scalar.toString("base64url") },
    format: "jwk",
  });
  return {
    p256dh: publicPoint.toString("base64url"),
    auth: auth.toString("base64url"),
    privateKey: scalar.toString("base64url"),
    decrypt: (body) => decrypt(body, { publicPoint, privateKey, auth }),
  };
}

function decrypt(
  body: Buffer,
  { publicPoint, privateKey, auth }: { publicPoint: Buffer; privateKey: KeyObject; auth: Buffer },
): Buffer {
  if (body.length < headerBytes + pointBytes + 1 + tagBytes) throw new Error("the body is short");
  const salt = body.subarray(0, saltBytes);
  const recordBytes = body.readUInt32BE(saltBytes);
  if (body[headerBytes - 1] !== pointBytes) throw new Error("the sender's key is not 65 bytes");
  const senderPoint = body.subarray(headerBytes, headerBytes + pointBytes);
  const record = body.subarray(headerBytes + pointBytes);
  if (record.length > recordBytes) throw new Error("there is more than one record");

  const shared = diffieHellman({
    privateKey,
    publicKey: createPublicKey({ key: jwkOf(senderPoint), format: "jwk" }),
  });
  const both = Buffer.concat([Buffer.from("WebPush: info\0"), publicPoint, senderPoint]);
  const secret = derive(shared, auth, both, 32);
  const key = derive(secret, salt, Buffer.from("Content-Encoding: aes128gcm\0"), 16);
  const nonce = derive(secret, salt, Buffer.from("Content-Encoding: nonce\0"), 12);
  const decipher = createDecipheriv("aes-128-gcm", key, nonce);
  decipher.setAuthTag(record.subarray(-tagBytes));
  const padded = Buffer.concat([decipher.update(record.subarray(0, -tagBytes)), decipher.final()]);

  const end = padded.findLastIndex((byte) => byte !== 0);
  if (padded[end] !== lastRecord) throw new Error("the record is not the last one");
  return padded.subarray(0, end);
}

const derive = (secret: Buffer, salt: Buffer, info: Buffer, bytes: number) =>
  Buffer.from(hkdfSync("sha256", secret, salt, info, bytes));

/** An uncompressed point of P-256 as a JSON Web Key. Throws if it has another form. */
export function jwkOf(point: Buffer) {
  if (point.length !== pointBytes || point[0] !== 4) throw new Error("not an uncompressed point");
  return {
    kty: "EC",
    crv: "P-256",
    x: point.subarray(1, 33).toString("base64url"),
    y: point.subarray(33).toString("base64url"),
  };
}
