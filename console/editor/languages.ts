import type { Completion } from "@codemirror/autocomplete";
import { html } from "@codemirror/lang-html";
import { json } from "@codemirror/lang-json";
import { liquid } from "@codemirror/lang-liquid";
import { LanguageSupport, StreamLanguage } from "@codemirror/language";

/** What an editor edits: Liquid in HTML, Liquid in plain text, or JSON. */
export type Language = "html" | "text" | "json";

/** The variables that Liquid completes. */
export interface Variables {
  /** Those at the top. */
  names: readonly Completion[];
  /** The properties of the value that a path leads to. */
  propertiesOf: (path: readonly string[]) => readonly Completion[];
}

const plain = new LanguageSupport(
  StreamLanguage.define({
    token: (stream) => {
      stream.skipToEnd();
      return null;
    },
  }),
);
/** Tags are not closed by themselves: with Liquid between them that is often wrong. */
const markup = html({ autoCloseTags: false });

/** Filters and tags of Tidings that Shopify does not have. */
const ownFilters: Completion[] = [{ label: "raw", type: "function", detail: "without escaping" }];
const ownTags: Completion[] = [
  { label: "layout", type: "keyword", detail: "surround with a layout" },
  { label: "render", type: "keyword", detail: "include a layout" },
];

/** Makes the support of a language, with the completion of variables. */
export function languageOf(
  language: Language,
  { names, propertiesOf }: Variables,
): LanguageSupport {
  if (language === "json") return json();
  return liquid({
    base: language === "html" ? markup : plain,
    filters: ownFilters,
    tags: language === "html" ? ownTags : [],
    variables: names,
    properties: propertiesOf,
  });
}
