import { findUnstorable, type JsonFault } from "../../domain/text.ts";

/** The value of a JSON text, or the first fault in it. */
export type JsonReading = { value: unknown } | { fault: JsonFault };

/**
 * Reads JSON that every parser understands alike and that can be stored unchanged: numbers must be exact doubles, no name may occur
 * twice in an object (I-JSON: RFC 7493, sections 2.2 and 2.3), and `findUnstorable` must find nothing.
 * @throws SyntaxError if the text is not JSON
 */
export function readStrictJson(text: string): JsonReading {
  const value: unknown = JSON.parse(text);
  const fault = findUnstorable(value) ?? findLoss(text, value);
  return fault ? { fault } : { value };
}

/** A number of 16 characters or more, or with an exponent of two digits. A double represents every other number exactly. */
const longNumber = /(?:^|[\s,:[])-?(?:[\d.]{16}|[\d.]+[eE][+-]?\d\d)/;
const nameEnd = /"\s*:/g;

/** Finds what `JSON.parse` lost of a text: digits, or names that occur twice. A cheap check shows of nearly every text that it lost nothing. */
function findLoss(text: string, value: unknown): JsonFault | null {
  const namesAtMost = text.match(nameEnd)?.length ?? 0;
  if (!longNumber.test(text) && namesAtMost === countNames(value)) return null;
  return walk(text);
}

function countNames(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const parts: unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = Array.isArray(value) ? 0 : parts.length;
  for (const part of parts) count += countNames(part);
  return count;
}

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|-?\d[\d.eE+-]*/g;

/** Goes through a valid text token by token, keeping the path to the current value. */
function walk(text: string): JsonFault | null {
  const open: { names: Set<string> | null; at: string | number }[] = [];
  let previous = "";
  for (const [token] of text.matchAll(tokens)) {
    const inner = open.at(-1);
    const path = () => open.map(({ at }) => at);
    if (token === "{") open.push({ names: new Set(), at: "" });
    else if (token === "[") open.push({ names: null, at: 0 });
    else if (token === "}" || token === "]") open.pop();
    else if (token === ",") {
      if (typeof inner?.at === "number") inner.at += 1;
    } else if (token === ":" && inner) {
      inner.at = JSON.parse(previous) as string;
      if (inner.names?.has(inner.at))
        return {
          path: path(),
          message: "must occur only once in its object (RFC 7493, section 2.3)",
        };
      inner.names?.add(inner.at);
    } else if (/^[-\d]/.test(token) && !isExactNumber(token))
      return { path: path(), message: inexactNumber };
    previous = token;
  }
  return null;
}

export const inexactNumber =
  "must be a number that a double can represent exactly (RFC 7493, section 2.2): send it as a string";

/** The largest number of digits that `toPrecision` prints. */
const maxPrinted = 100;

/**
 * Whether a double represents a number exactly as it is written: a whole number within 2^53 - 1, or a number that is the same when it
 * is printed with as many digits, or with the fewest digits that distinguish it from other doubles. `literal` is a number of JSON.
 */
export function isExactNumber(literal: string): boolean {
  const number = Number(literal);
  if (/^-?\d+$/.test(literal)) return Number.isSafeInteger(number);
  const digits = significantDigits(literal);
  if (digits === "") return true;
  if (number === 0 || !Number.isFinite(number) || digits.length > maxPrinted) return false;
  return [number.toPrecision(digits.length), String(number)]
    .map(significantDigits)
    .includes(digits);
}

const significantDigits = (literal: string) =>
  literal
    .replace(/[eE].*$/, "")
    .replaceAll(/[-.]/g, "")
    .replaceAll(/^0+|0+$/g, "");
