import type { OffsetChange } from "./posix-tz.ts";

/** The content of a TZif file to write; offsets in seconds ahead of UTC, changes in epoch seconds. */
interface Content {
  first?: number;
  changes?: readonly OffsetChange[];
  /** The footer's TZ string. */
  rule?: string;
  version?: 1 | 2 | 3 | 4;
  /** The corrections of leap seconds; files without leap seconds have none. */
  leapSeconds?: readonly number[];
}

/** Encodes a TZif file (RFC 9636, section 3). From version 2 on, the first block is empty, as in slim files. */
export function encodeTzif({
  first = 0,
  changes = [],
  rule = "",
  version = 2,
  leapSeconds = [],
}: Content): Uint8Array {
  if (version === 1) return encodeBlock({ first, changes, leapSeconds, version, timeLength: 4 });
  const empty = { first: 0, changes: [], leapSeconds: [] };
  return Buffer.concat([
    encodeBlock({ ...empty, version, timeLength: 4 }),
    encodeBlock({ first, changes, leapSeconds, version, timeLength: 8 }),
    Buffer.from(`\n${rule}\n`, "latin1"),
  ]);
}

function encodeBlock({
  first,
  changes,
  leapSeconds,
  version,
  timeLength,
}: Required<Omit<Content, "rule">> & { timeLength: 4 | 8 }): Buffer {
  const types = [...new Set([first, ...changes.map(({ offset }) => offset)])];
  const header = Buffer.alloc(44);
  header.write(`TZif${version === 1 ? "\0" : version}`, "latin1");
  const names = Buffer.from("XXX\0", "latin1");
  for (const [index, count] of [
    0,
    0,
    leapSeconds.length,
    changes.length,
    types.length,
    names.length,
  ].entries())
    header.writeUInt32BE(count, 20 + 4 * index);
  const timeOf = (seconds: number) => {
    const time = Buffer.alloc(timeLength);
    if (timeLength === 4) time.writeInt32BE(seconds);
    else time.writeBigInt64BE(BigInt(seconds));
    return time;
  };
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  return Buffer.concat([
    header,
    ...changes.map(({ at }) => timeOf(at)),
    Buffer.from(changes.map(({ offset }) => types.indexOf(offset))),
    ...types.map((offset) => Buffer.concat([number(offset), Buffer.from([0, 0])])),
    names,
    ...leapSeconds.flatMap((correction, index) => [timeOf(78_796_800 + index), number(correction)]),
  ]);
}
