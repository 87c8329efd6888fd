import { type Charset, chooseCharset } from "./charset.ts";

/** A line of a text file without its line end, or the reason why it cannot be read. Lines count from 1. */
export type Line = { line: number; text: string } | { line: number; fault: string };

/** The longest line, in units of its character set. */
export const maxLineBytes = 65_536;

const charsetAdvice = "name its character set in Content-Type, as in charset=windows-1252";

const newline = 0x0a;
const carriageReturn = 0x0d;

interface LineOptions {
  /** The character set that the sender declared, which `findCharset` knows; null if none was. */
  charset?: string | null;
  /** Whether lines may end with a carriage return alone. They do in a file whose first line ends so. */
  carriageReturns?: boolean;
}

/**
 * Splits a stream of text into lines as it arrives. At most one line is in memory, and nothing of a line that is longer than
 * `maxLineBytes`. Such a line, and one that is not valid in the character set, is reported as a fault; its neighbours are read.
 * @throws CharsetConflict
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  options: LineOptions = {},
): AsyncGenerator<Line> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    yield* splitLines(source, options);
  } finally {
    await source.return?.();
  }
}

async function* splitLines(
  source: AsyncIterator<Uint8Array>,
  { charset: declared = null, carriageReturns = false }: LineOptions,
): AsyncGenerator<Line> {
  const head = await readHead(source);
  const { charset, markBytes } = chooseCharset(declared, head);
  const text = head.subarray(markBytes);
  const ends =
    carriageReturns && endsInCarriageReturn(text, charset) ? [newline, carriageReturn] : [newline];
  const { unitBytes } = charset;

  let line = 1;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let tooLong = false;

  const hold = (part: Uint8Array) => {
    heldBytes += part.length;
    tooLong ||= heldBytes > maxLineBytes * unitBytes;
    if (tooLong) held = [];
    else held.push(part);
  };
  const finish = (): Line => {
    const result: Line = tooLong
      ? { line, fault: `is longer than ${maxLineBytes} bytes` }
      : decode(line, held.length === 1 ? held[0]! : Buffer.concat(held), charset, declared);
    line += 1;
    held = [];
    heldBytes = 0;
    tooLong = false;
    return result;
  };

  for await (const chunk of alignToUnits(startWith(text, source), unitBytes)) {
    const findEnd = createFinder(chunk, ends, charset);
    let from = 0;
    for (let end = findEnd(0); end !== -1; end = findEnd(from)) {
      hold(chunk.subarray(from, end));
      yield finish();
      from = end + unitBytes;
    }
    if (from < chunk.length) hold(chunk.subarray(from));
  }
  if (heldBytes > 0) yield finish();
}

function decode(line: number, bytes: Uint8Array, charset: Charset, declared: string | null): Line {
  const text = charset.decode(bytes);
  const advice = declared === null ? `: ${charsetAdvice}` : "";
  if (text === null) return { line, fault: `is not valid ${charset.name}${advice}` };
  return { line, text: text.endsWith("\r") ? text.slice(0, -1) : text };
}

/** The bytes from a carriage return on that show how a line ends: two units of two bytes. */
const lookAhead = 4;

/** Reads as many bytes as show the character set and how lines end. */
async function readHead(source: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = Buffer.alloc(0);
  while (head.length < maxLineBytes) {
    const returned = head.indexOf(carriageReturn);
    if (head.includes(newline) || (returned !== -1 && returned + lookAhead <= head.length)) break;
    const { done, value } = await source.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

async function* startWith(
  head: Uint8Array,
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield head;
  for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
}

/** Splits a stream into chunks that consist of whole units. */
async function* alignToUnits(
  chunks: AsyncIterable<Uint8Array>,
  unitBytes: number,
): AsyncGenerator<Uint8Array> {
  if (unitBytes === 1) return yield* chunks;
  let odd: Uint8Array = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const joined = odd.length === 0 ? chunk : Buffer.concat([odd, chunk]);
    const whole = joined.length - (joined.length % unitBytes);
    odd = joined.subarray(whole);
    yield joined.subarray(0, whole);
  }
  if (odd.length > 0) yield odd;
}

function endsInCarriageReturn(head: Uint8Array, charset: Charset): boolean {
  const end = createFinder(head, [newline, carriageReturn], charset)(0);
  return (
    end !== -1 &&
    isUnit(head, end, carriageReturn, charset) &&
    !isUnit(head, end + charset.unitBytes, newline, charset)
  );
}

/**
 * Makes a function that finds the first of some ASCII characters at or after a place between two units; -1 if there is none. Its calls
 * must be made with increasing places, because the bytes are searched only once for each character.
 */
function createFinder(
  bytes: Uint8Array,
  characters: readonly number[],
  charset: Charset,
): (from: number) => number {
  const places = characters.map(() => -1);
  return (from) => {
    let first = bytes.length;
    for (const [n, character] of characters.entries()) {
      if (places[n]! < from) places[n] = findUnit(bytes, character, from, charset);
      first = Math.min(first, places[n]!);
    }
    return first === bytes.length ? -1 : first;
  };
}

/** Finds the place of a character; the length of the bytes if there is none. */
function findUnit(bytes: Uint8Array, character: number, from: number, charset: Charset): number {
  const { unitBytes } = charset;
  for (let at = bytes.indexOf(character, from); at !== -1; at = bytes.indexOf(character, at + 1)) {
    const start = at - (at % unitBytes);
    if (isUnit(bytes, start, character, charset)) return start;
  }
  return bytes.length;
}

function isUnit(
  bytes: Uint8Array,
  start: number,
  character: number,
  { unitBytes, asciiAt }: Charset,
): boolean {
  return unitBytes === 1
    ? bytes[start] === character
    : bytes[start + asciiAt] === character && bytes[start + 1 - asciiAt] === 0;
}
