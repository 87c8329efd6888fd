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

const addresses = ["url", "icon", "image", "badge"] as const;

/** A push notification whose templates are parsed. */
export interface CompiledPush {
  title: CompiledTemplate;
  body: CompiledBody;
  addresses: readonly (readonly [(typeof addresses)[number], CompiledTemplate])[];
  tag: CompiledTemplate | null;
  actions: CompiledButton[];
  requireInteraction: boolean;
  silent: boolean;
}

/** A rendered push notification. */
export interface PushMessage {
  title: string;
  body: string;
  /** Opened when the notification is clicked. */
  url?: string;
  icon?: string;
  image?: string;
  badge?: string;
  tag?: string;
  requireInteraction: boolean;
  silent: boolean;
  actions: { label: string; url: string; icon?: string }[];
}

/** Parses the templates of a push notification, for any number of recipients. `locale` is one that `matchLocale` found. Throws `TemplateError`. */
export function compilePush(content: TemplateContent, locale: string | null = null): CompiledPush {
  const source = contentFor("push", localizeContent(content, locale));
  return {
    title: compileField("title", source.title),
    body: compileBody(source.body),
    addresses: addresses.flatMap((name) => {
      const template = source[name];
      return template === undefined ? [] : [[name, compileField(name, template)] as const];
    }),
    tag: source.tag === undefined ? null : compileField("tag", source.tag),
    actions: compileButtons(source.actions),
    requireInteraction: source.requireInteraction ?? false,
    silent: source.silent ?? false,
  };
}

/** Renders a push notification for a scope. Throws `TemplateError`. */
export function renderPush(
  push: CompiledPush,
  scope: Record<string, unknown>,
  effort = new Effort(),
): PushMessage {
  const message: PushMessage = {
    title: renderLine("title", push.title, scope, effort),
    body: renderBody(push.body, scope, effort),
    requireInteraction: push.requireInteraction,
    silent: push.silent,
    actions: renderButtons(push.actions, scope, effort),
  };
  for (const [name, template] of push.addresses) {
    const address = renderUrl(name, template, scope, effort);
    if (address !== null) message[name] = address;
  }
  const tag = push.tag && renderLine("tag", push.tag, scope, effort);
  if (tag) message.tag = tag;
  return message;
}
