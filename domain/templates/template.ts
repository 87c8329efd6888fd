import { z } from "zod";
import { Effort } from "./effort.ts";
import {
  type CompiledTemplate,
  compileTemplate,
  engines,
  evaluateTemplate,
  isLimitFault,
  liquidFault,
  renderTemplate,
} from "./liquid.ts";
import { findZoneFault } from "./liquid-dates.ts";
import { emailIdentityParts } from "../email-identity.ts";
import { text } from "../text.ts";
import { refuseDeepNesting } from "./text-part/nesting.ts";
import { compileHtmlText, type HtmlText } from "./text-part/compiled-text.ts";

const subjectLimit = 998;
const bodyLimit = 524_288;

/**
 * The Liquid templates of a message. `email.subject` and `email.text` are plain text. In `email.html` every output is escaped, unless it ends
 * in `| raw`. Without `email.text` the text part is made from the HTML.
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

/** A fault in a value from a caller: its place, as a path of keys, and what is wrong with it. */
export interface Fault {
  path: PropertyKey[];
  message: string;
}

/** Thrown where a body cannot be parsed, or cannot be rendered for a scope. The message names the body and the line, and contains no data. */
export class TemplateError extends Error {
  override name = "TemplateError";
  /** Whether the template reached one of its limits. */
  readonly isBeyondLimit: boolean;
  constructor(body: EmailBody, fault: string, isBeyondLimit = false) {
    super(`${body}: ${fault}`);
    this.isBeyondLimit = isBeyondLimit;
  }
}

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

/** The variables of a template: the data, the actions if there are any, and the recipient. The latter two hide data of the same names. */
export function emailScope(
  recipient: RecipientScope,
  data: Record<string, unknown>,
  actions: readonly ActionLink[] = [],
): Record<string, unknown> {
  const { id, externalId, email, timeZone, locale, attributes } = recipient;
  const scope: Record<string, unknown> = { ...data };
  if (actions.length > 0) scope.actions = actions;
  scope.recipient = { id, externalId, email, timeZone, locale, attributes };
  return scope;
}

export interface CompiledEmail {
  subject: CompiledTemplate;
  html: CompiledTemplate;
  /** A template of its own, or the function that makes the text from the HTML. */
  text: CompiledTemplate | HtmlText;
}

/** Parses every body, for any number of recipients. Throws `TemplateError`. */
export function compileEmail({ email }: TemplateContent): CompiledEmail {
  const subject = compileBody("subject", () => email.subject);
  const html = compileBody("html", () => email.html);
  return {
    subject,
    html,
    text:
      email.text === undefined
        ? compileHtmlText(html.pieces.map((piece) => (typeof piece === "string" ? piece : null)))
        : compileBody("text", () => email.text!),
  };
}

/** Parses only the subject, which is the title of the message in a summary. Throws `TemplateError`. */
export function compileSubject({ email }: TemplateContent): Pick<CompiledEmail, "subject"> {
  return { subject: compileBody("subject", () => email.subject) };
}

/** Lists every body that cannot be parsed, with the line. Empty for content that can be accepted. */
export function checkContent({ email }: TemplateContent): Fault[] {
  const faults: Fault[] = [];
  const check = (body: EmailBody, work: () => void, hint = "") => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      faults.push({ path: ["email", body], message: hint + error.message });
    }
  };
  const checkBody = (body: EmailBody, source: string) =>
    check(body, () => {
      const { liquid } = compileBody(body, () => source);
      const fault = findZoneFault(source, liquid);
      if (fault !== null) throw new TemplateError(body, fault);
    });
  const { subject, html, text } = email;
  checkBody("subject", subject);
  checkBody("html", html);
  if (text !== undefined) checkBody("text", text);
  else {
    const hint = "cannot be made from html, so it must be given; ";
    check("text", () => attempt("text", () => refuseDeepNesting(html)), hint);
  }
  return faults;
}

/** Renders each body as it would be sent. Throws `TemplateError`. */
export function renderEmail(
  content: TemplateContent,
  scope: Record<string, unknown>,
): Record<EmailBody, string> {
  const email = compileEmail(content);
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

/** Renders a subject to one line of at most 998 characters; white space and control characters become one space. Throws `TemplateError`. */
export function renderSubject(
  { subject }: Pick<CompiledEmail, "subject">,
  scope: Record<string, unknown>,
  effort: Effort,
): string {
  const filled = attempt("subject", () => renderTemplate(subject, scope, effort));
  const line = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(filled)
    ? filled
    : filled.replace(/[\s\p{Cc}]+/gu, " ").trim();
  if (line.length > subjectLimit) {
    throw new TemplateError("subject", `renders to more than ${subjectLimit} characters`);
  }
  return line;
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
    throw new TemplateError(body, liquidFault(error), isLimitFault(error));
  }
}
