import {
  Context,
  defaultOperators,
  Drop,
  type Emitter,
  evalToken,
  type FilterImplOptions,
  ForTag,
  type Liquid,
  TablerowTag,
  type Template,
  toValue,
  TypeGuards,
} from "liquidjs";
import { BeyondLimit, charactersOfValue, type Effort } from "./effort.ts";
import { countCharacters, Markup } from "./liquid-values.ts";

/**
 * Bounds what liquidjs leaves unbounded. liquidjs checks its limit between the nodes of a template and counts the memory of most
 * filters. But one expression may hold thousands of steps, one step may process a million values, and one value may contain
 * another a million times.
 */

/** The largest value that may be written, in characters and nested values. */
const weightLimit = 2_000_000;
const depthLimit = 100;
/** The longest search text and the longest date format, in characters. The work is the product of this length and the length of the text. */
const argumentLimit = 1_000;

type Limiter = Context["renderLimit"];

/** The render option that makes liquidjs count steps on an effort where it would check the time. */
export const countingOn = (effort: Effort) => ({ renderLimit: effort as unknown as Limiter });

/** The effort on which everything that is evaluated in a context counts. */
export const effortOf = ({ renderLimit }: Context) => renderLimit as unknown as Effort;

/** A context that also counts the steps within expressions. */
export class BoundedContext extends Context {
  override readProperty(object: object, key: Parameters<Context["readProperty"]>[1]): unknown {
    effortOf(this).spend(1);
    const owner: unknown = object instanceof Markup ? object.valueOf() : object;
    if (typeof owner === "string") {
      // An index into a text could give half of a surrogate pair.
      if (key !== "size" && key !== "length") return undefined;
      effortOf(this).spendOn(owner.length);
      return countCharacters(owner);
    }
    if (isComputed(key) && typeof owner === "object" && owner !== null && !isListOrDrop(owner))
      return Object.hasOwn(owner, key) ? (owner as Record<string, unknown>)[key] : undefined;
    return super.readProperty(object, key) as unknown;
  }

  /** Makes the context of one item of a list. */
  override spawn(scope: object = {}): Context {
    const { sync, globals, strictVariables, ownPropertyOnly, renderLimit, memoryLimit } = this;
    effortOf(this).spend(1);
    return new BoundedContext(
      scope,
      this.opts,
      { sync, globals, strictVariables, ownPropertyOnly },
      { renderLimit, memoryLimit, ...(this.liquid && { liquid: this.liquid }) },
    );
  }
}

/** Properties that Liquid computes for lists and texts. liquidjs computes them for objects too, even for the scope. */
const isComputed = (key: unknown): key is "size" | "first" | "last" =>
  key === "size" || key === "first" || key === "last";

const isListOrDrop = (value: object) => Array.isArray(value) || value instanceof Drop;

/**
 * Returns how long a value takes to process, in characters. Throws `BeyondLimit` for a value that would be too long as text: lists that are
 * pushed onto each other stay small in memory, but their text doubles with every step.
 */
export function weigh(value: unknown, look: keyof typeof charactersOfValue = "counted"): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  let characters = 0;
  let values = 0;
  const check = (): void => {
    if (characters + values > weightLimit)
      throw new BeyondLimit(`has a value of more than ${weightLimit} characters`);
  };
  const add = (part: unknown, depth: number): void => {
    if (typeof part === "string") {
      characters += part.length;
      return check();
    }
    values += 1;
    check();
    if (typeof part !== "object" || part === null) return;
    if (depth >= depthLimit)
      throw new BeyondLimit(`has a value that nests deeper than ${depthLimit} levels`);
    if (Array.isArray(part)) for (const item of part) add(item, depth + 1);
    else if (part instanceof Drop) add(toValue(part), depth + 1);
    else
      for (const [key, item] of Object.entries(part)) {
        characters += key.length;
        add(item, depth + 1);
      }
  };
  add(value, 0);
  return characters + charactersOfValue[look] * values;
}

export type FilterHandler = Exclude<FilterImplOptions, { raw: boolean }>;

/** For filters whose arguments multiply their work: the indexes of those arguments. */
const shortArguments: Record<string, readonly number[]> = {
  replace: [0],
  replace_first: [0],
  replace_last: [0],
  remove: [0],
  remove_first: [0],
  remove_last: [0],
  split: [0],
  date: [0, 1],
};

/** Filters whose results liquidjs does not count as memory. */
const uncounted = new Set(["url_decode", "url_encode", "cgi_escape", "uri_escape", "slugify"]);

/** Filters that only copy a list, or whose work does not depend on its length. */
const copying = new Set(
  "first last size default push unshift pop shift concat reverse slice raw".split(" "),
);

/** Filters that compare the items of a list repeatedly. */
const sorts = new Set(["sort", "sort_natural"]);

/** How many comparisons of characters, in a search, take as long as copying one character. */
const comparisonsOfCharacter = 8;

