import { resourceKey } from "../key.ts";
import type { TemplateContent } from "./content.ts";
import { bodyLimit } from "./content-parts.ts";
import { type Fault, TemplateError } from "./template-error.ts";

/** How deep layouts may include each other. */
const depthLimit = 10;
/** How many inclusions one HTML may have, with those of its layouts. */
const inclusionLimit = 500;
const argumentsLimit = 2_000;

/** The place of the content in a layout. */
const placeholder = /\{\{-?\s*content_for_layout\s*-?\}\}/;

/** The layouts that an HTML may include, by key. */
export type LayoutHtml = ReadonlyMap<string, string>;

/** A tag `layout` or `render`. Offsets are in UTF-16 units. */
interface Inclusion {
  kind: "layout" | "render";
  begin: number;
  end: number;
  key: string;
  /** Liquid that assigns the arguments of `render` to variables. */
  assignments: string;
}

/** Lists the keys of the layouts that an HTML includes directly. Throws `TemplateError`. */
export const findLayoutKeys = (html: string): string[] => [
  ...new Set(findInclusions(html).map(({ key }) => key)),
];

/**
 * Replaces the tags `layout` and `render` of an HTML by the layouts that they name, and theirs. Throws `TemplateError` for a layout that is
 * missing, includes itself, or makes the HTML too long.
 */
export function flattenHtml(html: string, layouts: LayoutHtml): string {
  let inclusions = 0;
  const expand = (source: string, path: readonly string[]): string => {
    let flat = "";
    let at = 0;
    let outer: Inclusion | null = null;
    for (const inclusion of findInclusions(source)) {
      flat += source.slice(at, inclusion.begin);
      at = inclusion.end;
      inclusions += 1;
      if (inclusions > inclusionLimit)
        throw faultAt(source, inclusion, `includes more than ${inclusionLimit} layouts`);
      if (inclusion.kind === "render")
        flat += inclusion.assignments + include(source, inclusion, path);
      else if (outer === null) outer = inclusion;
      else throw faultAt(source, inclusion, "has a second tag layout");
    }
    flat += source.slice(at);
    if (outer !== null) {
      const parts = include(source, outer, path).split(placeholder);
      if (parts.length === 1)
        throw faultAt(source, outer, `the layout ${outer.key} has no {{ content_for_layout }}`);
      flat = parts.join(flat);
    }
    if (flat.length > bodyLimit)
      throw new TemplateError(
        "html",
        `has more than ${bodyLimit} characters with its layouts, line:1, col:1`,
      );
    return flat;
  };
  const include = (source: string, inclusion: Inclusion, path: readonly string[]): string => {
    const { key } = inclusion;
    const below = [...path, key];
    if (path.includes(key))
      throw faultAt(source, inclusion, `a layout includes itself: ${below.join(", ")}`);
    if (below.length > depthLimit)
      throw faultAt(source, inclusion, `includes layouts deeper than ${depthLimit} levels`);
    const included = layouts.get(key);
    if (included === undefined)
      throw faultAt(source, inclusion, `names no layout: there is no ${key}`);
    try {
      return expand(included, below);
    } catch (error) {
      // The place in the HTML that is saved helps its author more than one in a layout.
      if (error instanceof TemplateError && path.length === 0) {
        const fault = error.message.replace(/^html: /, "").replace(/, line:\d+, col:\d+$/, "");
        throw faultAt(source, inclusion, fault);
      }
      throw error;
    }
  };
  return expand(html, []);
}

/** Replaces the tags of an HTML that include layouts by blanks, so that the rest can be checked with its lines and columns. */
export function blankInclusions(html: string): string {
  let blanked = "";
  let at = 0;
  for (const { begin, end } of findInclusions(html)) {
    blanked += html.slice(at, begin) + html.slice(begin, end).replaceAll(/[^\n\r]/g, " ");
    at = end;
  }
  return blanked + html.slice(at);
}

/** Finds the layouts that the HTML of a content includes directly, in any locale; null where a tag is malformed. */
export function findContentLayouts(content: TemplateContent): string[] | null {
  const keys = new Set<string>();
  const { faults } = mapHtml(content, (html) => {
    for (const key of findLayoutKeys(html)) keys.add(key);
    return html;
  });
  return faults.length > 0 ? null : [...keys];
}

