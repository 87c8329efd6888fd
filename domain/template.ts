import {
  type Context,
  Context as LiquidContext,
  Liquid,
  LiquidError,
  Output,
  type Template,
  toValue,
  toValueSync,
  TypeGuards,
} from "liquidjs";
import { z } from "zod";
import { text } from "./storable.ts";
import { textFromHtml } from "./text-part.ts";

const subjectLimit = 998;
const bodyLimit = 512 * 1024;
const tokenLimit = 5_000;
/** Characters that one body may grow to when it is rendered. */
export const renderedLimit = 2_000_000;

/**
 * One body per channel, each a Liquid template. `email.subject` and `email.text` are rendered as they are, `email.html` with every output
 * escaped (`| raw` lets markup through). Without `email.text` the text part is made from the HTML.
 */
export const templateContent = z.object({
  email: z.object({
    subject: text(subjectLimit),
    html: text(bodyLimit),
    text: text(bodyLimit).optional(),
  }),
});

export type TemplateContent = z.infer<typeof templateContent>;

export type EmailBody = keyof TemplateContent["email"];

/** A fault of something a caller gave: where, as a path of keys from its top, and what to mend. */
export interface Fault {
  path: PropertyKey[];
  message: string;
}

/** A body cannot be parsed, or cannot be rendered for the scope given. The message names no value of the scope. */
export class TemplateError extends Error {
  override name = "TemplateError";
  readonly body: EmailBody;
  constructor(body: EmailBody, cause: unknown) {
    const reason =
      LiquidError.is(cause) || cause instanceof BeyondLimit
        ? cause.message
        : "it nests too deeply or takes too much memory";
    super(`${body}: ${reason}`);
    this.body = body;
  }
}

class BeyondLimit extends Error {}

const renderedTooLong = () => new BeyondLimit(`renders to more than ${renderedLimit} characters`);

/** As Liquid writes a value. */
function stringify(value: unknown): string {
  const plainValue: unknown = toValue(value);
  if (typeof plainValue === "string") return plainValue;
  if (plainValue === null || plainValue === undefined) return "";
  return Array.isArray(plainValue) ? plainValue.map(stringify).join("") : String(plainValue);
}

/** Collects what nodes write, and stops a template that doubles itself before memory does. */
class BoundedEmitter {
  buffer = "";
  write(value: unknown): void {
    this.buffer += stringify(value);
    if (this.buffer.length > renderedLimit) throw renderedTooLong();
  }
}

/**
 * Templates come from outside: they read no files, see own properties only, and are bounded in length, memory and time.
 * The time is generous, for a worker that was suspended must not fail a message. Dates are in UTC unless the `date`
 * filter is given a zone (`| date: "%H:%M", recipient.timeZone`), so that it is the same on every machine.
 */
function engine(options: { escape: boolean }): Liquid {
  const liquid = new Liquid({
    templates: {},
    ownPropertyOnly: true,
    strictFilters: true,
    parseLimit: 2 * bodyLimit,
    memoryLimit: 4_000_000,
    renderLimit: 1_000,
    timezoneOffset: 0,
    locale: "en-US",
    ...(options.escape && { outputEscape: "escape" }),
  });
  for (const tag of ["include", "render", "layout", "block"]) delete liquid.tags[tag];
  const { renderer } = liquid;
  const unbounded = renderer.renderTemplates.bind(renderer);
  // `capture` gives no emitter.
  renderer.renderTemplates = (templates, context, emitter = new BoundedEmitter()) =>
    unbounded(templates, context, emitter);
  return liquid;
}

const plain = engine({ escape: false });
const escaping = engine({ escape: true });
const liquidOf = (name: EmailBody) => (name === "html" ? escaping : plain);

/** Literal text, or something to evaluate for each recipient. */
export type Piece = string | ((context: Context) => string);

export interface CompiledBody {
  name: EmailBody;
  pieces: readonly Piece[];
}

export type CompiledEmail = Record<EmailBody, CompiledBody>;

/** What templates see: the data, and the recipient (which hides data of that name). */
export interface RecipientScope {
  id: string;
  externalId: string | null;
  email: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
}

export function emailScope(
  recipient: RecipientScope,
  data: Record<string, unknown>,
): Record<string, unknown> {
  const { id, externalId, email, timeZone, locale, attributes } = recipient;
  return { ...data, recipient: { id, externalId, email, timeZone, locale, attributes } };
}

/** Parses every body once, for any number of recipients. Throws `TemplateError`. */
export function compileEmail({ email }: TemplateContent): CompiledEmail {
  return {
    subject: compileBody("subject", () => email.subject),
    html: compileBody("html", () => email.html),
    text: compileBody("text", () => email.text ?? textFromHtml(email.html)),
  };
}

/** Every body that cannot be parsed, with its line. Empty for a content that can be accepted. */
export function checkContent({ email }: TemplateContent): Fault[] {
  const faults: Fault[] = [];
  const check = (name: EmailBody, source: () => string, path: EmailBody, prefix = "") => {
    try {
      compileBody(name, source);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      faults.push({ path: ["email", path], message: prefix + error.message });
    }
  };
  check("subject", () => email.subject, "subject");
  check("html", () => email.html, "html");
  if (email.text !== undefined) check("text", () => email.text!, "text");
  else if (faults.every((fault) => fault.path[1] !== "html"))
    check(
      "text",
      () => textFromHtml(email.html),
      "text",
      "cannot be made from html, so give one; ",
    );
  return faults;
}

