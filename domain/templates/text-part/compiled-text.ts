import { Tokenizer, type TokenizerCallbacks, QuoteType } from "htmlparser2";
import type { Effort } from "../effort.ts";
import { unescapeHtml } from "../liquid-values.ts";
import { isTellingProperty } from "./element-style.ts";
import { readHtml, tellingAttributes } from "./html-reader.ts";
import type { TextEvent } from "./text-event.ts";
import { textFromHtml } from "./text-from-html.ts";
import { collapseBlanks } from "./text-lines.ts";
import { TextWriter } from "./text-writer.ts";

/**
 * The text of HTML that consists of literal pieces, which are always the same, and values, of which each message has its own: for all
 * pieces in order, the text. To read HTML again for each message takes several times as long as to make it; so what the literals say is
 * read once, and repeated as long as the values have nothing in them that would make it say something else. A test proves that
 * it is always what `textFromHtml` says of the whole.
 */
export type HtmlText = (pieces: readonly string[], effort: Effort) => string;

/** Reading HTML is so many times the work of copying it. */
const readingFactor = 16;

/** `literals` has null in the place of each value. */
export function compileHtmlText(literals: readonly (string | null)[]): HtmlText {
  const repeated = readOnce(literals);
  return (pieces, effort) => {
    const text = pieces.length === literals.length ? repeated?.(pieces, effort) : null;
    if (text !== null && text !== undefined) return text;
    const html = pieces.join("");
    effort.spendOn(readingFactor * html.length);
    return textFromHtml(html);
  };
}

/** Where a value stands, and hence what it may hold. */
type Stand = "text" | "attribute" | "property" | "elsewhere";

/** Our own marks of values: characters for private use. */
const mark = (index: number) => `\ue000${index}\ue001`;
const marks = /\ue000(\d+)\ue001/g;

/** Of many versions that are kept at once: long ones are read each time. */
const stepLimit = 10_000;

/** Events that are told in about the time of a step. */
const eventsInStep = 4;

/** Null where the literals say too little by themselves. */
function readOnce(
  literals: readonly (string | null)[],
): ((pieces: readonly string[], effort: Effort) => string | null) | null {
  const written = literals.filter((literal) => literal !== null).join("");
  if (/[\ue000\ue001]/.test(written)) return null;
  const marked = (without: ReadonlyMap<number, Stand> | null) =>
    literals
      .map((literal, index) => literal ?? (without?.get(index) === "elsewhere" ? "" : mark(index)))
      .join("");
  // What a value begins could be completed by the literal after it, and the other way round.
  if (/(?:<[^\s>]*|&[#\w]*)\ue000/.test(marked(null))) return null;
  const values = literals.flatMap((literal, index) => (literal === null ? [index] : []));
  const stands = new Map<number, Stand>(values.map((index) => [index, "elsewhere"]));
  findStands(marked(null), stands);
  // Values elsewhere have to be empty: then the others must stand where they do with them.
  const html = marked(stands);
  const again = new Map<number, Stand>(values.map((index) => [index, "elsewhere"]));
  findStands(html, again);
  if (values.some((index) => stands.get(index) !== again.get(index))) return null;

  const steps: ((writer: TextWriter, pieces: readonly string[]) => void)[] = [];
  readHtml(html, (event) => {
    if (steps.length <= stepLimit) steps.push(stepOf(event));
  });
  if (steps.length > stepLimit) return null;
  return (pieces, effort) => {
    effort.spend(Math.floor(steps.length / eventsInStep));
    for (const [index, stand] of stands) if (!mayHold[stand](pieces[index]!)) return null;
    const writer = new TextWriter();
    for (const step of steps) step(writer, pieces);
    return writer.end();
  };
}

/** Something of markup, or an entity that is not one of those by which values are escaped. */
const hasMarkup = (value: string) =>
  /[<>&]/.test(value) && /[<>]|&(?!(?:amp|lt|gt|#34|#39);)/.test(value);

const mayHold: Record<Stand, (value: string) => boolean> = {
  text: (value) => !hasMarkup(value),
  attribute: (value) => !/["']/.test(value) && !hasMarkup(value),
  property: (value) => !/["'<>&;*!]/.test(value),
  elsewhere: (value) => value === "",
};

/** Finds which marks stand in texts and in quoted attributes. */
function findStands(html: string, stands: Map<number, Stand>): void {
  let element = "";
  let attribute = "";
  let data = "";
  const set = (text: string, stand: Stand) => {
    for (const [, index] of text.matchAll(marks)) stands.set(Number(index), stand);
  };
  const ignore = () => {};
  const callbacks: TokenizerCallbacks = {
    ontext(start, end) {
      // In a style sheet a value could be of any rule.
      if (element !== "style") set(html.slice(start, end), "text");
    },
    ontextentity: ignore,
    onattribname(start, end) {
      attribute = html.slice(start, end).toLowerCase();
      data = "";
    },
    onattribdata(start, end) {
      data += html.slice(start, end);
    },
    onattribentity(codePoint) {
      data += String.fromCodePoint(codePoint);
    },
    onattribend(quote) {
      if (quote !== QuoteType.Double && quote !== QuoteType.Single) return;
      if (attribute === "style") {
        for (const declaration of data.split(";")) {
          const name = /^\s*([\w-]+)\s*:/.exec(declaration)?.[1];
          if (name !== undefined && !isTellingProperty(name)) set(declaration, "property");
        }
      } else if (attribute === "href" || attribute === "alt" || !tellingAttributes.has(attribute))
        set(data, "attribute");
    },
    oncdata: ignore,
    onclosetag() {
      element = "";
    },
    oncomment: ignore,
    ondeclaration: ignore,
    onend: ignore,
    onopentagend: ignore,
    onopentagname(start, end) {
      element = html.slice(start, end).toLowerCase();
    },
    onprocessinginstruction: ignore,
    onselfclosingtag: ignore,
  };
  const tokenizer = new Tokenizer({}, callbacks);
  tokenizer.write(html);
  tokenizer.end();
}

function stepOf(event: TextEvent): (writer: TextWriter, pieces: readonly string[]) => void {
  if (event.kind === "text") {
    const { space } = event;
    const literal = space === "normal" ? collapseBlanks(event.text) : event.text;
    return filling(literal, (text) => ({ kind: "text", text, space }));
  }
  if (event.kind === "image")
    return filling(event.alternative, (alternative) => ({ ...event, alternative }));
  if (event.kind === "link-end") return filling(event.href, (href) => ({ ...event, href }));
  return (writer) => writer.write(event);
}

/** Writes an event with a text in which marks stand for values. */
function filling(
  text: string,
  make: (text: string) => TextEvent,
): (writer: TextWriter, pieces: readonly string[]) => void {
  const [first, ...rest] = text.split(marks);
  if (rest.length === 0) {
    const event = make(text);
    return (writer) => writer.write(event);
  }
  return (writer, pieces) => {
    let filled = first!;
    for (let at = 0; at < rest.length; at += 2)
      filled += unescapeHtml(pieces[Number(rest[at])]!) + rest[at + 1]!;
    writer.write(make(filled));
  };
}
