import { Drop, toValue } from "liquidjs";

/** HTML as a value of Liquid. It is not escaped again where it is written. Filters that do not handle HTML see its text. */
export class Markup extends Drop {
  readonly #html: string;
  readonly #text: string;
  readonly #raw: string;

  /** `html` is safe to write whatever the data is, `text` is the same without markup, and `raw` is what the filter `raw` writes. */
  constructor(html: string, text: string, raw: string) {
    super();
    this.#html = html;
    this.#text = text;
    this.#raw = raw;
  }

  get html(): string {
    return this.#html;
  }

  get raw(): string {
    return this.#raw;
  }

  map(change: (part: string) => string): Markup {
    return new Markup(change(this.#html), change(this.#text), change(this.#raw));
  }

  override valueOf(): string {
    return this.#text;
  }

  override toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }
}

/** A whole number that was written or reckoned with a decimal point, `7.0`: what is divided by it need not be whole. */
export class Decimal extends Drop {
  readonly #value: number;

  constructor(value: number) {
    super();
    this.#value = value;
  }

  override valueOf(): number {
    return this.#value;
  }

  override toString(): string {
    return String(this.#value);
  }

  toJSON(): number {
    return this.#value;
  }
}

/** Converts a value to text as Liquid does, with every line ending as a line feed and without half of a surrogate pair. */
export function stringify(value: unknown): string {
  return storable(writeValue(value));
}

function writeValue(value: unknown): string {
  const plain: unknown = toValue(value);
  if (typeof plain === "string") return plain;
  if (plain === null || plain === undefined) return "";
  if (Array.isArray(plain)) return plain.map(writeValue).join("");
  // oxlint-disable-next-line typescript/no-base-to-string -- an object is "[object Object]" in Liquid too
  return String(plain);
}

/** Replaces every line ending with a line feed, and half of a surrogate pair with the replacement character. */
export function storable(text: string): string {
  if (!/[\r\ud800-\udfff]/.test(text)) return text;
  return text.replaceAll(/\r\n?/g, "\n").replaceAll(/\p{Surrogate}/gu, "\ufffd");
}

const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};
const unescapes = Object.fromEntries(
  Object.entries(escapes).map(([character, escaped]) => [escaped, character]),
);

/** Escapes a text for HTML, as content or within a quoted attribute. */
export function escapeHtml(text: string): string {
  return /[&<>"']/.test(text)
    ? text.replaceAll(/[&<>"']/g, (character) => escapes[character]!)
    : text;
}

/** Undoes `escapeHtml`. */
export function unescapeHtml(html: string): string {
  return html.includes("&")
    ? html.replaceAll(/&(?:amp|lt|gt|#34|#39);/g, (escaped) => unescapes[escaped]!)
    : html;
}

/** Escapes as `escapeHtml` does, but leaves entities as they are. */
export function escapeHtmlOnce(text: string): string {
  return text.replaceAll(/[<>"']|&(?!(?:[a-zA-Z]+|#\d+);)/g, (character) => escapes[character]!);
}

/** Returns a value as HTML: escaped, unless it is HTML already. */
export function htmlOf(value: unknown): string {
  return value instanceof Markup ? value.html : escapeHtml(stringify(value));
}

/** Counts the characters of a text as Liquid does: code points. */
export function countCharacters(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index += 1)
    if (text.codePointAt(index)! > 0xffff) {
      count -= 1;
      index += 1;
    }
  return count;
}
