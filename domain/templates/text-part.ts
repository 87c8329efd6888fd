import { convert, type HtmlToTextOptions } from "html-to-text";
import { defaultOptions, Tokenizer, TypeGuards } from "liquidjs";

const options: HtmlToTextOptions = {
  wordwrap: false,
  selectors: [
    { selector: "a", options: { hideLinkHrefIfSameAsText: true, ignoreHref: false } },
    { selector: "img", format: "skip" },
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({
      selector,
      options: { uppercase: false },
    })),
    { selector: "table", options: { uppercaseHeaderCells: false } },
  ],
};

/** Elements within elements: the time of the conversion grows with the square of their depth. */
const depthLimit = 2_000;
const voidElements = new Set(
  "area base br col embed hr img input link meta source track wbr".split(" "),
);

class NestsTooDeeply extends Error {}

/**
 * The Liquid template of a text part, from that of an HTML part: markup is gone, links are kept in brackets, tags and
 * outputs stand where they stood. Throws Liquid's error where the HTML cannot be parsed as a template, and one of its own
 * where its elements nest too deeply.
 */
export function textFromHtml(html: string): string {
  const kept: string[] = [];
  // Private-use characters go through html-to-text untouched, in text and in links.
  const hold = (source: string) => `\uE000${kept.push(source) - 1}\uE001`;
  const tokens = new Tokenizer(html).readTopLevelTokens(defaultOptions);
  let marked = "";
  let rawBegin: number | null = null;
  for (const token of tokens) {
    const tag = TypeGuards.isTagToken(token) ? token.name : null;
    if (tag === "raw") rawBegin = token.begin;
    else if (rawBegin !== null) {
      if (tag !== "endraw") continue;
      marked += hold(html.slice(rawBegin, token.end));
      rawBegin = null;
    } else {
      const source = html.slice(token.begin, token.end);
      marked += TypeGuards.isHTMLToken(token)
        ? source.replace(/[\uE000\uE001]/g, "")
        : hold(source);
    }
  }
  refuseDeep(marked);
  return (
    convert(marked, options)
      // Braces that were entities in the HTML are text, not Liquid.
      .replace(/\{[{%]/g, (braces) => `{{ "${braces}" }}`)
      .replace(/\uE000(\d+)\uE001/g, (_, index: string) => kept[Number(index)]!)
  );
}

/** Counts each element as open until one of its name is closed: they may nest less deeply than that, and never more. */
function refuseDeep(html: string): void {
  const open = new Map<string, number>();
  let depth = 0;
  for (const [, slash, written] of html.matchAll(/<(\/?)([a-z][^\s/>]*)/gi)) {
    const name = written!.toLowerCase();
    const count = open.get(name) ?? 0;
    if (voidElements.has(name) || (slash && count === 0)) continue;
    const step = slash ? -1 : 1;
    open.set(name, count + step);
    depth += step;
    if (depth > depthLimit) throw new NestsTooDeeply();
  }
}
