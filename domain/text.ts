import { z } from "zod";

/** What PostgreSQL's text and jsonb refuse, and what has no UTF-8: U+0000 and lone surrogates. */
// oxlint-disable-next-line no-control-regex
const unstorable = /[\u0000\p{Surrogate}]/u;

const unstorableMessage = "must not contain U+0000 or half of a surrogate pair";

/** Text of `min` to `max` UTF-16 units that every store and wire can carry. */
export function text(max: number, min = 1) {
  return z
    .string()
    .min(min, min === 1 ? "must not be empty" : `must have at least ${min} characters`)
    .max(max, `must have at most ${max} characters`)
    .refine((value) => !unstorable.test(value), unstorableMessage);
}

/**
 * Characters that nobody sees and that change how what is beside them is read: controls, line and paragraph separators, and marks that turn
 * the direction of text (UAX 9), by which a name can look like another, or an address read otherwise.
 */
const deceptive = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A name, in one line, that reads as it is written. */
export const nameText = (max: number) =>
  text(max).refine(
    (value) => !deceptive.test(value),
    "must not contain control characters, or characters that turn the direction of text",
  );

/** A text in one line, without what would have it read otherwise. */
export const oneLine = (value: string): string =>
  value.replaceAll(new RegExp(`(?:\\s|${deceptive.source})+`, "gu"), " ").trim();

/** The first `max` UTF-16 units of a text: one less where half of a surrogate pair would be the last. */
export function cutText(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).replace(/[\ud800-\udbff]$/, "");
}

/** White space of any kind, and characters that show nothing: zero-width ones, soft hyphens, marks of direction. */
const blank = /[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

/** Text without blanks at its edges, those that nobody sees among them. */
export function trimBlanks(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && blank.test(value[from]!)) from += 1;
  while (to > from && blank.test(value[to - 1]!)) to -= 1;
  return value.slice(from, to);
}

/** For a regular expression: nothing in the text stands for anything else. */
export const escapePattern = (text: string): string =>
  text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);

/** Names that copies of objects lose, or that stand for what objects are made by: nothing from outside is called so. */
export const unsafeKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

const maxJsonDepth = 32;

export interface JsonFault {
  /** Keys and indexes from the root to the fault. */
  path: (string | number)[];
  message: string;
}

/**
 * The first thing in a parsed JSON value that could not be stored and read back as it stands: unstorable text in a
 * string or a key, a number beyond a double's range, nesting deeper than `maxDepth`, a key of `unsafeKeys`. Null
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
