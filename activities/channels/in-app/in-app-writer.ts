import { compileInApp, type CompiledInApp, renderInApp } from "../../../domain/templates/in-app.ts";
import type { InboxAction } from "../../../domain/inbox.ts";
import type { Effort } from "../../../domain/templates/effort.ts";
import { matchLocale } from "../../../domain/templates/locales.ts";
import { emailScope } from "../../../domain/templates/template.ts";
import type { SendRequest } from "../channel.ts";

/** The input of an item. */
export type InAppRequest = Pick<
  SendRequest,
  "templateVersionId" | "content" | "recipient" | "data" | "actions"
>;

/** The part of a request that a thread renders, without its data. */
export type InAppParts = Omit<InAppRequest, "data">;

/** The texts of an item that differ between recipients. */
export interface InAppText {
  title: string;
  body: string;
  url: string | null;
  category: string | null;
  actions: InboxAction[];
}

/** PostgreSQL stores neither U+0000 nor halves of surrogate pairs, which data and filters of templates may produce. */
const storable = (text: string): string =>
  text.replaceAll("\0", "").replaceAll(/\p{Surrogate}/gu, "\ufffd");

/**
 * Creates a function that writes the texts of an item. It throws `TemplateError`, also if the item needs more than `effort` has left. At most
 * `keptVersions` compiled versions are cached.
 */
export function createInAppWriter({ keptVersions = 100 } = {}) {
  const compiled = new Map<string, CompiledInApp>();

  function compiledFor({ templateVersionId, content, recipient }: InAppRequest): CompiledInApp {
    const locale = matchLocale(content, recipient.locale);
    const key = locale === null ? templateVersionId : `${templateVersionId} ${locale}`;
    const kept = compiled.get(key);
    if (kept) return kept;
    const template = compileInApp(content, locale);
    compiled.set(key, template);
    if (compiled.size > keptVersions) compiled.delete(compiled.keys().next().value!);
    return template;
  }

  return (request: InAppRequest, effort: Effort): InAppText => {
    const { recipient, data, actions: offered } = request;
    const scope = emailScope(recipient, data, offered);
    const { title, body, url, category, actions } = renderInApp(
      compiledFor(request),
      scope,
      effort,
    );
    const view = offered.find(({ action }) => action === "view")?.url;
    // A button of the template that leads to the link of an action is shown once, as that action.
    const links = new Set(offered.map((link) => link.url));
    const buttons = actions.filter((button) => !links.has(button.url));
    return {
      title: storable(title),
      body: storable(body),
      url: storable(url ?? view ?? "") || null,
      category: storable(category ?? "") || null,
      actions: [...offered, ...buttons.map((button) => ({ action: null, ...button }))].map(
        ({ action, label, url: address }) => ({
          action,
          label: storable(label),
          url: storable(address),
        }),
      ),
    };
  };
}
