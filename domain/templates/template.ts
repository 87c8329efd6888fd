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
  /** It asks for more than it may have. */
  readonly isBeyondLimit: boolean;
  constructor(body: EmailBody, fault: string, isBeyondLimit = false) {
    super(`${body}: ${fault}`);
    this.isBeyondLimit = isBeyondLimit;
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
  const scope: Record<string, unknown> = { ...data };
  if (actions.length > 0) scope.actions = actions;
  scope.recipient = { id, externalId, email, timeZone, locale, attributes };
  return scope;
}

export interface CompiledEmail {
  subject: CompiledTemplate;
  html: CompiledTemplate;
  /** A template of its own, or what makes it from the HTML. */
  text: CompiledTemplate | HtmlText;
}

/** Parses every body once, for any number of recipients. Throws `TemplateError`. */
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

/** The subject alone: what a message is called in a list of several. Throws `TemplateError`. */
export function compileSubject({ email }: TemplateContent): Pick<CompiledEmail, "subject"> {
  return { subject: compileBody("subject", () => email.subject) };
}

/** Every body that cannot be parsed, with its line. Empty for a content that can be accepted. */
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

/** A preview: each body as it will be sent. Throws `TemplateError`. */
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

/** The bodies of a message for one scope. */
export interface EvaluatedBodies {
  /** Piece by piece of the template. */
  html: readonly string[];
  /** Likewise, or whole where it was made from the HTML. */
  text: readonly string[] | string;
}

/** Evaluates the bodies for a scope; the text part, where it has no template of its own, says what the HTML says. Throws `TemplateError`. */
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

/** A subject is one line of at most 998 characters: white space and control characters become one space. Throws `TemplateError`. */
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
