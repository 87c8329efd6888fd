import { trimBlanks } from "../../domain/text.ts";
import { inexactNumber, isExactNumber } from "../http/strict-json.ts";

/** The types that the cells of a column may be read as. */
export const cellTypes = ["text", "number", "boolean", "list"] as const;
export type CellType = (typeof cellTypes)[number];

/** The value of a cell that is not blank, or the fault in it. */
export type CellReading = { value: unknown } | { message: string };

/**
 * Reads a cell as a value of its column's type. Numbers have the form of JSON; a decimal comma is allowed if it cannot separate
 * thousands. Booleans are true, yes, y or 1, and false, no, n or 0. A list is a JSON array of strings, or its items are separated by
 * commas, semicolons or bars.
 */
export function readCell(cell: string, type: CellType): CellReading {
  switch (type) {
    case "text":
      return { value: cell };
    case "number":
      return readNumber(trimBlanks(cell));
    case "boolean":
      return readBoolean(trimBlanks(cell).toLowerCase());
    case "list":
      return { value: readList(trimBlanks(cell)) };
  }
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const decimalComma = /^(-?\d+),(\d{1,2}|\d{4,})$/;

function readNumber(text: string): CellReading {
  const literal = text.replace(decimalComma, "$1.$2");
  if (!number.test(literal))
    return {
      message: /^-?\d{1,3}(?:[,.]\d{3})+(?:[,.]\d+)?$/.test(text)
        ? "must be a number without separators of thousands, such as 1234.5"
        : "must be a number, such as 3.5",
    };
  return isExactNumber(literal) ? { value: Number(literal) } : { message: inexactNumber };
}

const booleans = new Map([
  ...["true", "yes", "y", "1"].map((word) => [word, true] as const),
  ...["false", "no", "n", "0"].map((word) => [word, false] as const),
]);

function readBoolean(word: string): CellReading {
  const value = booleans.get(word);
  return value === undefined ? { message: "must be true or false, yes or no, 1 or 0" } : { value };
}

function readList(text: string): unknown[] {
  if (text.startsWith("[")) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list) && list.every((item) => typeof item === "string")) return list;
    } catch {
      // The text is no JSON array: an item of another list may begin with a bracket.
    }
  }
  return text
    .split(/[,;|]/)
    .map((item) => trimBlanks(item).replace(/^"(.*)"$/s, "$1"))
    .filter((item) => item !== "");
}

/**
 * Guesses the type of a column that is imported as text, for a hint: whether all of its cells look like numbers, or like booleans. The
 * guess is `null` if they do not, or if there are no cells.
 */
export function createTypeGuess() {
  let cells = 0;
  let guess: "number" | "boolean" | null = null;
  return {
    add(cell: string): void {
      if (cells > 0 && guess === null) return;
      const type = guessType(trimBlanks(cell));
      guess = cells === 0 || guess === type ? type : null;
      cells += 1;
    },
    guess: () => guess,
  };
}

/** Guesses the type of one cell. A number with a leading zero is text, because it is a code, such as a postal code. */
function guessType(text: string): "number" | "boolean" | null {
  if (number.test(text) && isExactNumber(text)) return "number";
  return /^(?:true|false)$/i.test(text) ? "boolean" : null;
}
