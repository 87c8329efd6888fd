import type { WhiteSpace } from "./element-style.ts";

/** The roles of elements in the structure of a document, as bits. */
export const role = {
  paragraph: 1,
  item: 2,
  list: 4,
  term: 8,
  terms: 16,
  cell: 32,
  row: 64,
  rows: 128,
  table: 256,
  link: 512,
  quotation: 1024,
} as const;

const { paragraph, item, list, term, terms, cell, row, rows, table, link, quotation } = role;

/** Open elements with the roles `ended` end where another element begins, unless one with the roles `within` is between (HTML standard, 13.2.6.4.7 onwards). */
interface ImpliedEnd {
  ended: number;
  within: number;
}

export interface ElementKind {
  name: string;
  roles: number;
  isBlock: boolean;
  /** Whether blank lines surround the element. */
  isApart: boolean;
  isVoid: boolean;
  isHidden: boolean;
  space: WhiteSpace | null;
  ends: readonly ImpliedEnd[];
  /** The end tag of the element ends nothing outside an open element of these roles. */
  closesWithin: number;
}

const inTable = cell | table;
const endsParagraph = { ended: paragraph, within: inTable };

const unknown: Omit<ElementKind, "name"> = {
  roles: 0,
  isBlock: false,
  isApart: false,
  isVoid: false,
  isHidden: false,
  space: null,
  ends: [],
  closesWithin: inTable,
};
const block = { ...unknown, isBlock: true, ends: [endsParagraph] };
const apart = { ...block, isApart: true };
const part = { ...unknown, isBlock: true, closesWithin: table };

const kinds = new Map<string, ElementKind>();

function define(names: string, kind: Omit<ElementKind, "name">): void {
  for (const name of names.split(" ")) kinds.set(name, { ...kind, name });
}

define(
  "address article aside body center details dialog div fieldset figcaption footer form header hgroup html legend main nav search section summary",
  block,
);
define("h1 h2 h3 h4 h5 h6 figure pre listing xmp", apart);
define("pre listing xmp", { ...apart, space: "all" });
define("p", { ...apart, roles: paragraph });
define("blockquote", { ...apart, roles: quotation });
define("ul ol menu dir", { ...apart, roles: list });
define("dl", { ...apart, roles: terms });
define("li", {
  ...block,
  roles: item,
  ends: [endsParagraph, { ended: item, within: list | inTable }],
  closesWithin: list | inTable,
});
define("dt dd", {
  ...block,
  roles: term,
  ends: [endsParagraph, { ended: term, within: terms | inTable }],
  closesWithin: terms | inTable,
});
define("table", { ...block, roles: table, closesWithin: 0 });
define("caption colgroup", { ...part, roles: rows, ends: [{ ended: rows | row, within: table }] });
define("tbody thead tfoot", {
  ...part,
  roles: rows,
  ends: [{ ended: rows | row, within: table }],
});
define("tr", { ...part, roles: row, ends: [{ ended: row, within: rows | table }] });
define("td th", { ...part, roles: cell, ends: [{ ended: cell, within: row | table }] });
define("a", { ...unknown, roles: link, ends: [{ ended: link, within: inTable }] });
define("area base br col embed img input link meta param source track wbr", {
  ...unknown,
  isVoid: true,
});
define("hr", { ...apart, isVoid: true });
define("title script style template svg iframe noembed noframes datalist select textarea", {
  ...unknown,
  isHidden: true,
});

/** Finds the kind of an element by its name in lower case; undefined for elements that do not change how text is shown. */
export const knownKind = (name: string): ElementKind | undefined => kinds.get(name);

export function unknownKind(name: string): ElementKind {
  return { ...unknown, name };
}

export const rowKind = kinds.get("tr")!;
