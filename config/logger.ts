import { destination, pino, type DestinationStream, type Logger } from "pino";
import { describeError, withoutAddresses } from "./describe-error.ts";

export type { Logger };

/** The keys, in lower case, whose values are redacted at any depth of an entry: secrets and personal data. */
const redactedKeys = new Set(
  (
    "authorization cookie headers password pass secret token key apiKey credentials connectionString " +
    "url path query body params email phone address to externalId attributes recipient recipients " +
    "data content subject html text"
  )
    .toLowerCase()
    .split(" "),
);

const maxDepth = 6;

/** Copies a value for a log, without secrets and personal data. */
function redact(value: unknown, depth: number): unknown {
  if (typeof value === "string") return withoutAddresses(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return "[bytes]";
  if (depth > maxDepth) return "[too deep]";
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      item !== undefined && item !== null && redactedKeys.has(name.toLowerCase())
        ? "[redacted]"
        : redact(item, depth + 1),
    ]),
  );
}

/** The size in bytes of the buffer for entries that cannot be written at the moment. */
const keptBytes = 64 * 1024;
let dropped = 0;

/** The number of log entries of this process that could not be written and are lost. */
export const droppedLogLines = (): number => dropped;

/**
 * Writes log entries to an open file. Where that fails, for example on a full disk, the first entries are kept and written with the next
 * one that succeeds; the others are dropped and counted. A failing log must not stop the process.
 */
export function logTo(fd: number): DestinationStream {
  const stream = destination({ dest: fd, sync: true, maxLength: keptBytes });
  stream.on("error", () => {});
  stream.on("drop", () => dropped++);
  return stream;
}

/**
 * Creates a logger that writes JSON lines to standard error. Callers log ids and no personal data. As a safeguard, the values of keys that
 * usually contain secrets or personal data are redacted, and so are addresses in any text and quotations in the messages of errors.
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
        log: (entry) => redact(entry, 0) as Record<string, unknown>,
      },
    },
    stream,
  );
}
