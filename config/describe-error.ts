/** An error of a database driver, or Prisma's wrapper of one. */
interface WithCode {
  code?: unknown;
  meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } };
}

/** The names of errors whose messages quote their input: arguments of a query, a body, a template. */
const quotingErrors =
  /^(Prisma|Zod|SyntaxError|Parse|Render|Template|Assertion|DriverAdapter|Postgres)/;

const quotedPart = /"[^"]*"?|`[^`]*`?|'[^']*'?|“[^”]*”?/g;
const frame = /^\s+at (async )?[^"'`\n]*(:\d+:\d+|native|<anonymous>|index \d+)\)?$/;
const causesShown = 3;

/**
 * Describes an error for a log by its name, code and stack, without personal data. The message is left out if the error has a code, since it
 * may quote the input of the database, and for errors of parsers and validators. In other messages, quoted parts and addresses are replaced.
 */
export function describeError(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code, meta } = error as WithCode;
  const sqlState = meta?.driverAdapterError?.cause?.originalCode;
  const message =
    code === undefined && !quotingErrors.test(error.name) && withoutQuotes(error.message);
  return {
    name: error.name,
    ...(code !== undefined && { code }),
    ...(message && { message }),
    ...(sqlState !== undefined && { sqlState }),
    stack: framesOf(error),
    ...(error.cause instanceof Error &&
      depth < causesShown && { cause: describeError(error.cause, depth + 1) }),
  };
}

function withoutQuotes(message: string): string {
  return withoutAddresses(message.replaceAll(quotedPart, "…"));
}

/** Replaces email addresses, and the credentials of URLs, in a text. */
export function withoutAddresses(text: string): string {
  return text.includes("@") ? text.replaceAll(/[^\s"'<>@/,;()]+@[^\s"'<>@/,;()]+/g, "…") : text;
}

/** The stack frames of an error. The stack begins with the message, whose lines may look like frames. */
function framesOf({ name, message, stack = "" }: Error): string {
  const after = stack.startsWith(`${name}: ${message}`) ? name.length + 2 + message.length : 0;
  const lines = stack.slice(after).split("\n");
  const first = lines.findLastIndex((line) => !frame.test(line)) + 1;
  return lines.slice(first).join("\n");
}
