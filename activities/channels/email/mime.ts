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
 * than 75 characters, none begins with a dot (so that SMTP has nothing to stuff) or ends in white space; line feeds become
 * CRLF and carriage returns are dropped, so that fragments may be split anywhere. Ends within a line unless the fragment
 * ends in a line feed.
 */
export function quotedPrintable(fragment: string): string {
  if (shortAndSafe.test(fragment)) return fragment;
  const bytes = Buffer.from(fragment, "utf8");
  let encoded = "";
  let column = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]!;
    if (byte === 0x0d) continue;
    if (byte === 0x0a) {
      encoded += "\r\n";
      column = 0;
      continue;
    }
    const blank = byte === 0x20 || byte === 0x09;
    const next = bytes[index + 1];
    const literal = blank
      ? next !== undefined && next !== 0x0a && next !== 0x0d
      : byte > 0x20 && byte < 0x7f && byte !== 0x3d;
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

/** As many bytes of text as keep an encoded word, and `Subject: ` before it, within 76 characters; no padding within. */
const wordBytes = 39;

/** RFC 2047 encoded words in UTF-8, folded: for any text, without characters that could end a header. */
function encodedWords(text: string): string {
  const words: string[] = [];
  let chunk = "";
  let size = 0;
  for (const character of text) {
    const width = Buffer.byteLength(character);
    if (size + width > wordBytes) {
      words.push(chunk);
      chunk = "";
      size = 0;
    }
    chunk += character;
    size += width;
  }
  words.push(chunk);
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString("base64")}?=`).join("\r\n ");
}

/** The value of a From header: the name as an atom, a quoted string or encoded words, whichever it needs, and folded. */
export function senderHeader({ name, mailbox }: Sender): string {
  if (name === "") return mailbox.address;
  const phrase =
    /^[\w!#$%&'*+/=?^`{|}~ -]+$/.test(name) && !name.includes("=?")
      ? name
      : /^[\x20-\x7e]+$/.test(name)
        ? `"${name.replace(/["\\]/g, "\\$&")}"`
        : encodedWords(name);
  return `${phrase}\r\n <${mailbox.address}>`;
}

/** The value of an unstructured header of a short name: as it is where that is short and plain, else as encoded words. */
export function headerText(text: string): string {
  return /^[\x20-\x7e]{0,66}$/.test(text) && !text.includes("=?") ? text : encodedWords(text);
}
