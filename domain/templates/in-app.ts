import { contentFor } from "./content-for.ts";
import type { TemplateContent } from "./content.ts";
import { Effort } from "./effort.ts";
import {
  type CompiledBody,
  type CompiledButton,
  compileBody,
  compileButtons,
  compileField,
  renderBody,
  renderButtons,
  renderLine,
  renderUrl,
} from "./fields.ts";
import type { CompiledTemplate } from "./liquid.ts";
import { localizeContent } from "./locales.ts";

/** An item of an inbox whose templates are parsed. */
export interface CompiledInApp {
  title: CompiledTemplate;
  body: CompiledBody;
  url: CompiledTemplate | null;
  category: CompiledTemplate | null;
  actions: CompiledButton[];
}

/** A rendered item of an inbox. */
export interface InAppMessage {
  title: string;
  body: string;
  /** Opened when the item is clicked. */
  url?: string;
  category?: string;
  actions: { label: string; url: string }[];
}

/** Parses the templates of an item of an inbox, for any number of recipients. `locale` is one that `matchLocale` found. Throws `TemplateError`. */
export function compileInApp(
  content: TemplateContent,
  locale: string | null = null,
): CompiledInApp {
  const localized = localizeContent(content, locale);
  const { title, body, url, category, actions } = contentFor("in_app", localized);
  return {
    title: compileField("title", title),
    body: compileBody(body),
    url: url === undefined ? null : compileField("url", url),
    category: category === undefined ? null : compileField("category", category),
    actions: compileButtons(actions),
  };
}

/** Renders an item of an inbox for a scope. Throws `TemplateError`. */
export function renderInApp(
  { title, body, url, category, actions }: CompiledInApp,
  scope: Record<string, unknown>,
  effort = new Effort(),
): InAppMessage {
  const message: InAppMessage = {
    title: renderLine("title", title, scope, effort),
    body: renderBody(body, scope, effort),
    actions: renderButtons(actions, scope, effort),
  };
  const address = url && renderUrl("url", url, scope, effort);
  if (address) message.url = address;
  const line = category && renderLine("category", category, scope, effort);
  if (line) message.category = line;
  return message;
}
