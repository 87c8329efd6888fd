import { setImmediate } from "node:timers/promises";
import type { OpenedAttachment } from "../../../ledger/attachments.ts";

/** The bytes that a line of 76 characters of base64 stands for (RFC 2045, section 6.8). */
const lineBytes = 57;
/** The bytes that are encoded in one turn of the event loop, as whole lines. */
const bytesInTurn = lineBytes * 4_096;

/** Encodes attachments as the last parts of a multipart body, whose preceding part ended with a line break, and ends the body. */
export async function encodeAttachments(
  files: readonly OpenedAttachment[],
  boundary: string,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const file of files) {
    parts.push(Buffer.from(`--${boundary}\r\n${partHeaders(file)}\r\n`, "latin1"));
    const { content } = file;
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    for (let begin = 0; begin < bytes.length; begin += bytesInTurn) {
      const text = bytes.toString("base64", begin, Math.min(begin + bytesInTurn, bytes.length));
      parts.push(Buffer.from(text.replaceAll(/.{1,76}/g, "$&\r\n"), "latin1"));
      await setImmediate();
    }
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`, "latin1"));
  return Buffer.concat(parts);
}

const partHeaders = ({ contentType, filename }: OpenedAttachment) =>
  `Content-Type: ${contentType}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;${filenameParameter(filename)}\r\n`;

/** The characters of a value in a line, so that its line is not longer than 76. */
const valueLength = 54;

/**
 * The parameter with the name of a file: a quoted string if it is short and ASCII, and otherwise encoded and in pieces, as RFC 2231 says.
 * Whatever the name is, the parameter is ASCII and cannot end its header.
 */
function filenameParameter(filename: string): string {
  if (/^[\x20-\x7e]{1,60}$/.test(filename))
    return `\r\n filename="${filename.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  const pieces = splitEncoded(filename);
  if (pieces.length === 1) return `\r\n filename*=UTF-8''${pieces[0]}`;
  return pieces
    .map((piece, index) => `\r\n filename*${index}*=${index === 0 ? "UTF-8''" : ""}${piece}`)
    .join(";");
}

/** Encodes a text by percent signs (RFC 8187, section 3.2), in pieces of whole bytes. */
function splitEncoded(text: string): string[] {
  const pieces: string[] = [];
  let piece = "";
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte);
    const encoded = /[A-Za-z0-9!#$&+.^_`|~-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    if (piece.length + encoded.length > valueLength) {
      pieces.push(piece);
      piece = "";
    }
    piece += encoded;
  }
  return [...pieces, piece];
}
