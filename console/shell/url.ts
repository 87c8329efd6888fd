/** Parses the query of an address. Each value stays a text: the route that it belongs to validates it. */
export const parseSearch = (query: string): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(query));

/** Writes the query of an address. Several values of one parameter are separated by commas, as the API has them. */
export function stringifySearch(search: Readonly<Record<string, unknown>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(search))
    if (typeof value === "string") parameters.set(name, value);
    else if (Array.isArray(value) && value.length > 0) parameters.set(name, value.join(","));
  const query = parameters.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return query && `?${query}`;
}

/** Reads a text of at most `longest` characters; undefined if there is none. */
export function readText(raw: unknown, longest: number): string | undefined {
  return typeof raw === "string" && raw !== "" && raw.length <= longest ? raw : undefined;
}

/** Reads one or several of the given values, separated by commas, and leaves out others; undefined if none is left. */
export function readSeveral<const Value extends string>(
  raw: unknown,
  values: readonly Value[],
): Value[] | undefined {
  const given: unknown[] = Array.isArray(raw) ? raw : typeof raw === "string" ? raw.split(",") : [];
  const known = values.filter((value) => given.includes(value));
  return known.length > 0 ? known : undefined;
}

/** The prefixes of the ids that the console has addresses for. */
export type IdPrefix = "dlv" | "cmp" | "ntf" | "rcp" | "grp" | "whe";

const idPattern = /^(dlv|cmp|ntf|rcp|grp|whe)_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** Returns the prefix of a public id; undefined if the text is none. */
export const prefixOf = (text: string) => idPattern.exec(text)?.[1] as IdPrefix | undefined;

/** Reads a public id with one of these prefixes; undefined if there is none. */
export function readId(raw: unknown, ...prefixes: IdPrefix[]): string | undefined {
  const prefix = typeof raw === "string" ? prefixOf(raw) : undefined;
  return prefix !== undefined && prefixes.includes(prefix) ? (raw as string) : undefined;
}

/** Reads an instant; undefined if there is none. */
export function readInstant(raw: unknown): string | undefined {
  const text = readText(raw, 40);
  return text !== undefined && /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text))
    ? text
    : undefined;
}

/** Leaves out what is undefined, so that an optional property is absent instead. */
export const omitUndefined = <Given extends object>(given: Given) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Given]?: Exclude<Given[Name], undefined>;
  };
