import { CaptureTag, type Context, filters as liquidFilters, type Liquid, toValue } from "liquidjs";
import type { FilterHandler } from "./liquid-bounds.ts";
import {
  countCharacters,
  Decimal,
  escapeHtml,
  escapeHtmlOnce,
  htmlOf,
  Markup,
  stringify,
  unescapeHtml,
} from "./liquid-values.ts";

/**
 * Filters that differ between liquidjs and Shopify's Liquid, whose documentation authors read: whole numbers divide to whole numbers, and
 * characters are counted and cut as code points.
 */

const builtIn = (name: string) => liquidFilters[name] as FilterHandler;

/** Counts the memory of a filter's result, before the result is made. */
const useMemory = (filter: ThisParameterType<FilterHandler>, characters: number) =>
  filter.context.memoryLimit.use(characters);

const lineEnds = /\r\n?|\n/g;

const textFilters: Record<string, FilterHandler> = {
  size(value) {
    const plain: unknown = toValue(value);
    if (typeof plain === "string") return countCharacters(plain);
    return Array.isArray(plain) ? plain.length : 0;
  },
  split(value, separator) {
    if (stringify(separator) !== "")
      return builtIn("split").call(this, value, separator) as unknown;
    const text = stringify(value);
    useMemory(this, text.length);
    return [...text];
  },
  replace(value, pattern, replacement) {
    if (stringify(pattern) !== "")
      return builtIn("replace").call(this, value, pattern, replacement) as unknown;
    const characters = [...stringify(value)];
    const between = stringify(replacement);
    useMemory(this, (characters.length + 1) * (between.length + 1));
    return between + characters.map((character) => character + between).join("");
  },
  first(value) {
    const plain: unknown = toValue(value);
    if (typeof plain !== "string") return builtIn("first").call(this, plain) as unknown;
    return /^./su.exec(plain)?.[0] ?? "";
  },
  last(value) {
    const plain: unknown = toValue(value);
    if (typeof plain !== "string") return builtIn("last").call(this, plain) as unknown;
    return /[\ud800-\udbff]?[^]$/.exec(plain.slice(-2))?.[0] ?? "";
  },
  capitalize(value) {
    const text = stringify(value);
    useMemory(this, text.length);
    const first = /^./su.exec(text)?.[0] ?? "";
    return first.toUpperCase() + text.slice(first.length).toLowerCase();
  },
  strip_newlines(value) {
    const text = stringify(value);
    useMemory(this, text.length);
    return text.replaceAll(lineEnds, "");
  },
  url_decode(value) {
    const text = stringify(value).replaceAll("+", " ");
    return text.replaceAll(/(?:%[\da-f]{2})+/gi, (encoded) =>
      Buffer.from(encoded.replaceAll("%", ""), "hex").toString(),
    );
  },
  newline_to_br(value) {
    const text = stringify(value);
    useMemory(this, text.length);
    return breakLines(text);
  },
};

const breakLines = (text: string) => text.replaceAll(lineEnds, "<br />\n");

/** Reads a value as a number, and whether it is written with decimal places, even if they are zero. */
function numberOf(value: unknown): { value: number; decimal: boolean } {
  const plain: unknown = toValue(value);
  const number = Number(plain) || 0;
  const decimal =
    value instanceof Decimal ||
    !Number.isInteger(number) ||
    (typeof plain === "string" && plain.includes("."));
  return { value: number, decimal };
}

/** Rounds to the fifteen digits that a double represents exactly, so that 0.1 plus 0.2 is 0.3. */
function roundResult(value: number, decimal: boolean): unknown {
  const result =
    Number.isInteger(value) || !Number.isFinite(value) ? value : Number(value.toPrecision(15));
  return decimal && Number.isInteger(result) ? new Decimal(result) : result;
}

function calculate(operation: (left: number, right: number) => number): FilterHandler {
  return (left, right) => {
    const [a, b] = [numberOf(left), numberOf(right)];
    return roundResult(operation(a.value, b.value), a.decimal || b.decimal);
  };
}

/** A division filter. Whole numbers cannot be divided by zero. */
function divide(operation: (left: number, right: number, whole: boolean) => number): FilterHandler {
  return (left, right, wholeOnly) => {
    const [a, b] = [numberOf(left), numberOf(right)];
    const whole = wholeOnly === true || (!a.decimal && !b.decimal);
    if (whole && b.value === 0) throw new Error("divided by 0");
    return roundResult(operation(a.value, b.value, whole), !whole);
  };
}

