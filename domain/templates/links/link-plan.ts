import { escapeHtml } from "../liquid-values.ts";
import { findLinks, type FoundLink, type FoundLinks } from "./find-links.ts";

/** What the address of a link becomes. */
export interface Replacement {
  /** Whether the address of the message for clicks stands before the text. */
  isTracked: boolean;
  /** The rest of the address, not escaped. */
  text: string;
}

/**
 * Decides what an address becomes; null leaves it as it is. `label` is the address as the template has it, with an ellipsis in the place of each
 * value.
 */
export type ReplaceAddress = (address: string, label: string) => Replacement | null;

/** A part of the HTML of a message with changed links. */
export type PlanPart =
  | { kind: "literal"; text: string }
  /** A value of the template, by its place among the pieces. */
  | { kind: "value"; index: number; isText: boolean }
  /** The address of the message for clicks. */
  | { kind: "click" }
  /** The address of a link that contains values: literals, and the places of values. */
  | { kind: "address"; parts: readonly (string | number)[]; label: string }
  /** What is added at the end of the body. */
  | { kind: "addition" };

/** The parts that are particular to one message. */
export interface MessageParts {
  /** The address of the message for clicks, which a signed link follows. */
  clickUrl: string;
  /** HTML for the end of the body. */
  addition: string;
}

/** Marks the place of a value with private-use characters. */
const mark = (index: number) => `\ue000${index}\ue001`;
const marks = /\ue000(\d+)\ue001/g;
const anyMark = /[\ue000\ue001]/;

const placeholder = "{…}";
const liquid = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;

/** The label of a link whose address has values in some places. */
const labelOf = (address: string, values: RegExp): string =>
  address
    .replaceAll(values, placeholder)
    .replaceAll(/(?:\{…\}){2,}/g, placeholder)
    .trim();

/**
 * Plans the HTML of messages with changed links from the literals of a template, with null in the place of each value: reading the HTML again for each message would
 * take several times as long as rendering it. Returns null where the literals alone do not show where links are; `rewriteHtml` is for these.
 */
export function planLinks(
  literals: readonly (string | null)[],
  replace: ReplaceAddress,
): PlanPart[] | null {
  if (literals.some((literal) => literal !== null && anyMark.test(literal))) return null;
  const html = literals.map((literal, index) => literal ?? mark(index)).join("");
  // A tag or an entity could begin in a value and end in the literal after it, or the other way round.
  if (/(?:<[^\s>]*|&[#\w]*)\ue000/.test(html)) return null;
  const found = findLinks(html, anyMark);
  if (found.hasUnquoted) return null;
  const inText = new Set(
    found.texts.flatMap(({ start, end }) =>
      [...html.slice(start, end).matchAll(marks)].map(([, index]) => Number(index)),
    ),
  );
  const parts: PlanPart[] = [];
  const addLiterals = (from: number, to: number) => {
    for (const part of splitMarks(html.slice(from, to))) {
      if (typeof part === "string") parts.push({ kind: "literal", text: part });
      else parts.push({ kind: "value", index: part, isText: inText.has(part) });
    }
  };
  let at = 0;
  for (const { start, end, href } of listPlaces(html, found)) {
    const written = splitMarks(html.slice(start, end));
    const hasValues = written.some((part) => typeof part === "number");
    const replacement = href === null || hasValues ? null : replace(href, href.trim());
    if (href !== null && !hasValues && replacement === null) continue;
    addLiterals(at, start);
    at = end;
    if (href === null) parts.push({ kind: "addition" });
    else if (replacement === null)
      parts.push({ kind: "address", parts: written, label: labelOf(href, marks) });
    else {
      if (replacement.isTracked) parts.push({ kind: "click" });
      parts.push({ kind: "literal", text: escapeHtml(replacement.text) });
    }
  }
  addLiterals(at, html.length);
  return joinLiterals(parts);
}

/** Lists the places that change, in their order: those of links, and the end of the body, which has no address. */
function listPlaces(
  html: string,
  { links, bodyEnd }: Pick<FoundLinks, "links" | "bodyEnd">,
): { start: number; end: number; href: string | null }[] {
  const end = bodyEnd ?? html.length;
  const isBefore = ({ start }: FoundLink) => start < end;
  return [
    ...links.filter(isBefore),
    { start: end, end, href: null },
    ...links.filter((link) => !isBefore(link)),
  ];
}

/** Joins literals that follow one another, so that each is encoded as a whole. */
function joinLiterals(parts: readonly PlanPart[]): PlanPart[] {
  const joined: PlanPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.kind === "literal" && last?.kind === "literal") last.text += part.text;
    else joined.push(part.kind === "literal" ? { ...part } : part);
  }
  return joined;
}

/** Splits a text at its marks into literals and the places of values. */
function splitMarks(text: string): (string | number)[] {
  return text
    .split(marks)
    .map((part, index) => (index % 2 === 0 ? part : Number(part)))
    .filter((part) => part !== "");
}

/** Whether a value leaves the places of links as they are. A text may contain HTML, which is read by itself. */
export const fitsPlan = (value: string, isText: boolean): boolean =>
  isText ? !value.includes("<") || isWhole(value) : !/[<>"']/.test(value);

/** Whether HTML begins and ends between tags, and contains no element whose content is no HTML. */
function isWhole(html: string): boolean {
  // A tag could begin in the value and end in the literal after it.
  if (
    /<[^>]*$/.test(html) ||
    /<(?:!|\?|\/?(?:body|script|style|title|textarea|xmp|iframe|no|plaintext))/i.test(html)
  )
    return false;
  const { texts } = findLinks(`${html}\ue002`);
  return texts.at(-1)?.end === html.length + 1;
}

/** Rewrites the links of HTML that is complete, or whole in itself. */
export function rewriteHtml(
  html: string,
  replace: ReplaceAddress,
  { clickUrl, addition }: MessageParts,
): string {
  let rewritten = "";
  let at = 0;
  for (const { start, end, href } of listPlaces(html, findLinks(html))) {
    const replacement = href === null ? null : replace(href, href.trim());
    if (href !== null && replacement === null) continue;
    rewritten += html.slice(at, start);
    rewritten += replacement === null ? addition : addressOf(replacement, clickUrl);
    at = end;
  }
  return rewritten + html.slice(at);
}

/** The address of a link whose values are filled in, as it stands in the HTML. */
export function fillAddress(
  written: string,
  label: string,
  replace: ReplaceAddress,
  clickUrl: string,
): string {
  const replacement = replace(decodeAddress(written), label);
  return replacement === null ? written : addressOf(replacement, clickUrl);
}

/** Decodes the entities of an address. */
function decodeAddress(written: string): string {
  if (!written.includes("&")) return written;
  const quote = written.includes('"') ? "'" : '"';
  return findLinks(`<a href=${quote}${written}${quote}>`).links[0]?.href ?? "";
}

const addressOf = ({ isTracked, text }: Replacement, clickUrl: string): string =>
  escapeHtml(isTracked ? clickUrl + text : text);

/** Lists the labels of the links in the source of a template. */
export function listLabels(source: string): string[] {
  const masked = source.replaceAll(liquid, "\ue000");
  return findLinks(masked).links.map(({ href }: FoundLink) => labelOf(href, /\ue000/g));
}
