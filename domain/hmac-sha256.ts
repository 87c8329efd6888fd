import { hash } from "node:crypto";

const blockBytes = 64;
const hashBytes = 32;

/**
 * Returns a function that computes HMAC-SHA256 (RFC 2104) as a string with a character for each byte. It costs a third of `createHmac`, which
 * makes objects outside JavaScript for each call: the tokens of messages need it several times for each message.
 *
 * @param key at most 64 bytes
 */
export function createHmacSha256(key: Uint8Array): (content: Uint8Array) => string {
  if (key.length > blockBytes) throw new RangeError("the key is longer than a block");
  const pad = (byte: number) =>
    Uint8Array.from({ length: blockBytes }, (_, index) => (key[index] ?? 0) ^ byte);
  const innerPad = pad(0x36);
  const outer = Buffer.alloc(blockBytes + hashBytes);
  outer.set(pad(0x5c));
  let inner = Buffer.alloc(0);
  return (content) => {
    const innerBytes = blockBytes + content.length;
    if (inner.length < innerBytes) {
      inner = Buffer.alloc(innerBytes);
      inner.set(innerPad);
    }
    inner.set(content, blockBytes);
    outer.write(hash("sha256", inner.subarray(0, innerBytes), "binary"), blockBytes, "latin1");
    return hash("sha256", outer, "binary");
  };
}
