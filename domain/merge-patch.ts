import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Applies a JSON merge patch (RFC 7396): objects are merged, null removes a key, and any other value replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** The smallest merge patch that turns `from` into `to`. A null in `to` must also be in `from`: a patch cannot set null. */
export function patchBetween(from: object, to: object): Record<string, unknown> {
  const before = new Map<string, unknown>(Object.entries(from));
  const removed = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
  return Object.fromEntries([
    ...removed.map((key) => [key, null] as const),
    ...Object.entries(to).flatMap(([key, value]: [string, unknown]) => {
      const old = before.get(key);
      if (isDeepStrictEqual(old, value)) return [];
      return [[key, isObject(old) && isObject(value) ? patchBetween(old, value) : value] as const];
    }),
  ]);
}

/** Copies an object without the empty objects in it, which mean the same as a missing key. */
export function withoutEmpty<Value extends object>(value: Value): Value {
  const entries = Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
    const kept = isObject(part) ? withoutEmpty(part) : part;
    return isObject(kept) && Object.keys(kept).length === 0 ? [] : [[key, kept] as const];
  });
  return Object.fromEntries(entries) as Value;
}

/** A merge patch of a value: each part of an object may be left out, or null. */
export type MergePatch<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? { [Key in keyof Value]?: MergePatch<Value[Key]> | null | undefined }
    : Value;

/**
 * The schema of a merge patch of objects of `schema`. Each part is checked by its own schema. Checks over several parts, and of required
 * parts, are left to the caller, who checks the merged object by `schema`.
 */
export function mergePatchOf<Schema extends z.ZodObject>(
  schema: Schema,
): z.ZodType<MergePatch<z.output<Schema>>, MergePatch<z.output<Schema>>> {
  return toPatchSchema(schema) as unknown as z.ZodType<
    MergePatch<z.output<Schema>>,
    MergePatch<z.output<Schema>>
  >;
}

function toPatchSchema(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault) return toPatchSchema(schema.unwrap());
  const own = unwrap(schema);
  if (own instanceof z.ZodObject)
    return z
      .strictObject(
        Object.fromEntries(
          Object.entries(own.shape).map(([key, part]) => [key, toPatchSchema(part).nullish()]),
        ),
      )
      .meta({ ...own.meta() });
  if (own instanceof z.ZodRecord)
    return z
      .record(own.keyType as z.core.$ZodRecordKey, toPatchSchema(own.valueType).nullable())
      .meta({ ...own.meta() });
  // A part that is a value or an object may be replaced by either, and the object may be changed in parts.
  if (own instanceof z.ZodUnion && !(own instanceof z.ZodDiscriminatedUnion))
    return z
      .union(own.options.map((option) => toPatchSchema(option as z.core.$ZodType)))
      .meta({ ...own.meta() });
  return schema as z.ZodType;
}

const unwrap = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? unwrap(schema.unwrap())
    : schema;
