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
/** The longest tag or output, in characters. */
const tokenLengthLimit = 10_000;
/** How deep blocks may nest. The parser recurses for each, and the depth of the stack is not the same at all times. */
const nestingLimit = 100;
/** The longest text that the outputs of one template may render to, in characters. */
const renderedLimit = 2_000_000;

/** The cost of looking up and writing one output, in characters. */
const charactersOfPiece = 8;
/** From this many characters on, a write counts as a step of its own. Shorter writes belong to the step of their node. */
const longWrite = 64;

const renderedTooLong = () => new BeyondLimit(`renders to more than ${renderedLimit} characters`);

/** Describes what parsing or rendering a template threw, with its line. Contains none of the values that the template was rendered with. */
export function liquidFault(thrown: unknown): string {
  if (LiquidError.is(thrown) || thrown instanceof BeyondLimit) return thrown.message;
  // liquidjs throws these for its own limits.
  if (thrown instanceof Error && thrown.name === "AssertionError") return thrown.message;
  return "nests too deeply or takes too much memory";
}

/** Whether a thrown error means that a limit was reached. Other errors are faults of the template, such as a division by zero. */
export function isLimitFault(thrown: unknown): boolean {
  if (LiquidError.is(thrown))
    return isLimitFault((thrown as { originalError?: unknown }).originalError);
  return (
    thrown instanceof BeyondLimit ||
    thrown instanceof RangeError ||
    (thrown instanceof Error && thrown.name === "AssertionError")
  );
}

/** Collects what nodes write, and throws before a template that doubles its text uses up the memory. */
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
 * Makes an engine for templates that are not trusted: they read no files, see own properties only, and are bounded in length, memory and
 * time. Dates are in UTC unless the `date` filter has a zone (`| date: "%H:%M", recipient.timeZone`), so that they are the same on every
 * machine.
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
  // The tag `capture` passes no emitter.
  renderer.renderTemplates = (templates, context, emitter) =>
    unbounded(templates, context, emitter ?? new BoundedEmitter(effortOf(context)));
  return liquid;
}

/** `text` writes outputs as they are. `html` escapes them, except values that are HTML and outputs that end in `| raw`. */
export const engines = { text: engine({ escape: false }), html: engine({ escape: true }) };

/** Literal text, or a function that evaluates an output or a tag. */
type Piece = string | ((evaluation: Evaluation) => string);

/** A parsed template, which can be rendered for any number of scopes. */
export interface CompiledTemplate {
  liquid: Liquid;
  pieces: readonly Piece[];
}

/** Parses a template. All lines end in line feeds afterwards. Throws errors that `liquidFault` describes. */
export function compileTemplate(text: string, liquid: Liquid): CompiledTemplate {
  const source = storable(text);
  refuseBoundless(source, liquid);
  const nodes = liquid.parse(source);
  markDecimals(nodes);
  return { liquid, pieces: nodes.map((node) => pieceOf(node, liquid)) };
}

const blocks = new Set(["if", "unless", "case", "for", "tablerow", "capture"]);

/** Throws for templates that would take too long to parse: the time grows with the square of the number of tags. */
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

/** Renders a template for a scope. Throws errors that `liquidFault` describes. */
export function renderTemplate(
  template: CompiledTemplate,
  scope: Record<string, unknown>,
  effort: Effort,
): string {
  return evaluateTemplate(template, scope, effort).join("");
}

/**
 * Evaluates the pieces of a template for a scope; returns fewer texts than pieces where the template ends early. Variables that the template
 * assigns are not written to the scope. Throws errors that `liquidFault` describes.
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

/** Makes a piece that renders another template for the same scope, and converts the text. What the other template assigns ends with it. */
export function nestTemplate(
  template: CompiledTemplate,
  convert: (text: string) => string,
): CompiledTemplate["pieces"][number] {
  return ({ scope, effort }) => convert(renderTemplate(template, scope, effort));
}

/** The evaluation of one template for one scope. Makes Liquid's context, which costs as much as a short template, only when it is needed. */
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

  get scope(): Record<string, unknown> {
    return this.#scope;
  }

  get effort(): Effort {
    return this.#effort;
  }

  get context(): BoundedContext {
    return (this.#context ??= this.#newContext());
  }

  #newContext(): BoundedContext {
    // A copy, because the tag `increment` writes to it.
    const scope = { ...this.#scope };
    this.#effort.spendOn(charactersOfValue.used * Object.keys(scope).length);
    return new BoundedContext(
      scope,
      this.#liquid.options,
      { sync: true },
      { liquid: this.#liquid, ...countingOn(this.#effort) },
    );
  }

  /** Whether `{% break %}` or `{% continue %}` was used outside a loop. */
  get isOver(): boolean {
    const context = this.#context;
    return context !== undefined && (context.breakCalled || context.continueCalled);
  }

  /** Looks up a path. Before Liquid has evaluated anything, no variable is assigned, and the scope can be read directly. */
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

/** Whether reading a key means its own property, which is not so for lists and Liquid's drops. */
const isPlainObject = (value: object | string | number): value is Record<PropertyKey, unknown> =>
  typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;

/** Joins the texts of `evaluateTemplate`, with `literals[i]` in the place of the literal piece `i`, and `encode` applied to the others. */
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
  const renderByLiquid = ({ context, effort }: Evaluation) => {
    const emitter = new BoundedEmitter(effort);
    toValueSync(liquid.renderer.renderTemplates(nodes, context, emitter));
    return emitter.buffer;
  };
  const path = node instanceof Output ? findPlainPath(node, liquid) : null;
  // Liquid finds the properties of every object before the variables of the scope.
  if (!path || path[0]! in Object.prototype) return renderByLiquid;
  const escapes = liquid.options.outputEscape !== undefined;
  // Most outputs only name a value, and Liquid's evaluation by generators costs several times as much.
  return (evaluation) => {
    const value = evaluation.lookUp(path);
    if (typeof value === "string") return escapes ? escapeHtml(storable(value)) : storable(value);
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    return value === null || value === undefined ? "" : renderByLiquid(evaluation);
  };
}

/** Returns the path of an output such as `{{ a.b[0]["c"] }}`; null for any other output. */
function findPlainPath({ value }: Output, liquid: Liquid): PropertyKey[] | null {
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

/** Looks up a path as Liquid's own context does between top-level nodes, where no loop has pushed a scope. */
function lookUp(context: Context, path: readonly PropertyKey[]): unknown {
  const assigned = context.bottom();
  const { environments, globals } = context;
  const root = path[0]!;
  let value: unknown = root in assigned ? assigned : root in environments ? environments : globals;
  for (const key of path) value = context.readProperty(value as object, key as string);
  return value;
}
