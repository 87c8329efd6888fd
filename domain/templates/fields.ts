import { cutText } from "../text.ts";
import { webUrl } from "../web-url.ts";
import type { BodySource } from "./content-for.ts";
import { subjectLimit } from "./content-parts.ts";
import type { Effort } from "./effort.ts";
import {
  type CompiledTemplate,
  compileTemplate,
  engines,
  evaluateTemplate,
  renderTemplate,
} from "./liquid.ts";
import { attempt, TemplateError } from "./template-error.ts";
import { compileHtmlText, type HtmlText } from "./text-part/compiled-text.ts";

/** The longest rendered address, in UTF-16 units. */
const urlLimit = 2_000;

type Scope = Record<string, unknown>;

/** Parses the template of one field of a message. Throws `TemplateError`. */
export function compileField(name: string, template: string, isHtml = false): CompiledTemplate {
  return attempt(name, () => compileTemplate(template, isHtml ? engines.html : engines.text));
}

/** Renders a field to one line of at most 998 characters; white space and control characters become one space. Throws `TemplateError`. */
export function renderLine(
  name: string,
  template: CompiledTemplate,
  scope: Scope,
  effort: Effort,
): string {
  const filled = attempt(name, () => renderTemplate(template, scope, effort));
  const line = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(filled)
    ? filled
    : filled.replace(/[\s\p{Cc}]+/gu, " ").trim();
  if (line.length > subjectLimit)
    throw new TemplateError(name, `renders to more than ${subjectLimit} characters`);
  return line;
}

/** Renders an address of the web; null where the template renders to nothing. Throws `TemplateError`. */
export function renderUrl(
  name: string,
  template: CompiledTemplate,
  scope: Scope,
  effort: Effort,
): string | null {
  return attempt(name, () => checkUrl(name, renderTemplate(template, scope, effort)));
}

/** Returns an address of the web without blanks around it; null for nothing. Throws `TemplateError`. */
export function checkUrl(name: string, rendered: string): string | null {
  const address = rendered.trim();
  if (address === "") return null;
  if (address.length > urlLimit)
    throw new TemplateError(name, `renders to more than ${urlLimit} characters`);
  if (/[\s\p{Cc}]/u.test(address) || !webUrl.safeParse(address).success)
    throw new TemplateError(name, "does not render to an http or https address");
  return address;
}

/** The plain-text body of a notification. */
export interface CompiledBody {
  template: CompiledTemplate;
  /** Makes the text of a template that is HTML. */
  textOf: HtmlText | null;
  limit: number;
}

/** Parses a body. Throws `TemplateError`. */
export function compileBody({ template, isHtml, limit }: BodySource): CompiledBody {
  const compiled = compileField("body", template, isHtml);
  const literals = compiled.pieces.map((piece) => (typeof piece === "string" ? piece : null));
  return { template: compiled, textOf: isHtml ? compileHtmlText(literals) : null, limit };
}

/** Renders a body, cut to its limit. Throws `TemplateError`. */
export function renderBody(
  { template, textOf, limit }: CompiledBody,
  scope: Scope,
  effort: Effort,
): string {
  return attempt("body", () => {
    const pieces = evaluateTemplate(template, scope, effort);
    const body = textOf === null ? pieces.join("") : textOf(pieces, effort);
    return ellipsize(body.trim(), limit);
  });
}

/** Cuts a text that is longer than `limit` UTF-16 units, and marks the cut by an ellipsis. */
export function ellipsize(text: string, limit: number): string {
  return text.length <= limit ? text : `${cutText(text, limit - 1).trimEnd()}…`;
}

/** A button of a notification, with the fields `label` and `url` and those of its channel. */
export type CompiledButton = Record<string, CompiledTemplate>;

/** Parses buttons. Throws `TemplateError`, which names the field, such as `actions.0.url`. */
export function compileButtons(
  buttons: readonly Record<string, string | undefined>[] | undefined,
): CompiledButton[] {
  return (buttons ?? []).map((button, index) => {
    const compiled: CompiledButton = {};
    for (const [name, template] of Object.entries(button))
      if (template !== undefined)
        compiled[name] = compileField(`actions.${index}.${name}`, template);
    return compiled;
  });
}

/** Renders buttons, without those whose label or address is empty. Throws `TemplateError`. */
export function renderButtons<Button>(
  buttons: readonly CompiledButton[],
  scope: Scope,
  effort: Effort,
): Button[] {
  return buttons.flatMap((button, index) => {
    const rendered: Record<string, string> = {};
    for (const [name, template] of Object.entries(button)) {
      const place = `actions.${index}.${name}`;
      const render = name === "label" ? renderLine : renderUrl;
      const value = render(place, template, scope, effort);
      if (value !== null) rendered[name] = value;
    }
    return rendered["label"] && rendered["url"] ? [rendered as Button] : [];
  });
}
