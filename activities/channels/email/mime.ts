import type { Sender } from "../../../domain/address.ts";

/** RFC 2045 allows 76 characters, the last of which may be the `=` of a soft line break. */
const lineLimit = 75;

/** Characters that need no encoding at the start of a line, or within one. */
const shortAndSafe =
  /^[\x21-\x2d\x2f-\x3c\x3e-\x7e](?:[\x20-\x3c\x3e-\x7e]{0,73}[\x21-\x3c\x3e-\x7e])?$/;

export const softBreak = "=\r\n";

const hex = Array.from(
  { length: 256 },
  (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`,
);

/**
 * Encodes a fragment that begins at the start of a line as quoted-printable (RFC 2045, 6.7). The result is 7-bit. None of its
 * lines is longer than 75 characters, begins with a dot (which SMTP would have to double), or ends in white space. Line feeds,
 * carriage returns and both together become CRLF. It ends within a line unless the fragment ends in a line break.
 */
export function quotedPrintable(fragment: string): string {
  if (shortAndSafe.test(fragment)) return fragment;
  const text = fragment.includes("\r") ? fragment.replaceAll(/\r\n?/g, "\n") : fragment;
  let encoded = "";
  let begin = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", begin)) {
    encoded += `${encodeLine(text.slice(begin, end))}\r\n`;
    begin = end + 1;
  }
  return encoded + encodeLine(text.slice(begin));
}

/** A line whose characters need no encoding, and whose last is not white space. */
const safeLine = /^[\x20-\x3c\x3e-\x7e]*[\x21-\x3c\x3e-\x7e]$/;

/** Encodes a line, which is passed without its break. */
function encodeLine(line: string): string {
  if (line === "") return "";
  return (safeLine.test(line) ? wrapSafe(line) : null) ?? encodeBytes(Buffer.from(line, "utf8"));
}

/** Wraps a line that needs no encoding; null if one of the resulting lines would begin with a dot. */
function wrapSafe(line: string): string | null {
  let wrapped = "";
  for (let begin = 0; begin < line.length; begin += lineLimit) {
    if (line.charCodeAt(begin) === 0x2e) return null;
    if (begin > 0) wrapped += softBreak;
    wrapped += line.slice(begin, begin + lineLimit);
  }
  return wrapped;
}

function encodeBytes(bytes: Buffer): string {
  let encoded = "";
  let column = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]!;
    const blank = byte === 0x20 || byte === 0x09;
    const literal = blank ? index + 1 < bytes.length : byte > 0x20 && byte < 0x7f && byte !== 0x3d;
    const width = literal ? 1 : 3;
    if (column + width > lineLimit) {
      encoded += softBreak;
      column = 0;
    }
    if (literal && !(byte === 0x2e && column === 0)) {
      encoded += String.fromCharCode(byte);
      column += 1;
    } else {
      encoded += hex[byte];
      column += 3;
    }
  }
  return encoded;
}

/** RFC 2047, 2 allows 76 characters on a line with encoded words; RFC 5322, 2.1.1 asks for no more than 78 on any. */
const headerLineLimit = 76;
/** The length of an encoded word without its text in base64. */
const wordFrame = "=?UTF-8?B??=".length;
/** An encoded word is not begun for fewer bytes than this if the next line has room for more. */
const fewestBytes = 12;

/** Writes words one after the other, with a line break before each space that would exceed the line (RFC 5322, 2.2.3). */
class FoldedLine {
  text = "";
  #column: number;

  /** `column` is the number of characters that precede the text. */
  constructor(column: number) {
    this.#column = column;
  }

  /** The room for another word on this line. */
  get room(): number {
    return headerLineLimit - this.#column - (this.text === "" ? 0 : 1);
  }

  write(word: string): void {
    if (word.length > this.room) this.fold();
    const blank = this.text === "" ? "" : " ";
    this.text += blank + word;
    this.#column += blank.length + word.length;
  }

  fold(): void {
    if (this.text === "") return;
    this.text += "\r\n";
    this.#column = 0;
  }

  /** Writes encoded words in UTF-8 (RFC 2047). None of them contains part of a character. Readers join them without spaces. */
  encode(text: string): void {
    const bytesThatFit = () => Math.floor((this.room - wordFrame) / 4) * 3;
    const bytes = Buffer.from(text);
    if (bytesThatFit() < Math.min(fewestBytes, bytes.length)) this.fold();
    if (bytes.length <= bytesThatFit()) return this.#writeEncoded(bytes);
    let limit = bytesThatFit();
    let chunk = "";
    let size = 0;
    const end = () => this.#writeEncoded(Buffer.from(chunk));
    for (const character of text) {
      const width = Buffer.byteLength(character);
      if (size + width > limit) {
        end();
        this.fold();
        limit = bytesThatFit();
        chunk = "";
        size = 0;
      }
      chunk += character;
      size += width;
    }
    end();
  }

  #writeEncoded(bytes: Buffer): void {
    this.write(`=?UTF-8?B?${bytes.toString("base64")}?=`);
  }
}

/** True if a word can be written without encoding, and fits on a line. */
const isPlainWord = (word: string, room: number) =>
  /^[\x21-\x7e]+$/.test(word) && word.length <= room && !word.includes("=?");

/** The folded value of a From header. The name is written as an atom, a quoted string or encoded words, whichever it needs. */
export function senderHeader({ name, mailbox }: Sender): string {
  if (name === "") return mailbox.address;
  const folded = new FoldedLine("From: ".length);
  const isAtoms = /^[\w!#$%&'*+/=?^`{|}~ -]+$/.test(name) && !name.includes("=?");
  const phrase = isAtoms ? name : `"${name.replaceAll(/["\\]/g, "\\$&")}"`;
  const words = phrase.split(" ");
  if (/^[\x20-\x7e]+$/.test(name) && words.every((word) => word.length <= folded.room))
    for (const word of words) folded.write(word);
  else folded.encode(name);
  return `${folded.text}\r\n <${mailbox.address}>`;
}

/**
 * The value of an unstructured header whose name is no longer than `Subject`. ASCII words stay as they are and are folded
 * between words. Other words, and words that are too long for a line, become encoded words.
 */
export function headerText(text: string): string {
  if (/^[\x20-\x7e]{0,66}$/.test(text) && !text.includes("=?")) return text;
  const folded = new FoldedLine("Subject: ".length);
  // A reader may collapse several spaces to one, or to none.
  if (/^ | {2}| $/.test(text)) folded.encode(text);
  else {
    let encoded: string[] = [];
    const writeEncoded = () => {
      if (encoded.length > 0) folded.encode(encoded.join(" "));
      encoded = [];
    };
    for (const word of text.split(" ")) {
      // Readers drop the space between two encoded words, so that it has to be within one of them.
      const room = folded.text === "" && encoded.length === 0 ? folded.room : headerLineLimit - 1;
      if (!isPlainWord(word, room)) encoded.push(word);
      else {
        writeEncoded();
        folded.write(word);
      }
    }
    writeEncoded();
  }
  return folded.text;
}
