const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** Writes the first `length` bytes in base32 (RFC 4648), in lower case and without padding: for places where upper and lower case may be confused. */
export function encodeBase32(bytes: Uint8Array, length: number = bytes.length): string {
  let text = "";
  let value = 0;
  let bits = 0;
  for (let at = 0; at < length; at += 1) {
    value = ((value << 8) | bytes[at]!) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >> bits) & 31];
    }
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

/** Reads base32 in any case; null for another text. Only one spelling is valid, apart from the case: spare bits are zero. */
export function decodeBase32(text: string): Buffer | null {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let value = 0;
  let bits = 0;
  let length = 0;
  for (const letter of text.toLowerCase()) {
    const digit = alphabet.indexOf(letter);
    if (digit < 0) return null;
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length] = (value >> bits) & 0xff;
    length += 1;
  }
  return encodeBase32(bytes) === text.toLowerCase() ? bytes : null;
}
