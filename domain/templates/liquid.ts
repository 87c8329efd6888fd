import {
  type Context,
  Liquid,
  LiquidError,
  Output,
  type Template,
  Tokenizer,
  toValueSync,
  TypeGuards,
} from "liquidjs";
import { BeyondLimit, charactersOfValue, type Effort } from "./effort.ts";
import { registerDateFilters } from "./liquid-dates.ts";
import {
  boundFilter,
  boundFilters,
  BoundedContext,
  boundLoops,
  boundOperators,
  countingOn,
  effortOf,
  weigh,
} from "./liquid-bounds.ts";
import { markDecimals } from "./liquid-decimals.ts";
import { replaceFilters } from "./liquid-filters.ts";
import { escapeHtml, htmlOf, storable, stringify } from "./liquid-values.ts";

const tokenLimit = 5_000;
/** Characters of one tag or output. */
const tokenLengthLimit = 10_000;
/** Blocks within blocks. The parser calls itself for each, and how deep a stack goes differs from moment to moment. */
const nestingLimit = 100;
/** Characters that what is evaluated in one template may come to. */
const renderedLimit = 2_000_000;

/** To look up what an output names, and to write it, takes as long as so many characters. */
const charactersOfPiece = 8;
/** Characters that are written at once and count as a step of their own; fewer belong to the step that writes them. */
const longWrite = 64;

const renderedTooLong = () => new BeyondLimit(`renders to more than ${renderedLimit} characters`);

/** What is wrong with a template, and where, from what parsing or rendering it threw. Holds no value it was rendered with. */
export function liquidFault(thrown: unknown): string {
  if (LiquidError.is(thrown) || thrown instanceof BeyondLimit) return thrown.message;
  // Liquid's own limits, seen between two nodes.
  if (thrown instanceof Error && thrown.name === "AssertionError") return thrown.message;
  return "nests too deeply or takes too much memory";
}

/** Was a limit reached? Otherwise the template is at fault in another way, such as a division by zero. */
export function isLimitFault(thrown: unknown): boolean {
  if (LiquidError.is(thrown))
    return isLimitFault((thrown as { originalError?: unknown }).originalError);
  return (
    thrown instanceof BeyondLimit ||
    thrown instanceof RangeError ||
    (thrown instanceof Error && thrown.name === "AssertionError")
  );
}

/** Collects what nodes write, and stops a template that doubles itself before memory does. */
class BoundedEmitter {
  readonly #effort: Effort;
  buffer = "";

  constructor(effort: Effort) {
    this.#effort = effort;
  }

  write(value: unknown): void {
    const weight = weigh(value);
    if (weight >= longWrite) this.#effort.spendOn(weight);
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
  const outputEscape = boundFilter("escape", function (value) {
    const html = htmlOf(value);
    this.context.memoryLimit.use(html.length);
    return html;
  }) as (value: unknown) => string;
  const liquid = new Liquid({
    templates: {},
    ownPropertyOnly: true,
    strictFilters: true,
    parseLimit: 1_048_576,
    memoryLimit: 4_000_000,
    timezoneOffset: 0,
    locale: "en-US",
    operators: boundOperators,
    ...(options.escape && { outputEscape }),
  });
  replaceFilters(liquid, { escapes: options.escape });
  registerDateFilters(liquid);
  boundFilters(liquid);
  boundLoops(liquid);
  for (const tag of ["include", "render", "layout", "block"]) delete liquid.tags[tag];
  const { renderer } = liquid;
  const unbounded = renderer.renderTemplates.bind(renderer);
  // `capture` gives no emitter.
  renderer.renderTemplates = (templates, context, emitter) =>
    unbounded(templates, context, emitter ?? new BoundedEmitter(effortOf(context)));
  return liquid;
}

/** `text` writes outputs as they are; `html` escapes them, but for what is HTML already and those that end in `| raw`. */
export const engines = { text: engine({ escape: false }), html: engine({ escape: true }) };

/** Literal text, or something to evaluate for each scope. */
type Piece = string | ((evaluation: Evaluation) => string);

/** A template that was parsed once, for any number of scopes. */
export interface CompiledTemplate {
  liquid: Liquid;
  pieces: readonly Piece[];
}

/** Lines may end as they like: they end in line feeds afterwards. Throws what `liquidFault` explains. */
export function compileTemplate(written: string, liquid: Liquid): CompiledTemplate {
  const source = storable(written);
  refuseBoundless(source, liquid);
  const nodes = liquid.parse(source);
  markDecimals(nodes);
  return { liquid, pieces: nodes.map((node) => pieceOf(node, liquid)) };
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

/** Writes literals and outputs as they are. Throws what `liquidFault` explains. */
export function renderTemplate(
  template: CompiledTemplate,
  scope: Record<string, unknown>,
  effort: Effort,
): string {
  return evaluateTemplate(template, scope, effort).join("");
}

/**
 * What each piece comes to; fewer where the template ends early. What a template assigns ends with it: the
 * scope is not written to. Throws what `liquidFault` explains.
 */
export function evaluateTemplate(
  { liquid, pieces }: CompiledTemplate,
  scope: Record<string, unknown>,
  effort: Effort,
): string[] {
  const evaluation = new Evaluation(scope, liquid, effort);
  const values: string[] = [];
  let rendered = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") {
      values.push(piece);
      continue;
    }
    const value = piece(evaluation);
    rendered += value.length;
    if (rendered > renderedLimit) throw renderedTooLong();
    values.push(value);
    // `{% break %}` outside a loop ends the template.
    if (evaluation.isOver) break;
  }
  effort.spendOn(rendered + charactersOfPiece * values.length);
  return values;
}

