import { changesInYears, type OffsetChange, parsePosixRule, type PosixRule } from "./posix-tz.ts";

/** The content of a TZif file. Instants are epoch seconds, offsets are seconds ahead of UTC. */
export interface TzifZone {
  /** The offset before all changes. */
  first: number;
  /** The changes in the order of time. */
  changes: readonly OffsetChange[];
  /** The rule after the last change; null where its offset stays. */
  rule: PosixRule | null;
}

/** The file is not a TZif file, or does not contain local time. */
export class TzifError extends Error {
  override name = "TzifError";
}

const headerLength = 44;
const magic = 0x54_5a_69_66;

interface Header {
  version: number;
  utcFlags: number;
  standardFlags: number;
  leapSeconds: number;
  changes: number;
  types: number;
  characters: number;
}

/**
 * Parses a TZif file of any version (RFC 9636, section 3): the second block with 64-bit times and the footer of version 2 and later, or the
 * only block of version 1. Throws a `TzifError`, also for files that count leap seconds, which UTC clocks do not count.
 */
export function parseTzif(bytes: Uint8Array): TzifZone {
  try {
    return parse(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TzifError(`is no TZif file: ${error.message}`, { cause: error });
  }
}

function parse(bytes: Uint8Array): TzifZone {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view, 0);
  if (header.version === 1) return readBlock(view, headerLength, header, 4).zone;
  const second = headerLength + blockLength(header, 4);
  const block = readBlock(view, second + headerLength, readHeader(view, second), 8);
  const footer = new TextDecoder("latin1").decode(bytes.subarray(block.end));
  const [, text] = /^\n([^\n]*)\n/.exec(footer) ?? [];
  if (text === undefined) throw new TzifError("has no footer");
  const rule = text === "" ? null : parsePosixRule(text);
  const { zone } = block;
  // The footer is for the time after the last change, or for all time where there are no changes.
  const first = zone.changes.length === 0 && rule ? rule.standard : zone.first;
  return { ...zone, first, rule };
}

function readHeader(view: DataView, at: number): Header {
  if (view.getUint32(at) !== magic) throw new TzifError("does not begin as a TZif file");
  const digit = view.getUint8(at + 4);
  const count = (index: number) => view.getUint32(at + 20 + 4 * index);
  const header = {
    version: digit === 0 ? 1 : digit - 0x30,
    utcFlags: count(0),
    standardFlags: count(1),
    leapSeconds: count(2),
    changes: count(3),
    types: count(4),
    characters: count(5),
  };
  if (header.version < 1 || header.types < 1) throw new TzifError("has an invalid header");
  return header;
}

const typeLength = 6;

function blockLength(header: Header, timeLength: 4 | 8): number {
  const { changes, types, characters, leapSeconds, standardFlags, utcFlags } = header;
  const leaps = leapSeconds * (timeLength + 4);
  const flags = standardFlags + utcFlags;
  return changes * (timeLength + 1) + types * typeLength + characters + leaps + flags;
}

function readBlock(
  view: DataView,
  at: number,
  header: Header,
  timeLength: 4 | 8,
): { zone: TzifZone; end: number } {
  const { changes: count, types, characters, leapSeconds } = header;
  const end = at + blockLength(header, timeLength);
  if (end > view.byteLength) throw new TzifError("ends too early");
  const indices = at + count * timeLength;
  const typesAt = indices + count;
  const leapsAt = typesAt + types * typeLength + characters;
  const offsetOf = (type: number) => {
    if (type >= types) throw new TzifError("refers to a type that it does not have");
    return view.getInt32(typesAt + type * typeLength);
  };
  const timeAt = (position: number) =>
    timeLength === 4 ? view.getInt32(position) : Number(view.getBigInt64(position));
  for (let index = 0; index < leapSeconds; index += 1)
    if (view.getInt32(leapsAt + index * (timeLength + 4) + timeLength) !== 0)
      throw new TzifError("counts leap seconds");
  const changes: OffsetChange[] = [];
  for (let index = 0; index < count; index += 1) {
    const change = {
      at: timeAt(at + index * timeLength),
      offset: offsetOf(view.getUint8(indices + index)),
    };
    if (change.at <= (changes.at(-1)?.at ?? -Infinity))
      throw new TzifError("has changes out of order");
    changes.push(change);
  }
  return { zone: { first: offsetOf(0), changes, rule: null }, end };
}

/** A period with one offset, in milliseconds; `end` is the first instant after it. */
export interface OffsetSpan {
  offset: number;
  end: number;
}

/**
 * The offsets between two instants in epoch milliseconds: the first span contains `from`, the last ends at `to`, and adjacent spans have
 * different offsets.
 */
export function offsetsBetween(
  { first, changes, rule }: TzifZone,
  from: number,
  to: number,
): OffsetSpan[] {
  const last = changes.at(-1)?.at ?? -Infinity;
  const later =
    rule && to / 1_000 > last
      ? // The changes of a year may lie some days before its start or after its end.
        changesInYears(rule, yearOf(Math.max(from, last * 1_000)) - 1, yearOf(to) + 1)
      : [];
  let offset = first * 1_000;
  const spans: OffsetSpan[] = [];
  for (const change of [...changes, ...later.filter(({ at }) => at > last)]) {
    const at = change.at * 1_000;
    if (at >= to) break;
    if (at > from && change.offset * 1_000 !== offset) spans.push({ offset, end: at });
    offset = change.offset * 1_000;
  }
  spans.push({ offset, end: to });
  return spans;
}

const yearOf = (ms: number) => new Date(ms).getUTCFullYear();
