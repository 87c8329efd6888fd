import { z } from "zod";

/** U+0000, which PostgreSQL's text and jsonb refuse, and lone surrogates, which have no UTF-8 encoding. */
// oxlint-disable-next-line no-control-regex
const unstorable = /[\u0000\p{Surrogate}]/u;

const unstorableMessage = "must not contain U+0000 or half of a surrogate pair";

/** The schema of a text of `min` to `max` UTF-16 units that PostgreSQL and UTF-8 can represent. */
export function text(max: number, min = 1) {
  return z
    .string()
    .min(min, min === 1 ? "must not be empty" : `must have at least ${min} characters`)
    .max(max, `must have at most ${max} characters`)
    .refine((value) => !unstorable.test(value), unstorableMessage);
}

/**
 * Invisible characters that change how the text around them is displayed: controls, line and paragraph separators, and marks of text
 * direction (UAX 9). With them a name or an address can look like another.
 */
const deceptive = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** The schema of a name in one line, without deceptive characters. */
export const nameText = (max: number) =>
  text(max).refine(
    (value) => !deceptive.test(value),
    "must not contain control characters, or characters that change the direction of text",
  );

/** Puts a text into one line: white space and deceptive characters become single spaces. */
export const oneLine = (value: string): string =>
  value.replaceAll(new RegExp(`(?:\\s|${deceptive.source})+`, "gu"), " ").trim();

/** The first `max` UTF-16 units of a text, or one less where the last would be half of a surrogate pair. */
export function cutText(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).replace(/[\ud800-\udbff]$/, "");
}

/** White space and invisible characters: zero-width characters, soft hyphens, marks of direction. */
const blank = /[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

/** Removes white space and invisible characters from both ends of a text. */
export function trimBlanks(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && blank.test(value[from]!)) from += 1;
  while (to > from && blank.test(value[to - 1]!)) to -= 1;
  return value.slice(from, to);
}

/** Escapes a text for use in a regular expression. */
export const escapePattern = (text: string): string =>
  text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);

/** Keys that are refused in JSON from callers: copying an object would lose them or change its prototype. */
export const unsafeKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

const maxJsonDepth = 32;

export interface JsonFault {
  /** Keys and indexes from the root to the fault. */
  path: (string | number)[];
  message: string;
}

/**
 * Finds the first part of a parsed JSON value that could not be stored and read back unchanged: unstorable text in a
 * string or a key, a number beyond a double's range, nesting deeper than `maxDepth`, or a key of `unsafeKeys`. Null
 * if there is none.
 */
export function findUnstorable(
  value: unknown,
  maxDepth = maxJsonDepth,
  depth = 0,
): JsonFault | null {
  if (typeof value === "string")
    return unstorable.test(value) ? { path: [], message: unstorableMessage } : null;
  if (typeof value === "number")
    return Number.isFinite(value)
      ? null
      : { path: [], message: "must be a number within the range of a double" };
  if (typeof value !== "object" || value === null) return null;
  if (depth >= maxDepth)
    return { path: [], message: `must not be nested deeper than ${maxDepth} levels` };
  for (const [key, item] of Object.entries(value)) {
    if (unsafeKeys.has(key)) return { path: [], message: `must not have the key ${key}` };
    if (unstorable.test(key)) return { path: [], message: `has a key that ${unstorableMessage}` };
    const fault = findUnstorable(item, maxDepth, depth + 1);
    if (fault) return { ...fault, path: [Array.isArray(value) ? Number(key) : key, ...fault.path] };
  }
  return null;
}