/** The cost of reading or showing a date, in characters. */
const dateCharacters = 256;

const weighSearch = (textLength: number, pattern: unknown) =>
  typeof pattern === "string" ? (textLength * pattern.length) / comparisonsOfCharacter : 0;

/** Returns a filter that counts its work, and throws `BeyondLimit` where the limits do not allow it. */
export function boundFilter(name: string, handler: FilterHandler): FilterHandler {
  const short = shortArguments[name] ?? [];
  const counts = uncounted.has(name);
  const isSort = sorts.has(name);
  const isDate = name === "date";
  const look = copying.has(name) ? "counted" : "used";
  return function (value: unknown, ...rest: unknown[]) {
    const { context } = this;
    let weight = weigh(value, look);
    for (const argument of rest) weight += weigh(argument, look);
    if (isSort) weight *= Math.log2(weight + 2) / 2;
    for (const index of short) {
      refuseLong(rest[index], name);
      weight += isDate ? dateCharacters : weighSearch(weight, rest[index]);
    }
    effortOf(context).spendOn(weight);
    const result: unknown = handler.call(this, value, ...rest);
    if (typeof result === "string") {
      if (counts) context.memoryLimit.use(result.length);
      if (result.length > weight) effortOf(context).spendOn(result.length);
    }
    return result;
  };
}

function refuseLong(text: unknown, filter: string): void {
  if (typeof text === "string" && text.length > argumentLimit)
    throw new BeyondLimit(`gives ${filter} more than ${argumentLimit} characters to look for`);
}

type Operator = (...operands: unknown[]) => unknown;

/** Liquid's operators, bounded as `boundFilter` bounds filters. */
export const boundOperators = Object.fromEntries(
  Object.entries(defaultOperators).map(([name, operator]) => {
    const look = name === "contains" || name === "==" || name === "!=" ? "used" : "counted";
    return [
      name,
      (...operands: unknown[]) => {
        let weight = 0;
        for (const operand of operands.slice(0, -1)) weight += weigh(operand, look);
        if (name === "contains" && typeof operands[0] === "string") {
          refuseLong(operands[1], "contains");
          weight += weighSearch(operands[0].length, operands[1]);
        }
        effortOf(operands.at(-1) as Context).spendOn(weight);
        return (operator as Operator)(...operands);
      },
    ];
  }),
) as typeof defaultOperators;

type Collection = ForTag["collection"];

/** The names of a path that contains only constants; null for other collections. */
function namesOf(collection: Collection): readonly string[] | null {
  if (!TypeGuards.isPropertyAccessToken(collection) || collection.variable) return null;
  const names = collection.props.map((prop) => ("content" in prop ? prop.content : null));
  return names.every((name) => typeof name === "string") ? names : null;
}

/** Counts the collection of a loop: liquidjs may copy all of it even for one round. A range counts as memory when it is made. */
function* countCollection(
  collection: Collection,
  names: readonly string[] | null,
  context: Context,
): Generator<unknown, void> {
  let value: unknown;
  if (names === null) {
    if (TypeGuards.isRangeToken(collection)) return;
    value = toValue(yield evalToken(collection, context));
  } else {
    // Liquid's own evaluation costs as much as one round of the loop.
    value = (context as unknown as { findScope(name: string): object }).findScope(names[0]!);
    for (const name of names) value = (value as Record<string, unknown> | null | undefined)?.[name];
  }
  if (Array.isArray(value)) effortOf(context).spendOn(value.length);
  else if (typeof value === "object" && value !== null)
    effortOf(context).spendOn(charactersOfEntry * Object.keys(value).length);
}

/** The cost of each entry of an object, in characters: a loop over an object makes a list of its entries. */
const charactersOfEntry = 64;

class BoundedForTag extends ForTag {
  readonly #names = namesOf(this.collection);

  override *render(
    context: Context,
    emitter: Emitter,
  ): Generator<unknown, void | string, Template[]> {
    yield* countCollection(this.collection, this.#names, context);
    return yield* super.render(context, emitter);
  }
}

class BoundedTablerowTag extends TablerowTag {
  readonly #names = namesOf(this.collection);

  override *render(context: Context, emitter: Emitter): Generator<unknown, void, unknown> {
    yield* countCollection(this.collection, this.#names, context);
    yield* super.render(context, emitter);
  }
}

/** Bounds the loops of an engine. */
export function boundLoops(liquid: Liquid): void {
  liquid.registerTag("for", BoundedForTag);
  liquid.registerTag("tablerow", BoundedTablerowTag);
}

/** Bounds every filter of an engine. */
export function boundFilters({ filters }: Liquid): void {
  for (const [name, filter] of Object.entries(filters)) {
    filters[name] =
      typeof filter === "function"
        ? boundFilter(name, filter)
        : { ...filter, handler: boundFilter(name, filter.handler) };
  }
}
