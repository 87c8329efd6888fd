import type { Sender } from "../../../domain/address.ts";

/** RFC 2045 allows 76 characters, the last of which may be the `=` of a soft line break. */
const lineLimit = 75;

/** Characters that stand for themselves at the start of a line, or within one. */
const shortAndSafe =
  /^[\x21-\x2d\x2f-\x3c\x3e-\x7e](?:[\x20-\x3c\x3e-\x7e]{0,73}[\x21-\x3c\x3e-\x7e])?$/;

export const softBreak = "=\r\n";

const hex = Array.from(
  { length: 256 },
  (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`,
);

/**
 * Quoted-printable (RFC 2045, 6.7) of a fragment that begins at the start of a line. It is 7-bit, no line of it is longer
 * than 75 characters, none begins with a dot (so that SMTP has nothing to stuff) or ends in white space; line feeds, carriage
 * returns and both together become CRLF. Ends within a line unless the fragment ends in a line break.
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

/** Characters that stand for themselves, the last of which is not white space. */
const safeLine = /^[\x20-\x3c\x3e-\x7e]*[\x21-\x3c\x3e-\x7e]$/;

/** A line without its break. */
function encodeLine(line: string): string {
  if (line === "") return "";
  return (safeLine.test(line) ? wrapSafe(line) : null) ?? encodeBytes(Buffer.from(line, "utf8"));
}

/** Null where one of the lines would begin with a dot. */
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
/** What an encoded word has besides its text in base64. */
const wordFrame = "=?UTF-8?B??=".length;
/** An encoded word is not begun for less, in bytes, where the next line has room for more. */
const fewestBytes = 12;

/** Writes words one after the other, a line break before each blank that would lead beyond a line (RFC 5322, 2.2.3). */
class FoldedLine {
  text = "";
  #column: number;

  /** `column`: characters that stand before. */
  constructor(column: number) {
    this.#column = column;
  }

  /** Room on this line for another word. */
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

  /** RFC 2047 encoded words in UTF-8, none of which holds part of a character: readers put them together without blanks. */
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

/** A word that would be read as it stands, and has room on a line. */
const isPlainWord = (word: string, room: number) =>
  /^[\x21-\x7e]+$/.test(word) && word.length <= room && !word.includes("=?");

/** The value of a From header: the name as an atom, a quoted string or encoded words, whichever it needs, and folded. */
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
 * The value of an unstructured header whose name is no longer than `Subject`: words of ASCII as they are and folded between them, others,
 * and what is too long for a line, as encoded words.
 */
export function headerText(text: string): string {
  if (/^[\x20-\x7e]{0,66}$/.test(text) && !text.includes("=?")) return text;
  const folded = new FoldedLine("Subject: ".length);
  // A reader may take several blanks for one, or none.
  if (/^ | {2}| $/.test(text)) folded.encode(text);
  else {
    let encoded: string[] = [];
    const writeEncoded = () => {
      if (encoded.length > 0) folded.encode(encoded.join(" "));
      encoded = [];
    };
    for (const word of text.split(" ")) {
      // Between two encoded words readers drop the blank: it must be in one of them.
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
