import { destination, pino, type DestinationStream, type Logger } from "pino";
import { describeError, withoutAddresses } from "./describe-error.ts";

export type { Logger };

/** Struck out wherever they stand in an entry: secrets, and what is personal. Compared in small letters. */
const redactedKeys = new Set(
  (
    "authorization cookie headers password pass secret token key apiKey credentials connectionString " +
    "url path query body params email phone address to externalId attributes recipient recipients " +
    "data content subject html text"
  )
    .toLowerCase()
    .split(" "),
);

const deepest = 6;

/** What of a value may stand in a log. */
function discreet(value: unknown, depth: number): unknown {
  if (typeof value === "string") return withoutAddresses(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return "[bytes]";
  if (depth > deepest) return "[too deep]";
  if (Array.isArray(value)) return value.map((item) => discreet(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      item !== undefined && item !== null && redactedKeys.has(name.toLowerCase())
        ? "[redacted]"
        : discreet(item, depth + 1),
    ]),
  );
}

/** What waits to be written while nothing can be, in bytes. */
const keptBytes = 64 * 1024;
let dropped = 0;

/** Entries of this process that could not be written, and that nobody will read. */
export const droppedLogLines = (): number => dropped;

/**
 * Writes entries to an open file as they come. Where that fails (its disk is full), the first few are kept and written with the next
 * that can be; the others are dropped and counted. A log is not worth the end of what it tells of.
 */
export function logTo(fd: number): DestinationStream {
  const stream = destination({ dest: fd, sync: true, maxLength: keptBytes });
  stream.on("error", () => {});
  stream.on("drop", () => dropped++);
  return stream;
}

/**
 * JSON lines on standard error, with ids and no personal data: what a log line may name is chosen where it is written.
 * The usual names of secrets and personal data are struck out all the same, and so are addresses in any text and what
 * the messages of errors quote.
 */
export function createLogger(
  role: string,
  level: string,
  stream: DestinationStream = logTo(2),
): Logger {
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (entry) => discreet(entry, 0) as Record<string, unknown>,
      },
    },
    stream,
  );
}
