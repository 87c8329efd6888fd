import { html as toHtml } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

/** A piece of a page, whose values are escaped. */
export type Html = HtmlEscapedString;

/** Makes a piece of a page. Texts and numbers are escaped, pieces and lists of them are inserted, and null, undefined and booleans are left out. */
export const html = (strings: TemplateStringsArray, ...values: unknown[]): Html =>
  // The result is a promise only if a value is one.
  toHtml(strings, ...values) as Html;
