import { trimBlanks } from "../../domain/text.ts";
import { inexactNumber, isExactNumber } from "../http/strict-json.ts";

/** What the cells of a column may be read as. */
export const cellTypes = ["text", "number", "boolean", "list"] as const;
export type CellType = (typeof cellTypes)[number];

/** The value of a cell that is not blank, or what is wrong with it. */
export type CellReading = { value: unknown } | { message: string };

/**
 * Reads a cell as its column's type. Numbers are those of JSON, with a decimal comma too where it cannot separate thousands. Truth is
 * true, yes, y, 1 or their contraries. A list is one of JSON, or its items stand between commas, semicolons or bars.
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
      // An item may begin with a bracket.
    }
  }
  return text
    .split(/[,;|]/)
    .map((item) => trimBlanks(item).replace(/^"(.*)"$/s, "$1"))
    .filter((item) => item !== "");
}

/** What the cells of a text column look like, for a hint: `null` where they are plain text, or there are none. */
export function createLookOfCells() {
  let seen = 0;
  let look: "number" | "boolean" | null = null;
  return {
    see(cell: string): void {
      if (seen > 0 && look === null) return;
      const now = looksOf(trimBlanks(cell));
      look = seen === 0 || look === now ? now : null;
      seen += 1;
    },
    look: () => look,
  };
}

/** A number with a zero before it is a code, such as a postal one. */
function looksOf(text: string): "number" | "boolean" | null {
  if (number.test(text) && isExactNumber(text)) return "number";
  return /^(?:true|false)$/i.test(text) ? "boolean" : null;
}