/** A preview: each body as it will be sent. Throws `TemplateError`. */
export function renderEmail(
  content: TemplateContent,
  scope: Record<string, unknown>,
): Record<EmailBody, string> {
  const email = compileEmail(content);
  const render = (compiled: CompiledBody) =>
    fillBody(compiled, scope, compiled.pieces as readonly string[], (value) => value);
  return {
    subject: renderSubject(email.subject, scope),
    html: render(email.html),
    text: render(email.text),
  };
}

/** A subject is one line of at most 998 characters: white space and control characters become one space. Throws `TemplateError`. */
export function renderSubject(compiled: CompiledBody, scope: Record<string, unknown>): string {
  const filled = fillBody(compiled, scope, compiled.pieces as readonly string[], (value) => value);
  const line = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(filled)
    ? filled
    : filled.replace(/[\s\p{Cc}]+/gu, " ").trim();
  if (line.length > subjectLimit)
    throw new TemplateError(
      "subject",
      new BeyondLimit(`renders to more than ${subjectLimit} characters`),
    );
  return line;
}

/**
 * Renders a body: `literals[i]` stands for the literal piece `i`, and `encode` is applied to each evaluated one. What a
 * template assigns stays within its body. Throws `TemplateError`.
 */
export function fillBody(
  compiled: CompiledBody,
  scope: Record<string, unknown>,
  literals: readonly string[],
  encode: (value: string) => string,
): string {
  const { name, pieces } = compiled;
  const liquid = liquidOf(name);
  // A copy, for `increment` writes to it.
  const context = new LiquidContext({ ...scope }, liquid.options, { sync: true }, { liquid });
  let filled = "";
  let rendered = 0;
  try {
    for (let index = 0; index < pieces.length; index += 1) {
      const piece = pieces[index]!;
      if (typeof piece === "string") {
        filled += literals[index]!;
        continue;
      }
      const value = piece(context);
      rendered += value.length;
      if (rendered > renderedLimit) throw renderedTooLong();
      filled += encode(value);
      // `{% break %}` outside a loop ends the template.
      if (context.breakCalled || context.continueCalled) break;
    }
  } catch (error) {
    throw new TemplateError(name, error);
  }
  return filled;
}

function compileBody(name: EmailBody, source: () => string): CompiledBody {
  const liquid = liquidOf(name);
  try {
    const template = source();
    // The parser's time grows with the square of the tags.
    if (template.split(/\{[{%]/, tokenLimit + 2).length > tokenLimit + 1)
      throw new BeyondLimit(`has more than ${tokenLimit} tags and outputs`);
    return { name, pieces: liquid.parse(template).map((node) => pieceOf(node, liquid)) };
  } catch (error) {
    throw new TemplateError(name, error);
  }
}

function pieceOf(node: Template, liquid: Liquid): Piece {
  if (TypeGuards.isHTMLToken(node.token)) return (node as unknown as { str: string }).str;
  const nodes = [node];
  const byLiquid = (context: Context) => {
    const emitter = new BoundedEmitter();
    toValueSync(liquid.renderer.renderTemplates(nodes, context, emitter));
    return emitter.buffer;
  };
  const path = node instanceof Output ? plainPath(node, liquid) : null;
  if (!path) return byLiquid;
  const escapes = liquid.options.outputEscape !== undefined;
  // Most outputs only name a value. Liquid's way through its generators costs ten times as much.
  return (context) => {
    const value = lookUp(context, path);
    const text =
      typeof value === "string"
        ? value
        : typeof value === "number" || typeof value === "boolean"
          ? String(value)
          : value === null || value === undefined
            ? ""
            : null;
    if (text === null) return byLiquid(context);
    return escapes ? escapeHtml(text) : text;
  };
}

/** The path of `{{ a.b[0]["c"] }}`; null for anything that is more than a path. */
function plainPath({ value }: Output, liquid: Liquid): PropertyKey[] | null {
  const [token, ...more] = value.initial.postfix;
  const [filter, ...moreFilters] = value.filters;
  const { outputEscape } = liquid.options;
  const escapeOnly = outputEscape
    ? (filter as unknown as { handler?: unknown } | undefined)?.handler === outputEscape &&
      moreFilters.length === 0
    : filter === undefined;
  if (
    !token ||
    more.length > 0 ||
    !escapeOnly ||
    !TypeGuards.isPropertyAccessToken(token) ||
    token.variable
  )
    return null;
  const path = token.props.map((prop) => ("content" in prop ? prop.content : null));
  return path.every((key) => typeof key === "string" || typeof key === "number") ? path : null;
}

/** As Liquid's own `Context` looks up between top-level nodes, where no loop has pushed a scope. */
function lookUp(context: Context, path: readonly PropertyKey[]): unknown {
  const root = path[0]!;
  const assigned = context.bottom();
  let value: unknown = root in assigned ? assigned : context.environments;
  for (const key of path) value = context.readProperty(value as object, key as string);
  return value;
}

const htmlEscapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return /[&<>"']/.test(text)
    ? text.replace(/[&<>"']/g, (character) => htmlEscapes[character]!)
    : text;
}
