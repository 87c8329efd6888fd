import { isUtf8 } from "node:buffer";

/** A line of a text file, without its end, or why it cannot be read. Lines count from 1. */
export type Line = { line: number; text: string } | { line: number; fault: string };

export const maxLineBytes = 65_536;

const newline = 0x0a;

/**
 * Splits a stream of UTF-8 into lines as it arrives. Holds one line at most, and of one that is longer than
 * `maxLineBytes` nothing: it is passed over. A line that is not UTF-8 is a fault of its own, never of its neighbours.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let line = 1;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let tooLong = false;

  const hold = (part: Uint8Array) => {
    heldBytes += part.length;
    tooLong ||= heldBytes > maxLineBytes;
    if (tooLong) held = [];
    else held.push(part);
  };
  const finish = (): Line => {
    const result: Line = tooLong
      ? { line, fault: `is longer than ${maxLineBytes} bytes` }
      : decode(line, held.length === 1 ? held[0]! : Buffer.concat(held));
    line += 1;
    held = [];
    heldBytes = 0;
    tooLong = false;
    return result;
  };

  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      hold(chunk.subarray(from, end));
      yield finish();
      from = end + 1;
    }
    if (from < chunk.length) hold(chunk.subarray(from));
  }
  if (heldBytes > 0) yield finish();
}

function decode(line: number, bytes: Uint8Array): Line {
  if (!isUtf8(bytes)) return { line, fault: "is not valid UTF-8" };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const start = line === 1 && text.startsWith("\ufeff") ? 1 : 0;
  return { line, text: text.slice(start, text.endsWith("\r") ? -1 : undefined) };
}
