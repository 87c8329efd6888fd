import { addressSpellings } from "./address.ts";
import { escapePattern } from "./text.ts";

/** The text that replaces a mark of an erased person. */
const erasedText = "[erased]";

/** A scalar in a person's attributes, and the smallest object that contains it in its place. */
export interface AttributeMark {
  value: string | number;
  /** The object that contains the scalar, for PostgreSQL's `@>`. */
  within: unknown;
}

/** The texts that may name a person in other places: in filters, data, keys and the audit trail. */
export interface PersonalMarks {
  /** Addresses and telephone numbers. They name the person in any place, in upper and lower case. */
  identifiers: readonly string[];
  externalId: string | null;
  /** An attribute names the person only if nobody else has the same value in the same place. */
  attributes: readonly AttributeMark[];
}

/** Shorter words and ids are too ambiguous: they only count as a whole value, or in a field that contains ids of recipients. */
const minWord = 6;
const minText = 2;
const minNumber = 1_000;
/** If a person has more scalars in their attributes, only the first ones are searched for. */
const maxAttributes = 500;

export function marksOf({
  externalId,
  email,
  phone,
  attributes,
}: {
  externalId: string | null;
  email: string | null;
  phone: string | null;
  attributes: unknown;
}): PersonalMarks {
  const spellings = email === null ? [] : [email, ...addressSpellings(email)];
  return {
    identifiers: [...new Set([...spellings, ...(phone === null ? [] : [phone])])],
    externalId,
    attributes: scalarsOf(attributes, (within) => within).slice(0, maxAttributes),
  };
}

function scalarsOf(value: unknown, wrap: (inner: unknown) => unknown): AttributeMark[] {
  if (typeof value === "string")
    return value.length < minText ? [] : [{ value, within: wrap(value) }];
  if (typeof value === "number")
    return Math.abs(value) < minNumber ? [] : [{ value, within: wrap(value) }];
  if (Array.isArray(value)) return value.flatMap((item) => scalarsOf(item, (at) => wrap([at])));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    scalarsOf(item, (at) => wrap({ [key]: at })),
  );
}

/** Every text or JSON that names the person contains one of these texts, without regard to case. */
export const searchTexts = ({ identifiers, externalId, attributes }: PersonalMarks): string[] => [
  ...new Set(
    [...identifiers, ...(externalId === null ? [] : [externalId]), ...attributes.map(textOf)].map(
      asInJson,
    ),
  ),
];

export const textOf = ({ value }: AttributeMark): string => String(value);

/** The JSON encoding of a text, without the quotes. */
export const asInJson = (text: string): string => JSON.stringify(text).slice(1, -1);

export interface Redactor {
  text: <Text extends string | null>(text: Text) => Text;
  json: <Value>(value: Value) => Value;
}

/**
 * Creates functions that remove a person's marks from texts and JSON. JSON without marks is returned as the same object.
 * @param unique the values of the person's attributes that nobody else has
 */
export function createRedactor(
  { identifiers, externalId }: Pick<PersonalMarks, "identifiers" | "externalId">,
  unique: readonly (string | number)[] = [],
): Redactor {
  const words = [
    ...(externalId !== null && externalId.length >= minWord ? [externalId] : []),
    ...unique.flatMap((value) => (typeof value === "string" ? [value] : [])),
  ];
  const whole = new Set<unknown>(words);
  const inner = words.filter((word) => word.length >= minWord);
  const numbers = new Set<unknown>(unique.filter((value) => typeof value === "number"));
  const patterns = [
    // The address of another person may contain this one.
    ...identifiers.map(
      (identifier) =>
        new RegExp(
          String.raw`(?<![\p{L}\p{N}._+])${escapePattern(identifier)}(?![\p{L}\p{N}]|[.-][\p{L}\p{N}])`,
          "giu",
        ),
    ),
    ...inner.map(
      (word) =>
        new RegExp(String.raw`(?<![\p{L}\p{N}])${escapePattern(word)}(?![\p{L}\p{N}])`, "gu"),
    ),
  ];

  const replace = (text: string): string =>
    whole.has(text)
      ? erasedText
      : patterns.reduce((result, pattern) => result.replaceAll(pattern, erasedText), text);

  /** @param isReference whether the field of the value contains ids of recipients */
  function walk(value: unknown, isReference: boolean): unknown {
    if (typeof value === "string")
      return isReference && value === externalId ? erasedText : replace(value);
    if (typeof value === "number") return numbers.has(value) ? erasedText : value;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      const items = value.map((item) => walk(item, isReference));
      return items.every((item, index) => item === value[index]) ? value : items;
    }
    const isCondition = "field" in value && value.field === "externalId";
    const entries = Object.entries(value).map(
      ([key, item]) => [replace(key), walk(item, isCondition || recipientFields.has(key))] as const,
    );
    return entries.every(([key, item]) => (value as Record<string, unknown>)[key] === item)
      ? value
      : Object.fromEntries(entries);
  }

  return {
    text: (text) => (text === null ? text : replace(text)) as typeof text,
    json: (value) => walk(value, false) as typeof value,
  };
}

/** The fields of requests and of the audit trail that contain ids of recipients. */
const recipientFields = new Set(["externalId", "recipient", "recipients"]);
