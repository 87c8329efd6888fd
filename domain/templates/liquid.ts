import {
  type Context,
  filters,
  Liquid,
  LiquidError,
  Output,
  type Template,
  Tokenizer,
  toValue,
  toValueSync,
  TypeGuards,
} from "liquidjs";
import { registerDateFilters } from "./liquid-dates.ts";
import {
  BeyondLimit,
  boundFilter,
  boundFilters,
  BoundedContext,
  type FilterHandler,
  boundOperators,
  weigh,
} from "./liquid-bounds.ts";

const tokenLimit = 5_000;
/** Characters of one tag or output. */
const tokenLengthLimit = 10_000;
/** Blocks within blocks. The parser calls itself for each, and how deep a stack goes differs from moment to moment. */
const nestingLimit = 100;
/** Generous, for a worker that was suspended must not fail a message. */
const renderLimitMs = 1_000;
/** Characters that what is evaluated in one template may come to. */
const renderedLimit = 2_000_000;

const renderedTooLong = () => new BeyondLimit(`renders to more than ${renderedLimit} characters`);

/** What is wrong with a template, and where, from what parsing or rendering it threw. Holds no value it was rendered with. */
export function liquidFault(thrown: unknown): string {
  if (LiquidError.is(thrown) || thrown instanceof BeyondLimit) return thrown.message;
  // Liquid's own limits, seen between two nodes.
  if (thrown instanceof Error && thrown.name === "AssertionError") return thrown.message;
  return "nests too deeply or takes too much memory";
}

/** As Liquid writes a value. */
function stringify(value: unknown): string {
  const plain: unknown = toValue(value);
  if (typeof plain === "string") return plain;
  if (plain === null || plain === undefined) return "";
  if (Array.isArray(plain)) return plain.map(stringify).join("");
  // oxlint-disable-next-line typescript/no-base-to-string -- an object is "[object Object]" in Liquid too
  return String(plain);
}

/** Collects what nodes write, and stops a template that doubles itself before memory does. */
class BoundedEmitter {
  buffer = "";
  write(value: unknown): void {
    weigh(value);
    this.buffer += stringify(value);
    if (this.buffer.length > renderedLimit) throw renderedTooLong();
  }
}

/**
 * Templates come from outside: they read no files, see own properties only, and are bounded in length, memory and time.
 * Dates are in UTC unless the `date` filter is given a zone (`| date: "%H:%M", recipient.timeZone`), so that they are the
 * same on every machine.
 */
function engine(options: { escape: boolean }): Liquid {
  const outputEscape = boundFilter("escape", filters["escape"] as FilterHandler) as (
    value: unknown,
  ) => string;
  const liquid = new Liquid({
    templates: {},
    ownPropertyOnly: true,
    strictFilters: true,
    parseLimit: 1_048_576,
    memoryLimit: 4_000_000,
    renderLimit: renderLimitMs,
    timezoneOffset: 0,
    locale: "en-US",
    operators: boundOperators,
    ...(options.escape && { outputEscape }),
  });
  registerDateFilters(liquid);
  boundFilters(liquid);
  for (const tag of ["include", "render", "layout", "block"]) delete liquid.tags[tag];
  const { renderer } = liquid;
  const unbounded = renderer.renderTemplates.bind(renderer);
  // `capture` gives no emitter.
  renderer.renderTemplates = (templates, context, emitter = new BoundedEmitter()) =>
    unbounded(templates, context, emitter);
  return liquid;
}

/** `text` writes outputs as they are; `html` escapes them, but for those that end in `| raw`. */
export const engines = { text: engine({ escape: false }), html: engine({ escape: true }) };

/** Literal text, or something to evaluate for each scope. */
type Piece = string | ((context: Context) => string);

/** A template that was parsed once, for any number of scopes. */
export interface CompiledTemplate {
  liquid: Liquid;
  pieces: readonly Piece[];
}

/** Throws what `liquidFault` explains. */
export function compileTemplate(source: string, liquid: Liquid): CompiledTemplate {
  refuseBoundless(source, liquid);
  return { liquid, pieces: liquid.parse(source).map((node) => pieceOf(node, liquid)) };
}

