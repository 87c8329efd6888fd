/** Fields with their values. */
export type Facts = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Facts =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether two values of JSON are the same; a field that is absent is undefined. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (!isObject(a) || !isObject(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
    return a.length === b.length && a.every((each, index) => isSame(each, b[index]));
  }
  const keys = Object.keys({ ...a, ...b });
  return keys.every((key) => isSame(a[key], b[key]));
};

/** The merge patch (RFC 7396) that makes `before` of `after`: what was added is removed by null. */
export function reversePatch(before: Facts, after: Facts): Facts {
  const keys = Object.keys({ ...before, ...after }).filter(
    (key) => !isSame(before[key], after[key]),
  );
  return Object.fromEntries(
    keys.map((key) => {
      const [old, now] = [before[key], after[key]];
      if (!(key in before)) return [key, null];
      return [key, isObject(old) && isObject(now) ? reversePatch(old, now) : old];
    }),
  );
}
