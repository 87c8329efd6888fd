import {
  Context,
  defaultOperators,
  Drop,
  type FilterImplOptions,
  type Liquid,
  toValue,
} from "liquidjs";
import { countCharacters, Markup } from "./liquid-values.ts";

/**
 * What liquidjs leaves unbounded. It looks at the time between the nodes of a template and counts the memory of most
 * filters; but one expression may hold thousands of steps, and one value may stand for a million copies of another.
 */

/** The template asks for more than it may have. */
export class BeyondLimit extends Error {}

/** Characters, and values beside text, that one value may be written as. */
const weightLimit = 2_000_000;
const depthLimit = 100;
/** Characters of what is searched for, and of the format of a date: the work is as much as this times the text. */
const argumentLimit = 1_000;

/** Steps between looks at the time. */
const stepsBetween = 32;

/** Sees that the time is kept within expressions too. */
export class BoundedContext extends Context {
  #steps = 0;

  override readProperty(object: object, key: Parameters<Context["readProperty"]>[1]): unknown {
    this.#steps += 1;
    if (this.#steps % stepsBetween === 0) keepTime(this);
    const of: unknown = object instanceof Markup ? object.valueOf() : object;
    if (typeof of === "string")
      // Its index would be half of a surrogate pair.
      return key === "size" || key === "length" ? countCharacters(of) : undefined;
    if (isComputed(key) && typeof of === "object" && of !== null && !isListOrDrop(of))
      return Object.hasOwn(of, key) ? (of as Record<string, unknown>)[key] : undefined;
    return super.readProperty(object, key) as unknown;
  }

  /** For an item of a list. */
  override spawn(scope: object = {}): Context {
    const { sync, globals, strictVariables, ownPropertyOnly, renderLimit, memoryLimit } = this;
    keepTime(this);
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

function keepTime({ renderLimit }: Context): void {
  renderLimit.check(performance.now());
}

/**
 * Throws for a value that would be written as too much. Lists that were pushed onto each other are small in memory, and
 * double with every step in text.
 */
export function weigh(value: unknown): void {
  let weight = 0;
  const count = (more: number): void => {
    weight += more;
    if (weight > weightLimit)
      throw new BeyondLimit(`has a value of more than ${weightLimit} characters`);
  };
  const add = (part: unknown, depth: number): void => {
    if (typeof part === "string") return count(part.length);
    count(1);
    if (typeof part !== "object" || part === null) return;
    if (depth >= depthLimit)
      throw new BeyondLimit(`has a value that nests deeper than ${depthLimit} levels`);
    if (Array.isArray(part)) for (const item of part) add(item, depth + 1);
    else if (part instanceof Drop) add(toValue(part), depth + 1);
    else
      for (const [key, item] of Object.entries(part)) {
        count(key.length);
        add(item, depth + 1);
      }
  };
  if (typeof value === "object" && value !== null) add(value, 0);
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

/** A filter that does no more than it may. */
export function boundFilter(name: string, handler: FilterHandler): FilterHandler {
  const short = shortArguments[name] ?? [];
  const counts = uncounted.has(name);
  return function (value: unknown, ...rest: unknown[]) {
    const { context } = this;
    keepTime(context);
    weigh(value);
    for (const argument of rest) weigh(argument);
    for (const index of short) refuseLong(rest[index], name);
    const result: unknown = handler.call(this, value, ...rest);
    if (counts && typeof result === "string") context.memoryLimit.use(result.length);
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
  Object.entries(defaultOperators).map(([name, operator]) => [
    name,
    (...operands: unknown[]) => {
      keepTime(operands.at(-1) as Context);
      for (const operand of operands.slice(0, -1)) weigh(operand);
      if (name === "contains" && typeof operands[0] === "string")
        refuseLong(operands[1], "contains");
      return (operator as Operator)(...operands);
    },
  ]),
) as typeof defaultOperators;

/** Bounds every filter of an engine. */
export function boundFilters({ filters }: Liquid): void {
  for (const [name, filter] of Object.entries(filters)) {
    filters[name] =
      typeof filter === "function"
        ? boundFilter(name, filter)
        : { ...filter, handler: boundFilter(name, filter.handler) };
  }
}
