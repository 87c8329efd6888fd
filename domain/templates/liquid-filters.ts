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
 * Where liquidjs differs from Shopify's Liquid, to which the README links: whole numbers divide to whole numbers, and
 * characters are counted and cut as code points.
 */

const built = (name: string) => liquidFilters[name] as FilterHandler;

/** Counts what a filter makes, before it is made. */
const use = (filter: ThisParameterType<FilterHandler>, characters: number) =>
  filter.context.memoryLimit.use(characters);

const lineEnds = /\r\n?|\n/g;

const textFilters: Record<string, FilterHandler> = {
  size(value) {
    const plain: unknown = toValue(value);
    if (typeof plain === "string") return countCharacters(plain);
    return Array.isArray(plain) ? plain.length : 0;
  },
  split(value, separator) {
    if (stringify(separator) !== "") return built("split").call(this, value, separator) as unknown;
    const text = stringify(value);
    use(this, text.length);
    return [...text];
  },
  replace(value, pattern, replacement) {
    if (stringify(pattern) !== "")
      return built("replace").call(this, value, pattern, replacement) as unknown;
    const characters = [...stringify(value)];
    const between = stringify(replacement);
    use(this, (characters.length + 1) * (between.length + 1));
    return between + characters.map((character) => character + between).join("");
  },
  first(value) {
    const plain: unknown = toValue(value);
    if (typeof plain !== "string") return built("first").call(this, plain) as unknown;
    return /^./su.exec(plain)?.[0] ?? "";
  },
  last(value) {
    const plain: unknown = toValue(value);
    if (typeof plain !== "string") return built("last").call(this, plain) as unknown;
    return /[\ud800-\udbff]?[^]$/.exec(plain.slice(-2))?.[0] ?? "";
  },
  capitalize(value) {
    const text = stringify(value);
    use(this, text.length);
    const first = /^./su.exec(text)?.[0] ?? "";
    return first.toUpperCase() + text.slice(first.length).toLowerCase();
  },
  strip_newlines(value) {
    const text = stringify(value);
    use(this, text.length);
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
    use(this, text.length);
    return breakLines(text);
  },
};

const breakLines = (text: string) => text.replaceAll(lineEnds, "<br />\n");

/** A number, and whether it has decimal places, be they zero. */
function numberOf(value: unknown): { value: number; decimal: boolean } {
  const plain: unknown = toValue(value);
  const number = Number(plain) || 0;
  const decimal =
    value instanceof Decimal ||
    !Number.isInteger(number) ||
    (typeof plain === "string" && plain.includes("."));
  return { value: number, decimal };
}

/** Doubles know fifteen decimal digits: what comes after them is no part of the result. */
function reckoned(value: number, decimal: boolean): unknown {
  const result =
    Number.isInteger(value) || !Number.isFinite(value) ? value : Number(value.toPrecision(15));
  return decimal && Number.isInteger(result) ? new Decimal(result) : result;
}

function reckon(operation: (left: number, right: number) => number): FilterHandler {
  return (left, right) => {
    const [a, b] = [numberOf(left), numberOf(right)];
    return reckoned(operation(a.value, b.value), a.decimal || b.decimal);
  };
}

/** Division, of which whole numbers have none by zero. */
function divide(operation: (left: number, right: number, whole: boolean) => number): FilterHandler {
  return (left, right, wholeOnly) => {
    const [a, b] = [numberOf(left), numberOf(right)];
    const whole = wholeOnly === true || (!a.decimal && !b.decimal);
    if (whole && b.value === 0) throw new Error("divided by 0");
    return reckoned(operation(a.value, b.value, whole), !whole);
  };
}

/** As liquidjs has it; a decimal stays one. */
function keepDecimal(name: string): FilterHandler {
  return function (value, ...rest) {
    const result: unknown = built(name).call(this, value, ...rest);
    const { decimal } = numberOf(value);
    return typeof result === "number" ? reckoned(result, decimal) : result;
  };
}

const numberFilters: Record<string, FilterHandler> = {
  plus: reckon((left, right) => left + right),
  minus: reckon((left, right) => left - right),
  times: reckon((left, right) => left * right),
  divided_by: divide((left, right, whole) => (whole ? Math.floor(left / right) : left / right)),
  modulo: divide((left, right) => ((left % right) + right) % right),
  abs: keepDecimal("abs"),
  at_least: keepDecimal("at_least"),
  at_most: keepDecimal("at_most"),
  round(value, digits) {
    return (Number(toValue(digits)) > 0 ? keepDecimal("round") : built("round")).call(
      this,
      value,
      digits,
    ) as unknown;
  },
};

/** Filters that make HTML, or keep it. What is escaped once is written as it is, and never lets through what was not. */
const htmlFilters: Record<string, FilterHandler> = {
  escape(value) {
    const text = stringify(value);
    use(this, text.length);
    const html = escapeHtml(text);
    return new Markup(html, text, html);
  },
  xml_escape(value) {
    return htmlFilters["escape"]!.call(this, value) as unknown;
  },
  escape_once(value) {
    const text = stringify(value);
    use(this, text.length);
    const html = escapeHtmlOnce(text);
    return new Markup(html, unescapeHtml(text), html);
  },
  newline_to_br(value) {
    const text = stringify(value);
    use(this, text.length);
    const markup = value instanceof Markup ? value : new Markup(escapeHtml(text), text, text);
    return markup.map(breakLines);
  },
  append(value, more) {
    return joined(this, value, more) ?? (built("append").call(this, value, more) as unknown);
  },
  prepend(value, more) {
    return joined(this, more, value) ?? (built("prepend").call(this, value, more) as unknown);
  },
  default(value, otherwise, ...rest) {
    const keeps = value instanceof Markup && value.valueOf() !== "";
    return keeps ? value : (built("default").call(this, value, otherwise, ...rest) as unknown);
  },
  ...Object.fromEntries(
    ["strip", "lstrip", "rstrip", "strip_newlines"].map((name): [string, FilterHandler] => [
      name,
      function (value, ...rest) {
        const filter = textFilters[name] ?? built(name);
        const change = (text: unknown) => filter.call(this, text, ...rest) as string;
        return value instanceof Markup ? value.map(change) : change(value);
      },
    ]),
  ),
};

/** HTML and what goes with it; null where neither is HTML. */
function joined(
  filter: ThisParameterType<FilterHandler>,
  left: unknown,
  right: unknown,
): Markup | null {
  if (!(left instanceof Markup) && !(right instanceof Markup)) return null;
  const html = htmlOf(left) + htmlOf(right);
  use(filter, html.length);
  return new Markup(html, stringify(left) + stringify(right), rawOf(left) + rawOf(right));
}

const rawOf = (value: unknown) => (value instanceof Markup ? value.raw : stringify(value));

/** What was captured has been escaped where it had to be. */
class HtmlCaptureTag extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    yield* super.render(context) as Generator<unknown, void, string>;
    const captured = context.bottom();
    const html = captured[this.variable] as string;
    if (/[&<>"']/.test(html)) captured[this.variable] = new Markup(html, unescapeHtml(html), html);
  }
}

/** Replaces filters of an engine; in one that escapes, values may be HTML. */
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
