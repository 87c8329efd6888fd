import type { MarkPlace, TextLines } from "./text-lines.ts";

type Numbering = "1" | "a" | "A" | "i" | "I";

/** The numbering of an `<ol>` (HTML standard, 4.4.5). */
export interface Order {
  /** Null for a reversed list that starts at the number of its items. */
  start: number | null;
  reversed: boolean;
  numbering: Numbering;
}

export function readOrder(attributes: ReadonlyMap<string, string>): Order {
  const reversed = attributes.has("reversed");
  const start = /^\s*-?\d{1,9}/.exec(attributes.get("start") ?? "");
  const type = attributes.get("type") ?? "";
  return {
    start: start ? Number(start[0]) : reversed ? null : 1,
    reversed,
    numbering: /^[aAiI]$/.test(type) ? (type as Numbering) : "1",
  };
}

/** Makes the marks of the items of one list. Its order is null for a list with bullets. */
export class ListMarks {
  readonly #order: Order | null;
  #next: number;
  /** The marks of a list whose first number is known only at its end. */
  readonly #open: { place: MarkPlace; mark: string; number: number }[] = [];

  constructor(order: Order | null) {
    this.#order = order;
    this.#next = order?.start ?? 0;
  }

  /** Returns the mark of the next item, which begins at `place`. `value` is the item's own number, if it has one. */
  mark(value: number | null, place: MarkPlace): string {
    if (!this.#order) return "- ";
    const { start, reversed, numbering } = this.#order;
    const number = value ?? this.#next;
    this.#next = number + (reversed ? -1 : 1);
    const mark = `${numberText(number, numbering)}. `;
    if (start === null) this.#open.push({ place, mark, number });
    return mark;
  }

  /** Corrects the marks of a list that counts down from the number of its items. */
  end(lines: TextLines): void {
    const count = this.#open.length;
    for (const { place, mark, number } of this.#open)
      lines.replaceMark(place, mark, `${numberText(number + count, this.#order!.numbering)}. `);
  }
}

function numberText(number: number, numbering: Numbering): string {
  switch (numbering) {
    case "1":
      return String(number);
    case "a":
      return letters(number);
    case "A":
      return letters(number).toUpperCase();
    case "i":
      return roman(number);
    case "I":
      return roman(number).toUpperCase();
  }
}

function letters(number: number): string {
  if (number < 1) return String(number);
  let text = "";
  for (let rest = number; rest > 0; rest = Math.floor((rest - 1) / 26))
    text = String.fromCharCode(0x61 + ((rest - 1) % 26)) + text;
  return text;
}

const romanDigits = [
  [1000, "m"],
  [900, "cm"],
  [500, "d"],
  [400, "cd"],
  [100, "c"],
  [90, "xc"],
  [50, "l"],
  [40, "xl"],
  [10, "x"],
  [9, "ix"],
  [5, "v"],
  [4, "iv"],
  [1, "i"],
] as const;

function roman(number: number): string {
  if (number < 1 || number > 3_999) return String(number);
  let text = "";
  let rest = number;
  for (const [value, digit] of romanDigits) for (; rest >= value; rest -= value) text += digit;
  return text;
}
