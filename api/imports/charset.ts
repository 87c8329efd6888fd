import { isAscii, isUtf8 } from "node:buffer";

/** A character set: how the bytes of a text become characters. */
export interface Charset {
  /** The name to show to callers. */
  name: string;
  /** The number of bytes of a unit. Line ends are whole units. */
  unitBytes: 1 | 2;
  /** The position within a unit of the byte of an ASCII character. */
  asciiAt: 0 | 1;
  /** Decodes bytes; null if they are not valid in this character set. */
  decode: (bytes: Uint8Array) => string | null;
}

/** The character sets that a problem names to a caller who sent an unknown one. */
export const usualCharsets = "UTF-8, UTF-16, windows-1252, ISO-8859-1, ISO-8859-15, US-ASCII";

const asText = (bytes: Uint8Array, encoding: "utf8" | "latin1") =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);

const utf8: Charset = {
  name: "UTF-8",
  unitBytes: 1,
  asciiAt: 0,
  decode: (bytes) => (isUtf8(bytes) ? asText(bytes, "utf8") : null),
};

/** Labels of ASCII. They mean ASCII here, unlike in the Encoding Standard, where they mean windows-1252. */
const asciiLabels = new Set(["us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us"]);

/** The characters of windows-1252 in place of the control characters of ISO 8859-1; a space stands for an undefined one. */
const windows1252 = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";
// oxlint-disable-next-line no-control-regex
const c1 = /[\u0080-\u009f]/g;

/**
 * Decodes windows-1252. Texts that are labelled ISO 8859-1 are decoded in this way too, because no text uses the control characters that
 * only ISO 8859-1 has. TextDecoder is not used, because in some versions of Node.js it decodes windows-1252 as ISO 8859-1.
 */
function decodeWindows1252(bytes: Uint8Array): string | null {
  let known = true;
  const text = asText(bytes, "latin1").replace(c1, (control) => {
    const character = windows1252[control.charCodeAt(0) - 0x80]!;
    known &&= character !== " ";
    return character;
  });
  return known ? text : null;
}

/** Finds the character set of a label of the Encoding Standard, in any case; null for an unknown label. */
export function findCharset(label: string): Charset | null {
  const name = label.trim().toLowerCase();
  const single = { name: label.trim(), unitBytes: 1, asciiAt: 0 } as const;
  if (asciiLabels.has(name))
    return { ...single, decode: (bytes) => (isAscii(bytes) ? asText(bytes, "latin1") : null) };
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(name, { fatal: true, ignoreBOM: true });
  } catch {
    return null;
  }
  const decode = (bytes: Uint8Array): string | null => {
    try {
      return decoder.decode(bytes);
    } catch {
      return null;
    }
  };
  switch (decoder.encoding) {
    case "utf-8":
      return utf8;
    case "utf-16le":
      return { name: label.trim(), unitBytes: 2, asciiAt: 0, decode };
    case "utf-16be":
      return { name: label.trim(), unitBytes: 2, asciiAt: 1, decode };
    case "windows-1252":
      return { ...single, decode: decodeWindows1252 };
    default:
      return { ...single, decode };
  }
}

/** Byte order marks, which show the character set of a text (Unicode, section 23.8). */
const byteOrderMarks = [
  { label: "utf-8", bytes: [0xef, 0xbb, 0xbf] },
  { label: "utf-16le", bytes: [0xff, 0xfe] },
  { label: "utf-16be", bytes: [0xfe, 0xff] },
] as const;

/** The error for a text whose byte order mark contradicts its declared character set. */
export class CharsetConflict extends Error {
  override name = "CharsetConflict";
  readonly marked: string;
  constructor(marked: string) {
    super(`the text is marked as ${marked}`);
    this.marked = marked;
  }
}

/**
 * Chooses the character set of a text that begins with `head`, and returns the length of its byte order mark. If no set is `declared`, the
 * mark decides, or the zero bytes that ASCII characters have in UTF-16; otherwise the set is UTF-8. `declared` is a label that
 * `findCharset` knows.
 * @throws CharsetConflict
 */
export function chooseCharset(
  declared: string | null,
  head: Uint8Array,
): { charset: Charset; markBytes: number } {
  const mark = byteOrderMarks.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte));
  const eitherOrder = declared?.trim().toLowerCase() === "utf-16";
  if (mark) {
    const marked = findCharset(mark.label)!;
    const named = declared === null ? marked : findCharset(declared)!;
    const agrees =
      eitherOrder && marked.unitBytes === 2
        ? true
        : declared === null || (isUnicode(named) && hasSameUnits(named, marked));
    if (!agrees) throw new CharsetConflict(mark.label);
    return { charset: marked, markBytes: mark.bytes.length };
  }
  if (declared !== null && !eitherOrder) return { charset: findCharset(declared)!, markBytes: 0 };
  const guessed =
    head.length > 1 && head[0] === 0
      ? "utf-16be"
      : head.length > 1 && head[1] === 0
        ? "utf-16le"
        : null;
  // UTF-16 without a mark is big-endian: RFC 2781, section 4.3.
  return { charset: findCharset(guessed ?? (eitherOrder ? "utf-16be" : "utf-8"))!, markBytes: 0 };
}

const isUnicode = (charset: Charset) => charset.unitBytes === 2 || charset === utf8;
const hasSameUnits = (a: Charset, b: Charset) =>
  a.unitBytes === b.unitBytes && a.asciiAt === b.asciiAt;
