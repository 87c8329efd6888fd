import { isAscii, isUtf8 } from "node:buffer";

/** How the bytes of a text become characters. */
export interface Charset {
  /** As callers know it. */
  name: string;
  /** Bytes of a unit, in which line ends are looked for, and where in it the byte of an ASCII character stands. */
  unitBytes: 1 | 2;
  asciiAt: 0 | 1;
  /** Null where the bytes are none of the set. */
  decode: (bytes: Uint8Array) => string | null;
}

/** Sets to name to a caller whose own is not known. */
export const usualCharsets = "UTF-8, UTF-16, windows-1252, ISO-8859-1, ISO-8859-15, US-ASCII";

const asText = (bytes: Uint8Array, encoding: "utf8" | "latin1") =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);

const utf8: Charset = {
  name: "UTF-8",
  unitBytes: 1,
  asciiAt: 0,
  decode: (bytes) => (isUtf8(bytes) ? asText(bytes, "utf8") : null),
};

/** What the label means by its name, unlike in the Encoding Standard, where it is windows-1252. */
const asciiLabels = new Set(["us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us"]);

/** What windows-1252 has in the place of the controls of ISO 8859-1; a blank where it has nothing. */
const windows1252 = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";
// oxlint-disable-next-line no-control-regex
const c1 = /[\u0080-\u009f]/g;

/**
 * Decodes windows-1252, which is also what is meant by ISO 8859-1: nobody writes the controls that only the latter has. Not left to
 * TextDecoder, which in some versions of Node decodes it as ISO 8859-1.
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

/** The set of a label of the Encoding Standard, in any case; null for one that is not known. */
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

/** Marks at the beginning of a text, by which its set is known (Unicode, section 23.8). */
const byteOrderMarks = [
  { label: "utf-8", bytes: [0xef, 0xbb, 0xbf] },
  { label: "utf-16le", bytes: [0xff, 0xfe] },
  { label: "utf-16be", bytes: [0xfe, 0xff] },
] as const;

/** A text whose mark is not of the set that its sender named. */
export class CharsetConflict extends Error {
  override name = "CharsetConflict";
  readonly marked: string;
  constructor(marked: string) {
    super(`the text is marked as ${marked}`);
    this.marked = marked;
  }
}

/**
 * The set of a text that begins with `head`, and the length of its mark. Where no set was `declared`, the mark says it, or that every
 * other byte of ASCII in UTF-16 is zero; else it is UTF-8. `declared` is a label that `findCharset` knows.
 * @throws CharsetConflict
 */
export function chooseCharset(
  declared: string | null,
  head: Uint8Array,
): { charset: Charset; markBytes: number } {
  const mark = byteOrderMarks.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte));
  const open = declared?.trim().toLowerCase() === "utf-16";
  if (mark) {
    const marked = findCharset(mark.label)!;
    const named = declared === null ? marked : findCharset(declared)!;
    const agrees =
      open && marked.unitBytes === 2
        ? true
        : declared === null || (isUnicode(named) && sameUnits(named, marked));
    if (!agrees) throw new CharsetConflict(mark.label);
    return { charset: marked, markBytes: mark.bytes.length };
  }
  if (declared !== null && !open) return { charset: findCharset(declared)!, markBytes: 0 };
  const guessed =
    head.length > 1 && head[0] === 0
      ? "utf-16be"
      : head.length > 1 && head[1] === 0
        ? "utf-16le"
        : null;
  // Big-endian where nothing tells: RFC 2781, section 4.3.
  return { charset: findCharset(guessed ?? (open ? "utf-16be" : "utf-8"))!, markBytes: 0 };
}

const isUnicode = (charset: Charset) => charset.unitBytes === 2 || charset === utf8;
const sameUnits = (a: Charset, b: Charset) =>
  a.unitBytes === b.unitBytes && a.asciiAt === b.asciiAt;
