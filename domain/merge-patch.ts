import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** JSON merge patch (RFC 7396): objects are merged, null removes, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** The least patch that makes `to` of `from`, which holds no null that `from` does not. */
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

/** Without the objects in it that hold nothing: they would say no more than their absence. */
export function withoutEmpty<Value extends object>(value: Value): Value {
  const entries = Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
    const kept = isObject(part) ? withoutEmpty(part) : part;
    return isObject(kept) && Object.keys(kept).length === 0 ? [] : [[key, kept] as const];
  });
  return Object.fromEntries(entries) as Value;
}

/** What patches a value: each part of an object may be left out, or null. */
export type MergePatch<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? { [Key in keyof Value]?: MergePatch<Value[Key]> | null | undefined }
    : Value;

/**
 * The schema of what patches objects of `schema`. Each part is held to what its own schema says; what one says of several
 * parts together, or must be there, is left to be checked of the whole when it is merged.
 */
export function mergePatchOf<Schema extends z.ZodObject>(
  schema: Schema,
): z.ZodType<MergePatch<z.output<Schema>>, MergePatch<z.output<Schema>>> {
  return patching(schema) as unknown as z.ZodType<
    MergePatch<z.output<Schema>>,
    MergePatch<z.output<Schema>>
  >;
}

function patching(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault) return patching(schema.unwrap());
  const own = unwrapped(schema);
  if (own instanceof z.ZodObject)
    return z
      .strictObject(
        Object.fromEntries(
          Object.entries(own.shape).map(([key, part]) => [key, patching(part).nullish()]),
        ),
      )
      .meta({ ...own.meta() });
  if (own instanceof z.ZodRecord)
    return z
      .record(own.keyType as z.core.$ZodRecordKey, patching(own.valueType).nullable())
      .meta({ ...own.meta() });
  return schema as z.ZodType;
}

const unwrapped = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? unwrapped(schema.unwrap())
    : schema;
