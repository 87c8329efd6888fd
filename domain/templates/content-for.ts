import type { TemplateContent } from "./content.ts";
import type { ContentChannel, EmailContent, InAppContent, PushContent } from "./content-parts.ts";
import { localizeContent } from "./locales.ts";

/** The template of a plain-text body. */
export interface BodySource {
  template: string;
  /** Whether the template is HTML, of whose rendered text the body consists. */
  isHtml: boolean;
  /** The longest rendered body, in UTF-16 units. A longer one is cut, and ends in an ellipsis. */
  limit: number;
}

/** An email without HTML of its own, which is made from plain text and a link. */
export interface PlainEmail {
  subject: string;
  body: string;
  url?: string | undefined;
}

type EmailSource = EmailContent | PlainEmail;
type PushSource = Omit<PushContent, "body"> & { body: BodySource };
type InAppSource = Omit<InAppContent, "body"> & { body: BodySource };

interface Sources {
  email: EmailSource;
  push: PushSource;
  in_app: InAppSource;
}

const ownLimits = { push: 2_000, in_app: 10_000 } as const;
/** A few lines on a phone, and a few paragraphs of an inbox. */
const derivedLimits = { push: 240, in_app: 1_000 } as const;

/**
 * Returns the content of a channel: its own, or otherwise content that is derived from another channel. A notification has the subject and the
 * text of the email. An email has the title, the body and the link of the notification.
 */
export function contentFor<Channel extends ContentChannel>(
  channel: Channel,
  content: TemplateContent,
): Sources[Channel] {
  return sources[channel](content) as Sources[Channel];
}

/** Lists the templates of the email in the default content and in each locale, for estimating how long they take. */
export function emailTemplates(content: TemplateContent): string[] {
  return [null, ...Object.keys(content.locales ?? {})].map((locale) => {
    const email = contentFor("email", localizeContent(content, locale));
    return "html" in email ? email.html + (email.text ?? "") : email.body;
  });
}

/** Lists the templates of the body of the push notification, as `emailTemplates` does for the email. */
export function pushTemplates(content: TemplateContent): string[] {
  return [null, ...Object.keys(content.locales ?? {})].map(
    (locale) => contentFor("push", localizeContent(content, locale)).body.template,
  );
}

/** Lists the templates of the body of the item in an inbox, as `emailTemplates` does for the email. */
export function inAppTemplates(content: TemplateContent): string[] {
  return [null, ...Object.keys(content.locales ?? {})].map(
    (locale) => contentFor("in_app", localizeContent(content, locale)).body.template,
  );
}

/** Finds the channel whose own content is used for a channel. */
export function sourceOf(channel: ContentChannel, content: TemplateContent): ContentChannel {
  return preferredSources[channel].find((source) => content[source] !== undefined)!;
}

const preferredSources: Record<ContentChannel, readonly ContentChannel[]> = {
  email: ["email", "in_app", "push"],
  push: ["push", "in_app", "email"],
  in_app: ["in_app", "push", "email"],
};

const sources: { [Channel in ContentChannel]: (content: TemplateContent) => Sources[Channel] } = {
  email(content) {
    const source = sourceOf("email", content);
    if (source === "email") return content.email!;
    const { title, body, url } = content[source]!;
    return { subject: title, body, url };
  },
  push(content) {
    const source = sourceOf("push", content);
    if (source === "email") return textOf("push", content.email!);
    if (source === "push") return { ...content.push!, body: ownBody("push", content.push!.body) };
    const { title, body, url, actions } = content.in_app!;
    return { title, body: derivedBody("push", body), url, actions };
  },
  in_app(content) {
    const source = sourceOf("in_app", content);
    if (source === "email") return textOf("in_app", content.email!);
    if (source === "in_app")
      return { ...content.in_app!, body: ownBody("in_app", content.in_app!.body) };
    const { title, body, url, actions } = content.push!;
    return {
      title,
      body: derivedBody("in_app", body),
      url,
      actions: actions?.map(({ label, url: to }) => ({ label, url: to })),
    };
  },
};

type NotificationChannel = keyof typeof ownLimits;

const ownBody = (channel: NotificationChannel, template: string): BodySource => ({
  template,
  isHtml: false,
  limit: ownLimits[channel],
});

const derivedBody = (channel: NotificationChannel, template: string): BodySource => ({
  template,
  isHtml: false,
  limit: derivedLimits[channel],
});

/** The subject and the text part of an email as a notification. */
const textOf = (channel: NotificationChannel, { subject, html, text }: EmailContent) => ({
  title: subject,
  body: { template: text ?? html, isHtml: text === undefined, limit: derivedLimits[channel] },
});
