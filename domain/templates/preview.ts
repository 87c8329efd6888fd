import type { TemplateContent } from "./content.ts";
import type { ContentChannel } from "./content-parts.ts";
import { sourceOf } from "./content-for.ts";
import { compileInApp, type InAppMessage, renderInApp } from "./in-app.ts";
import { localizeContent, matchLocale } from "./locales.ts";
import { compilePush, type PushMessage, renderPush } from "./push.ts";
import { type EmailBody, emailScope, type RecipientScope, renderEmail } from "./template.ts";

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

/** Renders a message as it would be sent, in the locale of the recipient. Throws `TemplateError`. */
export function renderPreview(
  channel: ContentChannel,
  content: TemplateContent,
  recipient: RecipientScope,
  data: Record<string, unknown>,
): PreviewMessage {
  const locale = matchLocale(content, recipient.locale);
  const scope = emailScope(recipient, data);
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
