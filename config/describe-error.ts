/** An error of a database driver, or as Prisma wraps one. */
interface WithCode {
  code?: unknown;
  meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } };
}

/** They quote what they were given: arguments of a query, a body, a template. */
const quoting = /^(Prisma|Zod|SyntaxError|Parse|Render|Template|Assertion|DriverAdapter|Postgres)/;

const quotedPart = /"[^"]*"?|`[^`]*`?|'[^']*'?|“[^”]*”?/g;
const frame = /^\s+at (async )?[^"'`\n]*(:\d+:\d+|native|<anonymous>|index \d+)\)?$/;
const causesShown = 3;

/**
 * An error for a log: which, and where, without what it may quote. Errors with a code say enough by that, and their
 * messages may repeat what the database was given; so do those of parsers and validators. Of other messages what stands
 * in quotation marks or looks like an address is left out.
 */
export function describeError(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code, meta } = error as WithCode;
  const sqlState = meta?.driverAdapterError?.cause?.originalCode;
  const said = code === undefined && !quoting.test(error.name) && withoutQuotes(error.message);
  return {
    name: error.name,
    ...(code !== undefined && { code }),
    ...(said && { message: said }),
    ...(sqlState !== undefined && { sqlState }),
    stack: framesOf(error),
    ...(error.cause instanceof Error &&
      depth < causesShown && { cause: describeError(error.cause, depth + 1) }),
  };
}

function withoutQuotes(message: string): string {
  return withoutAddresses(message.replaceAll(quotedPart, "…"));
}

/** Addresses, and the credentials of a URL. */
export function withoutAddresses(text: string): string {
  return text.includes("@") ? text.replaceAll(/[^\s"'<>@/,;()]+@[^\s"'<>@/,;()]+/g, "…") : text;
}

/** The message comes before them, and may have lines that look like one. */
function framesOf({ name, message, stack = "" }: Error): string {
  const after = stack.startsWith(`${name}: ${message}`) ? name.length + 2 + message.length : 0;
  const lines = stack.slice(after).split("\n");
  const first = lines.findLastIndex((line) => !frame.test(line)) + 1;
  return lines.slice(first).join("\n");
}