/** One template's way through a scope. Liquid's context, which costs as much as many a template, is made where Liquid is needed. */
class Evaluation {
  readonly #scope: Record<string, unknown>;
  readonly #liquid: Liquid;
  readonly #effort: Effort;
  #context: BoundedContext | undefined;

  constructor(scope: Record<string, unknown>, liquid: Liquid, effort: Effort) {
    this.#scope = scope;
    this.#liquid = liquid;
    this.#effort = effort;
  }

  get effort(): Effort {
    return this.#effort;
  }

  get context(): BoundedContext {
    return (this.#context ??= this.#newContext());
  }

  #newContext(): BoundedContext {
    // A copy, for `increment` writes to it.
    const scope = { ...this.#scope };
    this.#effort.spendOn(charactersOfValue.used * Object.keys(scope).length);
    return new BoundedContext(
      scope,
      this.#liquid.options,
      { sync: true },
      { liquid: this.#liquid, ...countingOn(this.#effort) },
    );
  }

  /** `{% break %}` or `{% continue %}` outside a loop. */
  get isOver(): boolean {
    const context = this.#context;
    return context !== undefined && (context.breakCalled || context.continueCalled);
  }

  /** What a path leads to. Until something was evaluated by Liquid nothing is assigned, and objects hold what they hold. */
  lookUp(path: readonly PropertyKey[]): unknown {
    if (this.#context) return lookUp(this.#context, path);
    let value: unknown = this.#scope;
    for (const key of path) {
      if (value === null || value === undefined) return value;
      if (!isPlainObject(value)) return lookUp(this.context, path);
      value = Object.hasOwn(value, key) ? value[key] : undefined;
    }
    return typeof value === "function" ? lookUp(this.context, path) : value;
  }
}

/** Without a meaning of its own for a key, as lists and Liquid's drops have it. */
const isPlainObject = (value: object | string | number): value is Record<PropertyKey, unknown> =>
  typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;

/** Writes what `evaluateTemplate` gave, with `literals[i]` in the place of the literal piece `i`, and `encode` applied to the others. */
export function fillTemplate(
  { pieces }: CompiledTemplate,
  values: readonly string[],
  literals: readonly string[],
  encode: (value: string) => string,
): string {
  let filled = "";
  for (let index = 0; index < values.length; index += 1)
    filled += typeof pieces[index] === "string" ? literals[index]! : encode(values[index]!);
  return filled;
}

function pieceOf(node: Template, liquid: Liquid): Piece {
  if (TypeGuards.isHTMLToken(node.token)) return (node as unknown as { str: string }).str;
  const nodes = [node];
  const byLiquid = ({ context, effort }: Evaluation) => {
    const emitter = new BoundedEmitter(effort);
    toValueSync(liquid.renderer.renderTemplates(nodes, context, emitter));
    return emitter.buffer;
  };
  const path = node instanceof Output ? plainPath(node, liquid) : null;
  // Liquid finds what every object has before what the scope has.
  if (!path || path[0]! in Object.prototype) return byLiquid;
  const escapes = liquid.options.outputEscape !== undefined;
  // Most outputs only name a value, and Liquid's way there through its generators costs several times as much.
  return (evaluation) => {
    const value = evaluation.lookUp(path);
    if (typeof value === "string") return escapes ? escapeHtml(storable(value)) : storable(value);
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    return value === null || value === undefined ? "" : byLiquid(evaluation);
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
