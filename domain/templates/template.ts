import { contentFor, type PlainEmail } from "./content-for.ts";
import type { TemplateContent } from "./content.ts";
import { Effort } from "./effort.ts";
import { checkUrl, compileField, renderLine } from "./fields.ts";
import { type CompiledTemplate, engines, evaluateTemplate, nestTemplate } from "./liquid.ts";
import { escapeHtml } from "./liquid-values.ts";
import { localizeContent } from "./locales.ts";
import { attempt } from "./template-error.ts";
import { compileHtmlText, type HtmlText } from "./text-part/compiled-text.ts";

export type EmailBody = "subject" | "html" | "text";

/** The fields of a recipient that templates can use. */
export interface RecipientScope {
  id: string;
  externalId: string | null;
  email: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
}

/** A link in a message by which its recipient acts on it. */
export interface ActionLink {
  action: "view" | "snooze" | "complete";
  /** The text of the link. */
  label: string;
  url: string;
}

/** Addresses that an email contains for its recipient. */
export interface EmailAddresses {
  /** Where the recipient unsubscribes; undefined if they cannot. */
  unsubscribeUrl?: string | undefined;
  /** The recipient's preference centre. */
  preferencesUrl?: string | undefined;
  /** Where a browser shows the message; undefined if none does. */
  browserUrl?: string | undefined;
}

/**
 * The variables of a template: the data, the actions if there are any, the addresses that there are, and the recipient. All but the data hide data of
 * the same names.
 */
export function emailScope(
  recipient: RecipientScope,
  data: Record<string, unknown>,
  actions: readonly ActionLink[] = [],
  { unsubscribeUrl, preferencesUrl, browserUrl }: EmailAddresses = {},
): Record<string, unknown> {
  const { id, externalId, email, timeZone, locale, attributes } = recipient;
  const scope: Record<string, unknown> = { ...data };
  if (actions.length > 0) scope.actions = actions;
  if (unsubscribeUrl !== undefined) scope.unsubscribeUrl = unsubscribeUrl;
  if (browserUrl !== undefined) scope.browserUrl = browserUrl;
  if (preferencesUrl !== undefined) scope.preferencesUrl = preferencesUrl;
  scope.recipient = { id, externalId, email, timeZone, locale, attributes };
  return scope;
}

export interface CompiledEmail {
  subject: CompiledTemplate;
  html: CompiledTemplate;
  /** A template of its own, or the function that makes the text from the HTML. */
  text: CompiledTemplate | HtmlText;
}

/** Parses every body, for any number of recipients. `locale` is one that `matchLocale` found. Throws `TemplateError`. */
export function compileEmail(
  content: TemplateContent,
  locale: string | null = null,
): CompiledEmail {
  const email = contentFor("email", localizeContent(content, locale));
  const subject = compileField("subject", email.subject);
  if (!("html" in email)) return { subject, ...compilePlainBodies(email) };
  const html = compileField("html", email.html, true);
  return {
    subject,
    html,
    text:
      email.text === undefined
        ? compileHtmlText(html.pieces.map((piece) => (typeof piece === "string" ? piece : null)))
        : compileField("text", email.text),
  };
}

const htmlOpening = `<!doctype html><html><head><meta charset="utf-8"></head><body style="font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">\n`;
const htmlClosing = "</body></html>\n";

/** Makes the bodies of an email from plain text: a paragraph for each part between blank lines, and a link at the end. */
function compilePlainBodies({ body, url }: PlainEmail): Pick<CompiledEmail, "html" | "text"> {
  const text = compileField("body", body);
  const link = url === undefined ? null : compileField("url", url);
  const ifLinked = (write: (address: string) => string) =>
    link === null
      ? []
      : [
          nestTemplate(link, (rendered) => {
            const address = checkUrl("url", rendered);
            return address === null ? "" : write(address);
          }),
        ];
  return {
    html: {
      liquid: engines.html,
      pieces: [
        htmlOpening,
        nestTemplate(text, paragraphsOf),
        ...ifLinked((address) => {
          const escaped = escapeHtml(address);
          return `<p><a href="${escaped}">${escaped}</a></p>\n`;
        }),
        htmlClosing,
      ],
    },
    text: {
      liquid: engines.text,
      pieces: [
        nestTemplate(text, (rendered) => `${rendered.trim()}\n`),
        ...ifLinked((address) => `\n${address}\n`),
      ],
    },
  };
}

const paragraphsOf = (text: string): string =>
  text
    .trim()
    .split(/\n[ \t]*(?:\n[ \t]*)+/)
    .map((paragraph) => `<p>${escapeHtml(paragraph).replaceAll("\n", "<br>\n")}</p>\n`)
    .join("");

/** Parses only the subject, which is the title of the message in a summary. Throws `TemplateError`. */
export function compileSubject(
  content: TemplateContent,
  locale: string | null,
): Pick<CompiledEmail, "subject"> {
  const { subject } = contentFor("email", localizeContent(content, locale));
  return { subject: compileField("subject", subject) };
}

/** Renders each body as it would be sent. Throws `TemplateError`. */
export function renderEmail(
  content: TemplateContent,
  scope: Record<string, unknown>,
  locale: string | null = null,
): Record<EmailBody, string> {
  const email = compileEmail(content, locale);
  const effort = new Effort();
  const subject = renderSubject(email, scope, effort);
  const { html, text } = evaluateBodies(email, scope, effort);
  return {
    subject,
    html: html.join(""),
    text: typeof text === "string" ? text : text.join(""),
  };
}

/** The bodies of a message, evaluated for one scope. */
export interface EvaluatedBodies {
  /** One text for each piece of the template. */
  html: readonly string[];
  /** One text for each piece of the template, or a single text that was made from the HTML. */
  text: readonly string[] | string;
}

/** Evaluates the bodies for a scope. Without a template of its own, the text part is made from the HTML. Throws `TemplateError`. */
export function evaluateBodies(
  email: CompiledEmail,
  scope: Record<string, unknown>,
  effort: Effort,
): EvaluatedBodies {
  const html = attempt("html", () => evaluateTemplate(email.html, scope, effort));
  const { text } = email;
  return {
    html,
    text: attempt("text", () =>
      typeof text === "function" ? text(html, effort) : evaluateTemplate(text, scope, effort),
    ),
  };
}

/** Renders a subject to one line. Throws `TemplateError`. */
export function renderSubject(
  { subject }: Pick<CompiledEmail, "subject">,
  scope: Record<string, unknown>,
  effort: Effort,
): string {
  return renderLine("subject", subject, scope, effort);
}
