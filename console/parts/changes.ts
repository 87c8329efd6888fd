/** A value of a resource that differs: its path, such as `data.discount`, and what it was and is. */
export interface Change {
  path: string;
  from: unknown;
  to: unknown;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Lists the values in which two versions of a resource differ. Objects are compared value by value, and lists as a whole. */
export function listChanges(from: unknown, to: unknown, path = ""): Change[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  if (!(isObject(from) || from === undefined) || !(isObject(to) || to === undefined))
    return [{ path, from, to }];
  const names = new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})]);
  return [...names].flatMap((name) =>
    listChanges(from?.[name], to?.[name], path === "" ? name : `${path}.${name}`),
  );
}
