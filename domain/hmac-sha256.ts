import { hash } from "node:crypto";

const blockBytes = 64;
const hashBytes = 32;
/** Contents up to this length are copied into a buffer that is kept. */
const keptBytes = 128;

/**
 * Returns a function that computes HMAC-SHA256 (RFC 2104) of the first `length` bytes of a content, as a string with a character for each byte. It costs
 * a third of `createHmac`, which makes objects outside JavaScript for each call: the tokens of messages need it several times for each message.
 *
 * @param key at most 64 bytes
 */
export function createHmacSha256(
  key: Uint8Array,
): (content: Uint8Array, length?: number) => string {
  if (key.length > blockBytes) throw new RangeError("the key is longer than a block");
  const pad = (byte: number) =>
    Uint8Array.from({ length: blockBytes }, (_, index) => (key[index] ?? 0) ^ byte);
  const innerPad = pad(0x36);
  const outer = Buffer.alloc(blockBytes + hashBytes);
  outer.set(pad(0x5c));
  const kept = Buffer.alloc(blockBytes + keptBytes);
  kept.set(innerPad);
  /** The beginnings of the kept buffer, by the length of the content. */
  const beginnings: Buffer[] = [];
  return (content, length = content.length) => {
    let inner: Buffer;
    if (length <= keptBytes) {
      inner = beginnings[length] ??= kept.subarray(0, blockBytes + length);
      for (let at = 0; at < length; at += 1) inner[blockBytes + at] = content[at]!;
    } else inner = Buffer.concat([innerPad, content.subarray(0, length)]);
    outer.write(hash("sha256", inner, "binary"), blockBytes, "latin1");
    return hash("sha256", outer, "binary");
  };
}