const blocks = new Set(["if", "unless", "case", "for", "tablerow", "capture"]);

/** The parser's time grows with the square of the tags, and that of an expression with its length. */
function refuseBoundless(source: string, { options }: Liquid): void {
  const tooMany = () => new BeyondLimit(`has more than ${tokenLimit} tags and outputs`);
  if (source.split(/\{[{%]/, tokenLimit + 2).length > tokenLimit + 1) throw tooMany();
  let tags = 0;
  let nesting = 0;
  let inComment = false;
  const nest = (name: string) => {
    if (name === "comment" || name === "endcomment") inComment = name === "comment";
    else if (inComment) return;
    else if (blocks.has(name)) nesting += 1;
    else if (name.startsWith("end")) nesting -= 1;
    if (nesting > nestingLimit)
      throw new BeyondLimit(`nests tags deeper than ${nestingLimit} levels`);
  };
  for (const token of new Tokenizer(source).readTopLevelTokens(options)) {
    if (TypeGuards.isHTMLToken(token)) continue;
    if (token.end - token.begin > tokenLengthLimit)
      throw new BeyondLimit(`has a tag or output of more than ${tokenLengthLimit} characters`);
    // Each line of the tag `liquid` is a tag.
    const isTag = TypeGuards.isTagToken(token);
    const lines = isTag && token.name === "liquid" ? token.args.split("\n") : [];
    tags += lines.length || 1;
    if (tags > tokenLimit) throw tooMany();
    if (isTag) nest(token.name);
    for (const line of lines) nest(/^\s*(\w*)/.exec(line)![1]!);
  }
}

/** Writes literals and outputs as they are, in no more than `limitMs`. */
export function renderTemplate(
  template: CompiledTemplate,
  scope: Record<string, unknown>,
  limitMs = renderLimitMs,
): string {
  const literals = template.pieces as readonly string[];
  return fillTemplate(template, scope, literals, (value) => value, limitMs);
}

/**
 * Renders with `literals[i]` in the place of the literal piece `i`, and `encode` applied to each evaluated piece. What a
 * template assigns ends with it: the scope is not written to. Throws what `liquidFault` explains.
 */
export function fillTemplate(
  { liquid, pieces }: CompiledTemplate,
  scope: Record<string, unknown>,
  literals: readonly string[],
  encode: (value: string) => string,
  limitMs = renderLimitMs,
): string {
  // A copy, for `increment` writes to it.
  const context = new BoundedContext(
    { ...scope },
    liquid.options,
    { sync: true, renderLimit: limitMs },
    { liquid },
  );
  let filled = "";
  let rendered = 0;
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
  return filled;
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
  // Most outputs only name a value, and Liquid's way there through its generators costs several times as much.
  return (context) => {
    const value = lookUp(context, path);
    if (typeof value === "string") return escapes ? escapeHtml(value) : value;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    return value === null || value === undefined ? "" : byLiquid(context);
  };
}

/** The path of `{{ a.b[0]["c"] }}`; null for anything that is more than a path. */
function plainPath({ value }: Output, liquid: Liquid): PropertyKey[] | null {
  const [token, ...more] = value.initial.postfix;
  if (!token || more.length > 0 || !TypeGuards.isPropertyAccessToken(token) || token.variable)
    return null;
  const { outputEscape } = liquid.options;
  const applied = value.filters as unknown as { handler: unknown }[];
  if (
    applied.length !== (outputEscape ? 1 : 0) ||
    applied.some(({ handler }) => handler !== outputEscape)
  )
    return null;
  const path = token.props.map((prop) => ("content" in prop ? prop.content : null));
  return path.every((key) => typeof key === "string" || typeof key === "number") ? path : null;
}

/** As Liquid's own context looks up between top-level nodes, where no loop has pushed a scope. */
function lookUp(context: Context, path: readonly PropertyKey[]): unknown {
  const assigned = context.bottom();
  const { environments, globals } = context;
  const root = path[0]!;
  let value: unknown = root in assigned ? assigned : root in environments ? environments : globals;
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