/** Changes the HTML of the default content and of each locale. A `TemplateError` becomes a fault at the path of its HTML. */
export function mapHtml(
  content: TemplateContent,
  change: (html: string) => string,
): { content: TemplateContent; faults: Fault[] } {
  const mapped = structuredClone(content);
  const faults: Fault[] = [];
  const places = [
    { email: mapped.email, path: ["email", "html"] },
    ...Object.entries(mapped.locales ?? {}).map(([locale, { email }]) => ({
      email,
      path: ["locales", locale, "email", "html"],
    })),
  ];
  for (const { email, path } of places) {
    if (email?.html === undefined) continue;
    try {
      email.html = change(email.html);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      faults.push({ path, message: error.message, ...error.position });
    }
  }
  return { content: mapped, faults };
}

function findInclusions(html: string): Inclusion[] {
  if (!/\{%-?\s*(?:layout|render)\b/.test(html)) return [];
  const found: Inclusion[] = [];
  const opening = /\{[{%]/g;
  for (let match = opening.exec(html); match; match = opening.exec(html)) {
    const begin = match.index;
    const close = html.indexOf(match[0] === "{%" ? "%}" : "}}", begin + 2);
    if (close === -1) break;
    const end = close + 2;
    opening.lastIndex = end;
    if (match[0] === "{{") continue;
    const tag = html.slice(begin + 2, close);
    const [, name = ""] = /^-?\s*(\w+)/.exec(tag) ?? [];
    if (name === "raw" || name === "comment") opening.lastIndex = endOf(name, html, end);
    else if (name === "layout" || name === "render")
      found.push(readInclusion(html, { kind: name, begin, end }, tag));
  }
  return found;
}

/** Returns the beginning of the tag that ends a `raw` or `comment`, or the end of the HTML. */
function endOf(name: "raw" | "comment", html: string, from: number): number {
  const ending = name === "raw" ? /\{%-?\s*endraw\b/g : /\{%-?\s*endcomment\b/g;
  ending.lastIndex = from;
  return ending.exec(html)?.index ?? html.length;
}

const argument = /^\s*,\s*([a-z_]\w*)\s*:\s*("[^"]*"|'[^']*'|[\w.[\]-]+)/i;

function readInclusion(
  html: string,
  { kind, begin, end }: Pick<Inclusion, "kind" | "begin" | "end">,
  tag: string,
): Inclusion {
  const place = { begin };
  if (tag.length > argumentsLimit)
    throw faultAt(html, place, `has a tag ${kind} of more than ${argumentsLimit} characters`);
  const trimsLeft = tag.startsWith("-");
  const trimsRight = tag.endsWith("-");
  const inner = tag.slice(trimsLeft ? 1 : 0, trimsRight ? -1 : undefined).trim();
  const [whole = "", double, single] = /^\w+\s+(?:"([^"]*)"|'([^']*)')/.exec(inner) ?? [];
  const key = double ?? single ?? "";
  if (!resourceKey.safeParse(key).success)
    throw faultAt(html, place, `the tag ${kind} must name a layout, as in {% ${kind} "key" %}`);
  let assignments = "";
  let rest = inner.slice(whole.length);
  for (let match = argument.exec(rest); match; match = argument.exec(rest)) {
    assignments += `{% assign ${match[1]} = ${match[2]} %}`;
    rest = rest.slice(match[0].length);
  }
  if (rest.trim() !== "" || (kind === "layout" && assignments !== ""))
    throw faultAt(
      html,
      place,
      kind === "layout"
        ? "the tag layout takes no arguments"
        : "the arguments of the tag render must be names with texts, numbers or variables",
    );
  return {
    kind,
    begin: trimsLeft ? html.slice(0, begin).trimEnd().length : begin,
    end: trimsRight ? html.length - html.slice(end).trimStart().length : end,
    key,
    assignments,
  };
}

function faultAt(html: string, { begin }: { begin: number }, fault: string): TemplateError {
  const before = html.slice(0, begin).split(/\r\n?|\n/);
  return new TemplateError(
    "html",
    `${fault}, line:${before.length}, col:${before.at(-1)!.length + 1}`,
  );
}
