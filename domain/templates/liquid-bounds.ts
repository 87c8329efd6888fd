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
 * What liquidjs leaves unbounded. It has its limit looked at between the nodes of a template and counts the memory of most
 * filters; but one expression may hold thousands of steps, one step may work through a million values, and one value may stand for a
 * million copies of another.
 */

/** Characters, and values beside text, that one value may be written as. */
const weightLimit = 2_000_000;
const depthLimit = 100;
/** Characters of what is searched for, and of the format of a date: the work is as much as this times the text. */
const argumentLimit = 1_000;

type Limiter = Context["renderLimit"];

/** Has liquidjs count on an effort where it would look at the time. */
export const countingOn = (effort: Effort) => ({ renderLimit: effort as unknown as Limiter });

/** What is evaluated in a context counts on it. */
export const effortOf = ({ renderLimit }: Context) => renderLimit as unknown as Effort;

/** Counts what is done within expressions too. */
export class BoundedContext extends Context {
  override readProperty(object: object, key: Parameters<Context["readProperty"]>[1]): unknown {
    effortOf(this).spend(1);
    const of: unknown = object instanceof Markup ? object.valueOf() : object;
    if (typeof of === "string") {
      // Its index would be half of a surrogate pair.
      if (key !== "size" && key !== "length") return undefined;
      effortOf(this).spendOn(of.length);
      return countCharacters(of);
    }
    if (isComputed(key) && typeof of === "object" && of !== null && !isListOrDrop(of))
      return Object.hasOwn(of, key) ? (of as Record<string, unknown>)[key] : undefined;
    return super.readProperty(object, key) as unknown;
  }

  /** For an item of a list. */
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

/** What lists and texts have without being told. liquidjs counts the fields of objects too, among them those of the scope. */
const isComputed = (key: unknown): key is "size" | "first" | "last" =>
  key === "size" || key === "first" || key === "last";

const isListOrDrop = (value: object) => Array.isArray(value) || value instanceof Drop;

/**
 * How long it takes to work through a value, in characters. Throws where it would be written as too much: lists that were pushed onto
 * each other are small in memory, and double with every step in text.
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

/** Filters of which an argument makes the work, and which arguments those are. */
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

/** Filters whose results liquidjs does not count. */
const uncounted = new Set(["url_decode", "url_encode", "cgi_escape", "uri_escape", "slugify"]);

/** Filters that do as much for a long list as for a short one, or copy it. */
const copying = new Set(
  "first last size default push unshift pop shift concat reverse slice raw".split(" "),
);

/** Filters that go through a value again and again. */
const sorts = new Set(["sort", "sort_natural"]);

/** A character of a text that another is looked for in may be compared with each of that; so many comparisons take as long as to copy one. */
const comparisonsOfCharacter = 8;

/** To read a date, or to show it, takes as long as so many characters. */
const dateCharacters = 256;

const comparisons = (text: number, soughtAfter: unknown) =>
  typeof soughtAfter === "string" ? (text * soughtAfter.length) / comparisonsOfCharacter : 0;

/** A filter that does no more than it may. */
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
      weight += isDate ? dateCharacters : comparisons(weight, rest[index]);
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

function refuseLong(text: unknown, of: string): void {
  if (typeof text === "string" && text.length > argumentLimit)
    throw new BeyondLimit(`gives ${of} more than ${argumentLimit} characters to look for`);
}

type Operator = (...operands: unknown[]) => unknown;

/** Liquid's operators, which do no more than they may. */
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
          weight += comparisons(operands[0].length, operands[1]);
        }
        effortOf(operands.at(-1) as Context).spendOn(weight);
        return (operator as Operator)(...operands);
      },
    ];
  }),
) as typeof defaultOperators;

type Collection = ForTag["collection"];

/** The names of a path without anything to evaluate; null for other collections. A range counts as memory when it is made. */
function namesOf(collection: Collection): readonly string[] | null {
  if (!TypeGuards.isPropertyAccessToken(collection) || collection.variable) return null;
  const names = collection.props.map((prop) => ("content" in prop ? prop.content : null));
  return names.every((name) => typeof name === "string") ? names : null;
}

/** Counts a collection that a loop goes through: all of it may be copied for one round. */
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
    // Liquid's own way there costs as much as a round of the loop.
    value = (context as unknown as { findScope(name: string): object }).findScope(names[0]!);
    for (const name of names) value = (value as Record<string, unknown> | null | undefined)?.[name];
  }
  if (Array.isArray(value)) effortOf(context).spendOn(value.length);
  else if (typeof value === "object" && value !== null)
    effortOf(context).spendOn(charactersOfEntry * Object.keys(value).length);
}

/** A loop over an object makes a list of its entries. */
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
