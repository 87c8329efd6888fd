import { z } from "zod";
import {
  type CompiledTemplate,
  compileTemplate,
  engines,
  fillTemplate,
  liquidFault,
  renderTemplate,
} from "./liquid.ts";
import { findZoneFault } from "./liquid-dates.ts";
import { emailIdentityParts } from "../email-identity.ts";
import { text } from "../text.ts";
import { textFromHtml } from "./text-part.ts";

const subjectLimit = 998;
const bodyLimit = 524_288;

/**
 * One body per channel, each a Liquid template. `email.subject` and `email.text` are rendered as they are, `email.html` with every output
 * escaped (`| raw` lets markup through). Without `email.text` the text part is made from the HTML.
 */
export const templateContent = z.object({
  email: z.object({
    subject: text(subjectLimit),
    html: text(bodyLimit),
    text: text(bodyLimit).optional(),
    ...emailIdentityParts,
  }),
});

export type TemplateContent = z.infer<typeof templateContent>;

export type EmailBody = "subject" | "html" | "text";

/** A fault of something a caller gave: where, as a path of keys from its top, and what to mend. */
export interface Fault {
  path: PropertyKey[];
  message: string;
}

/** A body cannot be parsed, or cannot be rendered for the scope given. The message names the body and the line, and no value. */
export class TemplateError extends Error {
  override name = "TemplateError";
  constructor(body: EmailBody, fault: string) {
    super(`${body}: ${fault}`);
  }
}

/** What templates see of a recipient. */
export interface RecipientScope {
  id: string;
  externalId: string | null;
  email: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
}

/** Something that a recipient may do about a message, as templates see it. */
export interface ActionLink {
  action: "view" | "snooze" | "complete";
  /** What the link says. */
  label: string;
  url: string;
}

/** What templates see: the data, the actions if there are any, and the recipient; the latter two hide data of their names. */
export function emailScope(
  recipient: RecipientScope,
  data: Record<string, unknown>,
  actions: readonly ActionLink[] = [],
): Record<string, unknown> {
  const { id, externalId, email, timeZone, locale, attributes } = recipient;
  return {
    ...data,
    ...(actions.length > 0 && { actions }),
    recipient: { id, externalId, email, timeZone, locale, attributes },
  };
}

export type CompiledEmail = Record<EmailBody, CompiledTemplate>;

/** Parses every body once, for any number of recipients. Throws `TemplateError`. */
export function compileEmail({ email }: TemplateContent): CompiledEmail {
  return {
    subject: compileBody("subject", () => email.subject),
    html: compileBody("html", () => email.html),
    text: compileBody("text", () => email.text ?? textFromHtml(email.html)),
  };
}

/** The subject alone: what a message is called in a list of several. Throws `TemplateError`. */
export function compileSubject({ email }: TemplateContent): Pick<CompiledEmail, "subject"> {
  return { subject: compileBody("subject", () => email.subject) };
}

/** Every body that cannot be parsed, with its line. Empty for a content that can be accepted. */
export function checkContent({ email }: TemplateContent): Fault[] {
  const faults: Fault[] = [];
  const check = (body: EmailBody, source: () => string, hint = "") => {
    try {
      const { liquid } = compileBody(body, source);
      const fault = findZoneFault(source(), liquid);
      if (fault !== null) throw new TemplateError(body, fault);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      faults.push({ path: ["email", body], message: hint + error.message });
    }
  };
  const { subject, html, text } = email;
  check("subject", () => subject);
  check("html", () => html);
  if (text !== undefined) check("text", () => text);
  else if (!faults.some(({ path }) => path.includes("html"))) {
    check("text", () => textFromHtml(html), "cannot be made from html, so it must be given; ");
  }
  return faults;
}

/** Of each body of a preview: somebody waits, and others with them. */
const previewLimitMs = 400;

/** A preview: each body as it will be sent. Throws `TemplateError`. */
export function renderEmail(
  content: TemplateContent,
  scope: Record<string, unknown>,
): Record<EmailBody, string> {
  const email = compileEmail(content);
  return {
    subject: renderSubject(email, scope, previewLimitMs),
    html: attempt("html", () => renderTemplate(email.html, scope, previewLimitMs)),
    text: attempt("text", () => renderTemplate(email.text, scope, previewLimitMs)),
  };
}

/** A subject is one line of at most 998 characters: white space and control characters become one space. Throws `TemplateError`. */
export function renderSubject(
  { subject }: Pick<CompiledEmail, "subject">,
  scope: Record<string, unknown>,
  limitMs?: number,
): string {
  const filled = attempt("subject", () => renderTemplate(subject, scope, limitMs));
  const line = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(filled)
    ? filled
    : filled.replace(/[\s\p{Cc}]+/gu, " ").trim();
  if (line.length > subjectLimit) {
    throw new TemplateError("subject", `renders to more than ${subjectLimit} characters`);
  }
  return line;
}

/** Renders a body, its literal pieces and its outputs in the encoding of a message: see `fillTemplate`. Throws `TemplateError`. */
export function fillBody(
  email: CompiledEmail,
  body: "html" | "text",
  scope: Record<string, unknown>,
  literals: readonly string[],
  encode: (value: string) => string,
): string {
  return attempt(body, () => fillTemplate(email[body], scope, literals, encode));
}

function compileBody(body: EmailBody, source: () => string): CompiledTemplate {
  return attempt(body, () =>
    compileTemplate(source(), body === "html" ? engines.html : engines.text),
  );
}

function attempt<Result>(body: EmailBody, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw new TemplateError(body, liquidFault(error));
  }
}