/** The filter of liquidjs, except that a decimal stays a decimal. */
function keepDecimal(name: string): FilterHandler {
  return function (value, ...rest) {
    const result: unknown = builtIn(name).call(this, value, ...rest);
    const { decimal } = numberOf(value);
    return typeof result === "number" ? roundResult(result, decimal) : result;
  };
}

const numberFilters: Record<string, FilterHandler> = {
  plus: calculate((left, right) => left + right),
  minus: calculate((left, right) => left - right),
  times: calculate((left, right) => left * right),
  divided_by: divide((left, right, whole) => (whole ? Math.floor(left / right) : left / right)),
  modulo: divide((left, right) => ((left % right) + right) % right),
  abs: keepDecimal("abs"),
  at_least: keepDecimal("at_least"),
  at_most: keepDecimal("at_most"),
  round(value, digits) {
    return (Number(toValue(digits)) > 0 ? keepDecimal("round") : builtIn("round")).call(
      this,
      value,
      digits,
    ) as unknown;
  },
};

/** Filters that return HTML. Text is escaped exactly once, and no filter lets unescaped text through. */
const htmlFilters: Record<string, FilterHandler> = {
  escape(value) {
    const text = stringify(value);
    useMemory(this, text.length);
    const html = escapeHtml(text);
    return new Markup(html, text, html);
  },
  xml_escape(value) {
    return htmlFilters["escape"]!.call(this, value) as unknown;
  },
  escape_once(value) {
    const text = stringify(value);
    useMemory(this, text.length);
    const html = escapeHtmlOnce(text);
    return new Markup(html, unescapeHtml(text), html);
  },
  newline_to_br(value) {
    const text = stringify(value);
    useMemory(this, text.length);
    const markup = value instanceof Markup ? value : new Markup(escapeHtml(text), text, text);
    return markup.map(breakLines);
  },
  append(value, more) {
    return joinMarkup(this, value, more) ?? (builtIn("append").call(this, value, more) as unknown);
  },
  prepend(value, more) {
    return joinMarkup(this, more, value) ?? (builtIn("prepend").call(this, value, more) as unknown);
  },
  default(value, otherwise, ...rest) {
    const keeps = value instanceof Markup && value.valueOf() !== "";
    return keeps ? value : (builtIn("default").call(this, value, otherwise, ...rest) as unknown);
  },
  ...Object.fromEntries(
    ["strip", "lstrip", "rstrip", "strip_newlines"].map((name): [string, FilterHandler] => [
      name,
      function (value, ...rest) {
        const filter = textFilters[name] ?? builtIn(name);
        const change = (text: unknown) => filter.call(this, text, ...rest) as string;
        return value instanceof Markup ? value.map(change) : change(value);
      },
    ]),
  ),
};

/** Joins two values as HTML; returns null where neither is HTML. */
function joinMarkup(
  filter: ThisParameterType<FilterHandler>,
  left: unknown,
  right: unknown,
): Markup | null {
  if (!(left instanceof Markup) && !(right instanceof Markup)) return null;
  const html = htmlOf(left) + htmlOf(right);
  useMemory(filter, html.length);
  return new Markup(html, stringify(left) + stringify(right), rawOf(left) + rawOf(right));
}

const rawOf = (value: unknown) => (value instanceof Markup ? value.raw : stringify(value));

/** Captures text as HTML: its outputs are escaped already. */
class HtmlCaptureTag extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    yield* super.render(context) as Generator<unknown, void, string>;
    const captured = context.bottom();
    const html = captured[this.variable] as string;
    if (/[&<>"']/.test(html)) captured[this.variable] = new Markup(html, unescapeHtml(html), html);
  }
}

/** Registers our filters on an engine. With `escapes`, values may be HTML. */
export function replaceFilters(liquid: Liquid, { escapes }: { escapes: boolean }): void {
  const replaced = { ...textFilters, ...numberFilters, ...(escapes && htmlFilters) };
  for (const [name, filter] of Object.entries(replaced)) liquid.registerFilter(name, filter);
  if (!escapes) return;
  liquid.registerFilter("raw", {
    raw: true,
    handler: (value: unknown) => (value instanceof Markup ? value.raw : value),
  });
  liquid.registerTag("capture", HtmlCaptureTag);
}
