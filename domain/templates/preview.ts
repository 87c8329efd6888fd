import type { TemplateContent } from "./content.ts";
import type { ContentChannel, ContentParts } from "./content-parts.ts";
import { sourceOf } from "./content-for.ts";
import { compileInApp, type InAppMessage, renderInApp } from "./in-app.ts";
import { fallbacks, localizeContent, matchLocale } from "./locales.ts";
import { compilePush, type PushMessage, renderPush } from "./push.ts";
import {
  type EmailBody,
  emailScope,
  type EmailAddresses,
  type RecipientScope,
  renderEmail,
} from "./template.ts";

/** The message that a recipient would get on a channel. */
export type PreviewMessage = {
  /** The locale whose content was chosen; null for the default content. */
  locale: string | null;
  /** The channel whose content the message is derived from; null for content of its own. */
  derivedFrom: ContentChannel | null;
} & (
  | ({ channel: "email" } & Record<EmailBody, string>)
  | ({ channel: "push" } & PushMessage)
  | ({ channel: "in_app" } & InAppMessage)
);

/** What templates show as the addresses of an email in a preview, which belongs to no message. */
const previewAddresses: EmailAddresses = {
  unsubscribeUrl: "https://example.org/u/preview",
  preferencesUrl: "https://example.org/p/preview",
  browserUrl: "https://example.org/m/preview",
};

/** Renders a message as it would be sent, in the locale of the recipient. Throws `TemplateError`. */
export function renderPreview(
  channel: ContentChannel,
  content: TemplateContent,
  recipient: RecipientScope,
  data: Record<string, unknown>,
  addresses = previewAddresses,
): PreviewMessage {
  const locale = matchLocale(content, recipient.locale);
  const scope = emailScope(recipient, data, [], channel === "email" ? addresses : {});
  const source = sourceOf(channel, localizeContent(content, locale));
  const chosen = { locale, derivedFrom: source === channel ? null : source };
  switch (channel) {
    case "email":
      return { channel, ...chosen, ...renderEmail(content, scope, locale) };
    case "push":
      return { channel, ...chosen, ...renderPush(compilePush(content, locale), scope) };
    case "in_app":
      return { channel, ...chosen, ...renderInApp(compileInApp(content, locale), scope) };
  }
}

/**
 * Finds the template of a part of a message, such as `html`: the path to it in the content. Where the message is derived from another
 * channel, this is the path to that channel.
 */
export function findPart(
  channel: ContentChannel,
  content: TemplateContent,
  recipientLocale: string,
  part: string,
): PropertyKey[] {
  const locale = matchLocale(content, recipientLocale);
  const source = sourceOf(channel, localizeContent(content, locale));
  if (source !== channel) return [source];
  const [field = part, ...rest] = part.split(".");
  const has = (parts: ContentParts | undefined, name: string) =>
    parts?.[channel] !== undefined && name in parts[channel];
  const tag = (name: string) =>
    locale === null
      ? undefined
      : fallbacks(locale).find((each) => has(content.locales?.[each], name));
  const isMade = field === "text" && tag("text") === undefined && !has(content, "text");
  // The text part is made from the HTML.
  const name = isMade ? "html" : field;
  const chosen = tag(name);
  return [...(chosen === undefined ? [] : ["locales", chosen]), channel, name, ...rest];
}
