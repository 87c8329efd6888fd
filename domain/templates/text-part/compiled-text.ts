import { Tokenizer, type TokenizerCallbacks, QuoteType } from "htmlparser2";
import type { Effort } from "../effort.ts";
import { unescapeHtml } from "../liquid-values.ts";
import { affectsText } from "./element-style.ts";
import { readHtml, textAttributes } from "./html-reader.ts";
import type { TextEvent } from "./text-event.ts";
import { textFromHtml } from "./text-from-html.ts";
import { collapseBlanks } from "./text-lines.ts";
import { TextWriter } from "./text-writer.ts";

/**
 * Makes the text of HTML from its pieces in order: literal pieces, which are the same in every message, and values. Reading the HTML again for
 * each message takes several times as long as rendering it. So the events of the literals are recorded once, and replayed as long as no
 * value contains something that would change them. A test proves that the result is always that of `textFromHtml` for the whole HTML.
 */
export type HtmlText = (pieces: readonly string[], effort: Effort) => string;

/** Reading HTML takes this many times the work of copying it. */
const readingFactor = 16;

/** `literals` has null in the place of each value. */
export function compileHtmlText(literals: readonly (string | null)[]): HtmlText {
  const replay = recordEvents(literals);
  return (pieces, effort) => {
    const text = pieces.length === literals.length ? replay?.(pieces, effort) : null;
    if (text !== null && text !== undefined) return text;
    const html = pieces.join("");
    effort.spendOn(readingFactor * html.length);
    return textFromHtml(html);
  };
}

/** The place of a value, which decides what the value may contain. */
type Place = "text" | "attribute" | "property" | "elsewhere";

/** Marks the place of a value with private-use characters. */
const mark = (index: number) => `\ue000${index}\ue001`;
const marks = /\ue000(\d+)\ue001/g;

/** Longer recordings are not kept, because the cache holds many versions: their HTML is read for each message. */
const stepLimit = 10_000;

/** The number of events that are replayed in about the time of one step. */
const eventsInStep = 4;

/** Records the events of the literals; returns null where they depend on the values. */
function recordEvents(
  literals: readonly (string | null)[],
): ((pieces: readonly string[], effort: Effort) => string | null) | null {
  const literalText = literals.filter((literal) => literal !== null).join("");
  if (/[\ue000\ue001]/.test(literalText)) return null;
  const markValues = (places: ReadonlyMap<number, Place> | null) =>
    literals
      .map((literal, index) => literal ?? (places?.get(index) === "elsewhere" ? "" : mark(index)))
      .join("");
  // A tag or entity could begin in a value and end in the literal after it, or the other way round.
  if (/(?:<[^\s>]*|&[#\w]*)\ue000/.test(markValues(null))) return null;
  const values = literals.flatMap((literal, index) => (literal === null ? [index] : []));
  const places = new Map<number, Place>(values.map((index) => [index, "elsewhere"]));
  findPlaces(markValues(null), places);
  // Values elsewhere have to be empty: without them, the others must be in the same places.
  const html = markValues(places);
  const again = new Map<number, Place>(values.map((index) => [index, "elsewhere"]));
  findPlaces(html, again);
  if (values.some((index) => places.get(index) !== again.get(index))) return null;

  const steps: ((writer: TextWriter, pieces: readonly string[]) => void)[] = [];
  readHtml(html, (event) => {
    if (steps.length <= stepLimit) steps.push(stepOf(event));
  });
  if (steps.length > stepLimit) return null;
  return (pieces, effort) => {
    effort.spend(Math.floor(steps.length / eventsInStep));
    for (const [index, place] of places) if (!mayContain[place](pieces[index]!)) return null;
    const writer = new TextWriter();
    for (const step of steps) step(writer, pieces);
    return writer.end();
  };
}

/** Whether a value contains markup, or an entity that escaping does not produce. */
const hasMarkup = (value: string) =>
  /[<>&]/.test(value) && /[<>]|&(?!(?:amp|lt|gt|#34|#39);)/.test(value);

const mayContain: Record<Place, (value: string) => boolean> = {
  text: (value) => !hasMarkup(value),
  attribute: (value) => !/["']/.test(value) && !hasMarkup(value),
  property: (value) => !/["'<>&;*!]/.test(value),
  elsewhere: (value) => value === "",
};

/** Finds the marks that are in texts and in quoted attributes. */
function findPlaces(html: string, places: Map<number, Place>): void {
  let element = "";
  let attribute = "";
  let data = "";
  const set = (text: string, place: Place) => {
    for (const [, index] of text.matchAll(marks)) places.set(Number(index), place);
  };
  const ignore = () => {};
  const callbacks: TokenizerCallbacks = {
    ontext(start, end) {
      // A value in a style sheet could change any rule.
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
          if (name !== undefined && !affectsText(name)) set(declaration, "property");
        }
      } else if (attribute === "href" || attribute === "alt" || !textAttributes.has(attribute))
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
    return fillEvent(literal, (text) => ({ kind: "text", text, space }));
  }
  if (event.kind === "image")
    return fillEvent(event.alternative, (alternative) => ({ ...event, alternative }));
  if (event.kind === "link-end") return fillEvent(event.href, (href) => ({ ...event, href }));
  return (writer) => writer.write(event);
}

/** Returns a step that writes an event whose text contains marks, with values in the places of the marks. */
function fillEvent(
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
